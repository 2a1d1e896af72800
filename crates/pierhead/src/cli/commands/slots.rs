//! `slots`: the stable places of a project.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct SlotsArgs {
    #[command(subcommand)]
    command: Option<SlotsCommand>,
}

#[derive(Debug, Subcommand)]
enum SlotsCommand {
    /// List slots
    #[command(visible_alias = "ls")]
    List,
    /// Delete a slot and everything that runs in it
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

pub(crate) async fn run(context: &Context, args: SlotsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?;
    match args.command.unwrap_or(SlotsCommand::List) {
        SlotsCommand::List => {
            let slots = client.slots(&project.name).await?;
            let mut table = Table::new(&["SLOT", "ENVIRONMENT", "LIVE", "LATEST", "URL"]);
            for slot in slots.body {
                let live = if slot.deleting { Some("(deleting)".to_owned()) } else { slot.live };
                table.row([
                    slot.name,
                    slot.environment,
                    live.unwrap_or_default(),
                    slot.latest.unwrap_or_default(),
                    slot.url,
                ]);
            }
            context.show_table(&slots.raw, &table, "No slot yet: pierhead deploy")
        }
        SlotsCommand::Delete { name } => {
            context.agree_by_name(&format!("the slot of {} and what runs in it", project.name), &name)?;
            let answer = client.slot_delete(&project.name, &name).await?;
            context.say(&format!("Deleting {name}."));
            context.show(&answer, Vec::new)
        }
    }
}
