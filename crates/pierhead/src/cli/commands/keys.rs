//! `keys`: what secrets are sealed with, and exchanging it.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Their names and ages
    Show,
    /// Exchange the master key for the next one, while everything runs
    ///
    /// A key in the data directory is followed by a new one; one in a file of yours (`--master-key-file`) by what the file holds
    /// now; one in Vault by its newest version there. When it was cut, say it again.
    Rotate,
}

pub(crate) async fn run(context: &Context, args: &KeysArgs) -> Result<(), Error> {
    let client = context.client()?;
    let keys = match args.command.as_ref().unwrap_or(&KeysCommand::Show) {
        KeysCommand::Show => client.keys().await?,
        KeysCommand::Rotate => {
            let keys = client.keys_rotate().await?;
            context.say(
                "Every data key is wrapped by this master key now. Backups from before need the one before.",
            );
            keys
        }
    };
    context.show(&keys.raw, || {
        let mut lines = vec![plain(&format!("Master key  {}", keys.body.master))];
        let newest = keys.body.data_keys.last().map(|key| key.id);
        lines.extend(keys.body.data_keys.iter().map(|key| {
            let use_of = if Some(key.id) == newest { "seals and opens" } else { "opens" };
            format!("Data key {}  {use_of}, made {}", key.id, key.created_at)
        }));
        lines
    })
}
