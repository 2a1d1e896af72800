//! `grants`: what other teams may do with a project, or with --environment in an environment.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::client::access::On;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    command: Option<GrantsCommand>,
}

/// A named bundle of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bundle {
    /// Looks
    ReadOnly,
    /// Looks, changes and deploys
    Write,
    /// All of that, and deletes
    FullAccess,
}

impl Bundle {
    const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::ReadOnly => &["read"],
            Self::Write => &["read", "write"],
            Self::FullAccess => &["read", "write", "delete"],
        }
    }
}

#[derive(Debug, Subcommand)]
enum GrantsCommand {
    /// List grants
    #[command(visible_alias = "ls")]
    List,
    /// Grant something to a team, instead of what it was granted before
    #[command(visible_aliases = ["add", "create"])]
    Set { team: String, access: Bundle },
    /// Take a grant back
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { id: String },
}

pub(crate) async fn run(context: &Context, args: &GrantsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project;
    let on = match &context.globals.environment {
        Some(environment) => On::Environment(environment),
        None => {
            project = target::project(context, &client).await?;
            On::Project(&project.name)
        }
    };
    match args.command.as_ref().unwrap_or(&GrantsCommand::List) {
        GrantsCommand::List => {
            let grants = client.grants(on).await?;
            let mut table = Table::new(&["ID", "TEAM", "SCOPES", "BY"]);
            for grant in grants.body {
                table.row([grant.id, grant.team, grant.scopes.join(","), grant.created_by]);
            }
            context.show_table(&grants.raw, &table, "No other team was granted anything.")
        }
        GrantsCommand::Set { team, access } => {
            let grant = client.grant_put(on, team, access.scopes()).await?;
            context.show(&grant.raw, || {
                let body = &grant.body;
                vec![plain(&format!("{}  {}  {}", body.id, body.team, body.scopes.join(",")))]
            })
        }
        GrantsCommand::Delete { id } => {
            client.grant_delete(on, id).await?;
            context.say("Taken back.");
            Ok(())
        }
    }
}
