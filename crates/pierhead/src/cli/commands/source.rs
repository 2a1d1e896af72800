//! `source`: what a project is built from, whether pushes arrive, and how its repository is entered.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::cli::client::sources::{HostKey, Source, SourceAccess, SourceConnection};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(subcommand)]
    command: Option<SourceCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, strum::Display)]
#[strum(serialize_all = "snake_case")]
enum Provider {
    GithubApp,
    Github,
    Gitlab,
    /// Forgejo too
    Gitea,
}

#[derive(Debug, Subcommand)]
enum SourceCommand {
    /// Show which branches are followed and how the repository is entered
    Show,
    /// Look now whether something was pushed
    Sync,
    /// Find out whether the repository's service reaches this server, and why not
    Check,
    /// Make a new secret for the project's webhooks, and show it once
    Secret,
    /// Make a deploy key for an ssh repository, and show what to paste into its settings
    DeployKey,
    /// Give the project a token for an https repository
    Token {
        /// What is sent beside the token; most servers take any name
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        /// Read the token from standard input instead of asking for it
        #[arg(long)]
        token_stdin: bool,
    },
    /// Connect the project with its repository's service: by the GitHub App, or with a token
    Connect {
        #[arg(long, value_enum, default_value_t = Provider::GithubApp)]
        by: Provider,
        /// Where the API is, when it is not where the repository's server has it
        #[arg(long, value_name = "URL")]
        api_url: Option<String>,
        /// Read the token from standard input instead of asking for it
        #[arg(long)]
        token_stdin: bool,
    },
    /// Disconnect the project from its repository's service
    Disconnect,
    /// Make the project's webhook at its service
    Webhook {
        /// Take it away instead
        #[arg(long)]
        remove: bool,
    },
    /// Forget the project's token or deploy key
    Forget,
    /// Ask an ssh server for its keys, to compare them with what its operator publishes
    HostKeys,
    /// Approve the key of an ssh server
    Trust {
        /// As `host-keys` and the server's operator show it
        #[arg(value_name = "SHA256:…")]
        fingerprint: String,
    },
    /// Let a commit of a pull request from a fork be built
    Approve {
        /// The pull request
        number: u64,
        /// The whole hash of the commit that you looked at
        commit: String,
        /// Build it with the project's secrets too
        #[arg(long)]
        secrets: bool,
    },
}

