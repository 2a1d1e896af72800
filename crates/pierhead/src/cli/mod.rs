//! The command line: what can be typed, and where it leads.

mod client;
mod deploy;
mod logs;
mod server;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::client::Client;
use crate::output;

/// A self-hosted deployment platform: a git repository becomes a live URL.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    /// Address of the server (PIERHEAD_URL).
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// One JSON document on stdout.
    #[arg(short, long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server: control plane, agent and ingress in one process
    Up(server::Up),
    /// Make or list the base images of node, python and php
    #[command(subcommand)]
    Runtimes(server::Runtimes),
    /// Say what would be built from a folder's files; needs no server
    Detect(server::Detect),
    /// Sign in
    Login(client::Login),
    /// Sign out
    Logout,
    /// Who is signed in, and where
    Whoami,
    /// Deploy a repository or a project, and watch it
    Deploy(deploy::Deploy),
    /// List projects
    #[command(alias = "project")]
    Projects,
    /// List deployments, newest first
    #[command(aliases = ["deployment", "releases"])]
    Deployments(show::Deployments),
    /// List the slots of a project
    Slots(show::OfProject),
    /// Print a deployment's log
    Logs(logs::Logs),
    /// Make the release live again that was live before
    Rollback(deploy::Rollback),
    /// Build and deploy the same again
    Redeploy(deploy::OfDeployment),
    /// Cancel a deployment that is on its way
    Cancel(deploy::OfDeployment),
    /// Check the server's invariants
    Verify,
    /// Print the version
    Version,
}

/// What a command gives back: an exit status of UX conventions, or an error with one.
pub(crate) type Outcome = Result<ExitCode, Failed>;

/// A command that failed, with the status it exits with.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Failed {
    pub(crate) fn new(status: u8, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::new(1, format!("{error:#}"))
    }
}

/// Reads the arguments and does what they say.
pub(crate) async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments).await {
        Ok(status) => status,
        Err(failed) => {
            output::error(&failed.message);
            ExitCode::from(failed.status)
        }
    }
}

async fn dispatch(arguments: Arguments) -> Outcome {
    let json = arguments.json;
    match arguments.command {
        Command::Up(up) => up.run().await,
        Command::Runtimes(runtimes) => runtimes.run(json).await,
        Command::Detect(detect) => detect.run(json),
        Command::Version => {
            output::answer(concat!("pierhead ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
        Command::Login(login) => login.run(arguments.url.as_deref()).await,
        command => {
            let client = Client::open(arguments.url.as_deref())?;
            match command {
                Command::Logout => client.logout().await,
                Command::Whoami => client.whoami(json).await,
                Command::Deploy(deploy) => deploy.run(&client, json).await,
                Command::Projects => show::projects(&client, json).await,
                Command::Deployments(list) => list.run(&client, json).await,
                Command::Slots(slots) => slots.slots(&client, json).await,
                Command::Logs(logs) => logs.run(&client, json).await,
                Command::Rollback(rollback) => rollback.run(&client, json).await,
                Command::Redeploy(of) => of.redeploy(&client, json).await,
                Command::Cancel(of) => of.cancel(&client, json).await,
                Command::Verify => show::verify(&client, json).await,
                Command::Up(_)
                | Command::Runtimes(_)
                | Command::Detect(_)
                | Command::Login(_)
                | Command::Version => Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// Where this user keeps small files.
fn state_folder() -> anyhow::Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = from("XDG_STATE_HOME").or_else(|| Some(from("HOME")?.join(".local/state")));
    Ok(base
        .ok_or_else(|| anyhow::anyhow!("HOME is not set: where should credentials be kept?"))?
        .join("pierhead"))
}
