//! `github`: the app of the installation, and one's own account there.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct GithubArgs {
    #[command(subcommand)]
    command: Option<GithubCommand>,
}

#[derive(Debug, Subcommand)]
enum GithubCommand {
    /// Show the app and your account
    Show,
    /// Use a GitHub App; its secrets are asked for, or read from standard input, one in each line
    App {
        /// The app's number
        id: u64,
        /// The private key, as GitHub gave it
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
        /// A GitHub Enterprise Server instead of github.com
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Read the webhook secret and the client secret from standard input
        #[arg(long)]
        secrets_stdin: bool,
    },
    /// Forget the GitHub App
    ForgetApp,
    /// Connect your account at GitHub, to see repositories there and to connect projects with them
    Connect,
    /// Forget your account at GitHub
    Disconnect,
    /// List where the app is installed
    Installations,
    /// List repositories of an installation
    Repositories {
        installation: u64,
        /// A part of the name
        search: Option<String>,
    },
}

pub(crate) async fn run(context: &Context, args: &GithubArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&GithubCommand::Show) {
        GithubCommand::Show => {
            let found = client.github().await?;
            context.show(&found.raw, || {
                let app = match &found.body.app {
                    Some(app) => format!("App {} ({}); install it at {}", app.name, app.id, app.install_url),
                    None => "There is no GitHub App here.".to_owned(),
                };
                let account = match &found.body.login {
                    Some(login) => format!("Your account: {login}"),
                    None => "Your account is not connected.".to_owned(),
                };
                vec![plain(&app), plain(&account)]
            })
        }
        GithubCommand::App { id, key_file, url, secrets_stdin } => {
            let path = context.path(key_file);
            let unreadable = |error| {
                Error::local("the file cannot be read", error, "give the private key that GitHub gave")
            };
            let key = fs_err::read_to_string(&path).map_err(unreadable)?;
            let ask = |prompt: &str| {
                if *secrets_stdin {
                    return context.read_line().map(SecretString::from);
                }
                context.may_ask("two secrets are needed", "Add --secrets-stdin.")?;
                context.read_secret(prompt)
            };
            let (webhook, client_secret) = (ask("Webhook secret: ")?, ask("Client secret: ")?);
            let secrets = [&SecretString::from(key), &webhook, &client_secret];
            let set = client.github_app_set((*id, url.as_deref()), secrets).await?;
            context.say("GitHub knows it. Install it for the accounts whose repositories you deploy.");
            context.show(&set.raw, || vec![plain(&set.body.install_url)])
        }
        GithubCommand::ForgetApp => {
            context.agree(
                "Forget the GitHub App? Projects that are connected through it are entered no longer.",
            )?;
            client.github_app_delete().await?;
            context.say("Forgotten. Delete it at GitHub too.");
            Ok(())
        }
        GithubCommand::Connect => {
            let begun = client.github_begin().await?.body;
            context.say(&format!("Open this address, and agree:\n{}", plain(&begun.url)));
            context.say("GitHub sends your browser back to Pierhead.");
            context.may_ask("the address that the browser was sent back to is needed", "Use the console.")?;
            let address = context.read_secret("Paste the address that the browser shows then: ")?;
            let (code, state) = answer(address.expose_secret());
            let done = client.github_finish((&code, &state), &begun.continuation).await?;
            context.say("Connected.");
            context.show(&done.raw, || done.body.login.iter().map(|login| plain(login)).collect())
        }
        GithubCommand::Disconnect => {
            client.github_disconnect().await?;
            context.say("Forgotten. Projects that were connected with it stay connected.");
            Ok(())
        }
        GithubCommand::Installations => {
            let found = client.github_installations().await?;
            let mut table = Table::new(&["ID", "ACCOUNT", "REPOSITORIES", "SUSPENDED"]);
            for it in found.body.items {
                let suspended = if it.suspended { "yes" } else { "no" };
                table.row([it.id.to_string(), it.account, it.repositories, suspended.to_owned()]);
            }
            context.show_table(&found.raw, &table, "The app is installed nowhere that you may see.")
        }
        GithubCommand::Repositories { installation, search } => {
            let found = client.github_repositories(*installation, search.as_deref()).await?;
            let mut table = Table::new(&["REPOSITORY", "BRANCH", "MAY CONNECT", "ADDRESS"]);
            for it in found.body.items {
                let may = if it.may_connect { "yes" } else { "no" };
                table.row([it.name, it.default_branch.unwrap_or_default(), may.to_owned(), it.clone_url]);
            }
            context.show_table(&found.raw, &table, "There is no such repository.")
        }
    }
}

/// The code and the state in the address that a browser was sent back to.
fn answer(address: &str) -> (String, String) {
    let url = Url::parse(address.trim()).ok();
    let field = |name: &str| {
        let found = url.as_ref()?.query_pairs().find(|(known, _)| known == name)?;
        Some(found.1.into_owned())
    };
    (field("code").unwrap_or_default(), field("state").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_answers_is_read_from_the_address() {
        let read = answer(" https://deploy.example.com/console/github?code=abc&state=x%2Fy \n");
        assert_eq!(read, ("abc".to_owned(), "x/y".to_owned()));
        assert_eq!(answer("nothing"), (String::new(), String::new()));
    }
}
