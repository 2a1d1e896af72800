//! The command line: global flags, the tree of commands, and the root help in groups.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::commands::{
    agent, api, audit, certificates, completions, deploy, deployments, detect, domains, env, environments,
    exec, github, grants, ingress, ingresses, init, invitations, keys, link, logs, metrics, nodes, notices,
    open, pipelines, plugins, projects, registries, runtimes, services, session, ship, sign_up, slots,
    source, teams, tokens, up, users, validate, version, visitors,
};
use crate::output::{Color, Verbosity, humane};

/// A repository becomes a live URL.
#[derive(Debug, Parser)]
#[command(name = "pierhead", version, disable_help_subcommand = false, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags that work before and after every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The project [variable: PIERHEAD_PROJECT]
    #[arg(short, long, global = true, value_name = "NAME", visible_alias = "app", visible_short_alias = 'a')]
    pub(crate) project: Option<String>,
    /// The environment
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// The slot [default: production]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) slot: Option<String>,
    /// The same as --slot production
    #[arg(long, global = true, conflicts_with = "slot", alias = "production")]
    pub(crate) prod: bool,
    /// The server [variable: PIERHEAD_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file that holds an API token [variable for the token itself: PIERHEAD_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print one JSON document on stdout, optionally only some fields
    #[arg(short, long, global = true, value_name = "FIELD,FIELD", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) json: Option<String>,
    /// Say nothing but the answer and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say why things were chosen; twice: every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// The same as --color never
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Answer yes to questions
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Never ask: fail with the command to run instead
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Confirm a deletion by the name of what is deleted
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Longest wait for an answer or a deployment, such as 90s or 5m
    #[arg(long, global = true, value_name = "DURATION", value_parser = humane::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Work as if started in this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// The server's settings file [variable: PIERHEAD_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Globals {
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, 0) => Verbosity::Normal,
            (_, 1) => Verbosity::Verbose,
            _ => Verbosity::Requests,
        }
    }

    pub(crate) fn color(&self) -> Color {
        if self.no_color { Color::Never } else { self.color }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server: control plane, node and ingress in one process
    Up(Box<up::UpArgs>),
    /// Start a node on this machine, for a control plane on another
    Agent(Box<agent::AgentArgs>),
    /// Start an ingress of its own, beside a server on this machine
    Ingress(Box<ingress::IngressArgs>),
    /// Build and list the runtime images of this machine
    #[command(visible_alias = "runtime")]
    Runtimes(runtimes::RuntimesArgs),
    /// Build, list, show and register plugins; try one of your own
    #[command(alias = "plugin")]
    Plugins(plugins::PluginsArgs),
    /// Sign in to a server
    Login(session::LoginArgs),
    /// Sign out
    Logout(session::LogoutArgs),
    /// Who is signed in, and where
    Whoami,
    /// Write a pierhead.yaml for this folder
    Init(init::InitArgs),
    /// Connect this folder to a project
    Link(link::LinkArgs),
    /// Disconnect this folder from its project
    Unlink,
    /// Show what would be built, from files alone
    Detect(detect::DetectArgs),
    /// Check project files
    Validate(validate::ValidateArgs),
    /// What is live, and what is on its way
    Status,
    /// Open the live URL in a browser
    Open(open::OpenArgs),
    /// Make a deployment and wait until it is live
    Deploy(Box<deploy::DeployArgs>),
    /// Deploy the same source again
    Redeploy(ship::RedeployArgs),
    /// Stop a deployment that is on its way
    Cancel(ship::CancelArgs),
    /// Make an earlier release live again, without building
    Rollback(ship::RollbackArgs),
    /// List, show, wait for and delete deployments
    #[command(alias = "deployment")]
    Deployments(deployments::DeploymentsArgs),
    /// List and delete slots
    #[command(alias = "slot")]
    Slots(slots::SlotsArgs),
    /// List, show, create, change and delete projects
    #[command(alias = "project")]
    Projects(projects::ProjectsArgs),
    /// What is running
    Ps,
    /// Read the log
    #[command(alias = "log")]
    Logs(logs::LogsArgs),
    /// What visitors were answered, and what services used, over time
    #[command(alias = "metric")]
    Metrics(metrics::MetricsArgs),
    /// Run a command in a service's container, or a shell
    Exec(exec::ExecArgs),
    /// Check the server's invariants
    Verify,
    /// Variables and secrets
    Env(env::EnvArgs),
    /// Hostnames of a project's own
    #[command(alias = "domain")]
    Domains(domains::DomainsArgs),
    /// Certificates of those hostnames
    #[command(alias = "certificate")]
    Certificates(certificates::CertificatesArgs),
    /// Who may visit what a project shows, and how often
    #[command(alias = "visitor")]
    Visitors(visitors::VisitorsArgs),
    /// Show, apply, check and compare a project's pipeline
    #[command(alias = "pipeline")]
    Pipelines(Box<pipelines::PipelinesArgs>),
    /// Services of the catalogue, and their tags
    #[command(alias = "service")]
    Services(services::ServicesArgs),
    /// What a project is built from, whether pushes arrive, and how its repository is entered
    #[command(alias = "sources")]
    Source(source::SourceArgs),
    /// Who is told when something happens to a project's deployments
    #[command(alias = "notification")]
    Notifications(notices::NoticesArgs),
    /// The GitHub App of this installation, and your account there
    Github(github::GithubArgs),
    /// Registries that images come from, and the accounts there
    #[command(alias = "registry")]
    Registries(registries::RegistriesArgs),
    /// List environments
    #[command(alias = "environment")]
    Environments(environments::EnvironmentsArgs),
    /// List, add and remove ingresses on other machines
    Ingresses(ingresses::IngressesArgs),
    /// List, add, cordon, drain and remove nodes
    #[command(alias = "node")]
    Nodes(nodes::NodesArgs),
    /// Teams and who is in them
    #[command(alias = "team")]
    Teams(teams::TeamsArgs),
    /// Invite people into teams, and answer invitations
    #[command(alias = "invitation")]
    Invitations(invitations::InvitationsArgs),
    /// What other teams may do with a project, or in an --environment
    #[command(alias = "grant")]
    Grants(grants::GrantsArgs),
    /// Accounts of this server
    #[command(alias = "user")]
    Users(users::UsersArgs),
    /// Who may make an account on this server
    SignUp(sign_up::SignUpArgs),
    /// Whether this server can send letters
    Mail(sign_up::MailArgs),
    /// What secrets are sealed with, and exchanging it
    #[command(alias = "key")]
    Keys(keys::KeysArgs),
    /// Where you are signed in
    #[command(alias = "session")]
    Sessions(users::SessionsArgs),
    /// The accounts elsewhere that you sign in with
    #[command(alias = "identity")]
    Identities(users::IdentitiesArgs),
    /// Who did what, when, from where
    Audit(audit::AuditArgs),
    /// API tokens for machines
    #[command(alias = "token")]
    Tokens(tokens::TokensArgs),
    /// Call the REST API
    Api(api::ApiArgs),
    /// Print a shell's completion script
    #[command(alias = "completion")]
    Completions(completions::CompletionsArgs),
    /// Print the version
    Version(version::VersionArgs),
}

