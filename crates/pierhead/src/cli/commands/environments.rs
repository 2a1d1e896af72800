//! `environments`: sets of nodes with a base domain.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct EnvironmentsArgs {
    #[command(subcommand)]
    command: Option<EnvironmentsCommand>,
}

#[derive(Debug, Subcommand)]
enum EnvironmentsCommand {
    /// List environments
    #[command(visible_alias = "ls")]
    List,
}

pub(crate) async fn run(context: &Context, args: &EnvironmentsArgs) -> Result<(), Error> {
    let EnvironmentsCommand::List = args.command.as_ref().unwrap_or(&EnvironmentsCommand::List);
    let environments = context.client()?.environments().await?;
    let mut table = Table::new(&["NAME", "DRIVER", "BASE DOMAIN"]);
    for environment in environments.body {
        table.row([environment.name, environment.driver, environment.base_domain]);
    }
    context.show_table(&environments.raw, &table, "No environment yet.")
}