pub(crate) async fn run(context: &Context, args: &SourceArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?.name;
    match args.command.as_ref().unwrap_or(&SourceCommand::Show) {
        SourceCommand::Show => {
            let found = client.source(&project).await?;
            context.show(&found.raw, || shown(&found.body))
        }
        SourceCommand::Sync => {
            let found = client.source_sync(&project).await?;
            context.say("Looking; `pierhead source` shows what it came to.");
            context.show(&found.raw, || shown(&found.body))
        }
        SourceCommand::Check => {
            let found = client.source_check(&project).await?;
            if found.body.reach == "unreached" {
                context.show(&found.raw, Vec::new)?;
                let fix =
                    "`pierhead source sync` looks now; pushes are found within ten minutes all the same.";
                return Err(Error::local("webhooks do not arrive", plain(&found.body.detail), fix));
            }
            context.show(&found.raw, || vec![plain(&found.body.detail)])
        }
        SourceCommand::Secret => {
            let made = client.source_secret(&project).await?;
            context.say("Give this to your provider; it is not shown again.");
            context.show(&made.raw, || {
                let addresses = made.body.addresses.as_object().into_iter().flatten();
                let addresses = addresses
                    .map(|(kind, path)| plain(&format!("{kind:<8} {}", path.as_str().unwrap_or_default())));
                std::iter::once(plain(&made.body.secret)).chain(addresses).collect()
            })
        }
        SourceCommand::DeployKey => {
            let made = client.source_deploy_key(&project).await?;
            let access = &made.body.access;
            let place = access.settings_url.as_deref().unwrap_or("the repository's settings");
            context.say(&format!("Add this deploy key in {}; it needs to read only.", plain(place)));
            context.show(&made.raw, || access.public_key.iter().map(|key| plain(key)).collect())
        }
        SourceCommand::Token { username, token_stdin } => {
            let token = if *token_stdin {
                SecretString::from(context.read_line()?)
            } else {
                context.may_ask("a token is needed", "Add --token-stdin.")?;
                context.read_secret("Token: ")?
            };
            let given = client.source_token(&project, username.as_deref(), &token).await?;
            context.say("The repository is entered with this token from now on.");
            context.show(&given.raw, || vec![plain(&entered(&given.body.access))])
        }
        SourceCommand::Connect { by, api_url, token_stdin } => {
            let token = match (by, token_stdin) {
                (Provider::GithubApp, _) => None,
                (_, true) => Some(SecretString::from(context.read_line()?)),
                (_, false) => {
                    context.may_ask("a token is needed", "Add --token-stdin.")?;
                    Some(context.read_secret("Token: ")?)
                }
            };
            let provider = by.to_string();
            let told = (provider.as_str(), api_url.as_deref());
            let found = client.source_connect(&project, told, token.as_ref()).await?;
            context.say("Connected: what becomes of deployments is told there.");
            context.show(&found.raw, || shown(&found.body))
        }
        SourceCommand::Disconnect => {
            context.agree(&format!("Disconnect {project} from its repository's service?"))?;
            client.source_disconnect(&project).await?;
            context.say("Disconnected.");
            Ok(())
        }
        SourceCommand::Webhook { remove: true } => {
            client.source_webhook_remove(&project).await?;
            context.say("Taken away.");
            Ok(())
        }
        SourceCommand::Webhook { remove: false } => {
            let made = client.source_webhook(&project).await?;
            context.say("Made: pushes arrive from now on.");
            context.show(&made.raw, || shown(&made.body))
        }
        SourceCommand::Forget => {
            context.agree(&format!("Forget how the repository of {project} is entered?"))?;
            client.source_credential_delete(&project).await?;
            context.say("Forgotten. Take it away at the repository's server too.");
            Ok(())
        }
        SourceCommand::HostKeys => {
            let found = client.source_host_keys(&project).await?;
            let mut table = Table::new(&["SERVER", "ALGORITHM", "FINGERPRINT", "PUBLISHED"]);
            for key in found.body.items {
                let published = if key.published { "yes" } else { "no" };
                table.row([key.server, key.algorithm, key.fingerprint, published.to_owned()]);
            }
            context.show_table(&found.raw, &table, "The server shows no key.")
        }
        SourceCommand::Trust { fingerprint } => {
            let found = client.source_trust(&project, fingerprint).await?;
            context.say("Approved for this project.");
            context.show(&found.raw, || found.body.access.host_keys.iter().map(known).collect())
        }
        SourceCommand::Approve { number, commit, secrets } => {
            let found = client.pull_approve(&project, *number, (commit, *secrets)).await?;
            context.say(&format!("The pull request {number} is looked at now."));
            context.show(&found.raw, || shown(&found.body))
        }
    }
}

fn shown(source: &Source) -> Vec<String> {
    let mut lines = vec![plain(&source.verdict), plain(&entered(&source.access))];
    lines.extend(source.connection.iter().map(connected));
    lines.extend(source.access.host_keys.iter().map(known));
    for branch in &source.branches {
        let commit = branch.commit.as_deref().map_or("-", |commit| commit.get(..12).unwrap_or(commit));
        let never = if branch.looked_at.is_none() { "not looked at yet" } else { "" };
        let outcome = branch.problem.as_deref().or(branch.outcome.as_deref()).unwrap_or(never);
        lines.push(plain(&format!("{}  {}  {commit}  {outcome}", branch.reference, branch.slot)));
    }
    lines
}

fn entered(access: &SourceAccess) -> String {
    let server = access.server.as_deref().unwrap_or_default();
    match (access.credential.as_deref(), &access.unused) {
        (None, _) => "The repository is entered without a credential.".to_owned(),
        (Some(kind), None) => format!("The repository is entered with a {kind} for {server}."),
        (Some(kind), Some(why)) => format!("There is a {kind} for {server} that is not used: {why}."),
    }
}

fn connected(connection: &SourceConnection) -> String {
    let SourceConnection { provider, repository, webhook, unused, problem } = connection;
    let hook = if *webhook { ", with a webhook of its own" } else { "" };
    let why = unused.as_ref().map(|why| format!("; not used: {why}"));
    let problem = problem.as_ref().map(|problem| format!("; not told there: {problem}"));
    let more = why.or(problem).unwrap_or_default();
    plain(&format!("Connected with {repository} by {provider}{hook}{more}."))
}

fn known(key: &HostKey) -> String {
    plain(&format!("{}  {}  {}", key.server, key.algorithm, key.fingerprint))
}
