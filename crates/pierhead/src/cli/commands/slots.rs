//! `slots`: the stable places of a project.

use clap::{Args, Subcommand};

use super::pipelines::pair;
use super::ship::finish;
use crate::cli::client::types::NewClone;
use crate::cli::context::Context;
use crate::cli::deploying::ShowLogs;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::{Table, humane};

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
    /// Keep a slot for longer: its lifetime begins anew
    Extend {
        name: String,
        /// Another lifetime from now on, such as 3d, or `forever`
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        lifetime: Option<u32>,
    },
    /// Make a copy of a slot beside it, with what was chosen there, and wait until it is live
    Clone {
        /// The slot that is copied
        from: String,
        /// The name of the copy
        name: String,
        /// Another tag for a service, as SERVICE=TAG
        #[arg(long = "tag", value_name = "SERVICE=TAG", value_parser = pair)]
        tags: Vec<(String, String)>,
        /// Another value for a parameter, as NAME=VALUE
        #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
        parameters: Vec<(String, String)>,
        /// Do not wait
        #[arg(short, long, visible_alias = "no-wait")]
        detach: bool,
    },
    /// Delete a slot and everything that runs in it
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

/// Seconds; 0 is for ever.
fn lifetime(text: &str) -> Result<u32, String> {
    if text == "forever" {
        return Ok(0);
    }
    let duration = humane::parse_duration(text)?;
    u32::try_from(duration.as_secs()).map_err(|_| format!("`{text}` is too long: use `forever`"))
}

pub(crate) async fn run(context: &Context, args: SlotsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?;
    match args.command.unwrap_or(SlotsCommand::List) {
        SlotsCommand::List => {
            let slots = client.slots(&project.name).await?;
            let mut table = Table::new(&["SLOT", "ENVIRONMENT", "LIVE", "LATEST", "EXPIRES", "URL"]);
            for slot in slots.body {
                let live = if slot.deleting { Some("(deleting)".to_owned()) } else { slot.live };
                table.row([
                    slot.name,
                    slot.environment,
                    live.unwrap_or_default(),
                    slot.latest.unwrap_or_default(),
                    context.moment(slot.expires_at),
                    slot.url,
                ]);
            }
            context.show_table(&slots.raw, &table, "No slot yet: pierhead deploy")
        }
        SlotsCommand::Extend { name, lifetime } => {
            let extended = client.slot_extend(&project.name, &name, lifetime).await?;
            let told = match extended.body.expires_at {
                Some(_) => format!("{name} is kept until {}.", context.moment(extended.body.expires_at)),
                None => format!("{name} is kept until it is deleted."),
            };
            context.say(&told);
            context.show(&extended.raw, Vec::new)
        }
        SlotsCommand::Clone { from, name, tags, parameters, detach } => {
            let (tags, parameters) = (tags.into_iter().collect(), parameters.into_iter().collect());
            let body = NewClone { slot: name, tags, parameters };
            let accepted = client.slot_clone(&project.name, &from, &body).await?;
            Box::pin(finish(context, &client, accepted, detach, ShowLogs::Tail)).await
        }
        SlotsCommand::Delete { name } => {
            context.agree_by_name(&format!("the slot of {} and what runs in it", project.name), &name)?;
            let answer = client.slot_delete(&project.name, &name).await?;
            context.say(&format!("Deleting {name}."));
            context.show(&answer, Vec::new)
        }
    }
}