/// The groups of the root help, in the order in which somebody new needs them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start a server", &["up", "agent", "ingress", "runtimes"]),
    ("Sign in", &["login", "logout", "whoami"]),
    ("This folder", &["init", "link", "unlink", "detect", "validate", "status", "open"]),
    ("Ship", &["deploy", "redeploy", "cancel", "rollback", "deployments", "slots", "projects"]),
    ("See", &["ps", "logs", "metrics", "verify"]),
    ("Run", &["exec"]),
    ("Configure", &["env", "source", "github", "domains", "certificates", "visitors", "notifications"]),
    ("Pipelines", &["pipelines", "services", "plugins", "registries"]),
    (
        "People",
        &["teams", "invitations", "grants", "users", "sign-up", "sessions", "identities", "tokens", "audit"],
    ),
    ("Platform", &["environments", "nodes", "ingresses", "mail", "keys"]),
    ("Tool", &["api", "completions", "version"]),
];

/// The parser, with its help in groups.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let groups = grouped_help(&command);
    command
        .help_template("{about}\n\n{usage-heading} {usage}{after-help}\n\n{options}")
        .after_help(groups)
        .mut_subcommands(|subcommand| {
            subcommand
                .help_template("{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}")
        })
}

fn grouped_help(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("\n{title}\n"));
        for name in *names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            text.push_str(&format!("  {name:<14}{}\n", about.map(ToString::to_string).unwrap_or_default()));
        }
    }
    text.push_str("\nMore about one of them: pierhead COMMAND --help\n\nGlobal options");
    text
}

/// Global flags whose value is the next word.
pub(crate) fn flags_that_take_the_next_word() -> Vec<String> {
    let command = Cli::command();
    let with_value =
        command.get_arguments().filter(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set());
    with_value
        .flat_map(|arg| {
            let long = arg
                .get_long_and_visible_aliases()
                .unwrap_or_default()
                .into_iter()
                .map(|name| format!("--{name}"));
            let short = arg
                .get_short_and_visible_aliases()
                .unwrap_or_default()
                .into_iter()
                .map(|name| format!("-{name}"));
            long.chain(short).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        grouped.sort_unstable();
        let command = Cli::command();
        let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }
}
