//! `services`: images that admins describe once, for everybody's pipelines.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::pipelines::{name_in, read, yaml};
use crate::cli::client::pipelines::Kind;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct ServicesArgs {
    #[command(subcommand)]
    command: Option<ServicesCommand>,
}

#[derive(Debug, Subcommand)]
enum ServicesCommand {
    /// List the services of the catalogue
    #[command(visible_alias = "ls")]
    List,
    /// Print a service as YAML
    Show { name: String },
    /// Make or change a service from a file
    Apply {
        /// YAML or JSON with a `name`; `-` is standard input
        file: PathBuf,
    },
    /// List the tags that may be chosen, newest first
    Tags {
        name: String,
        /// Only tags that contain this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Remove a service; pipelines that were saved with it go on
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

/// What an answer says besides what was applied.
const ANSWER_ONLY: [&str; 5] = ["tag_mode", "version", "created_by", "created_at", "updated_at"];

pub(crate) async fn run(context: &Context, args: &ServicesArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&ServicesCommand::List) {
        ServicesCommand::List => {
            let found = client.catalogue(Kind::Services).await?;
            let mut table = Table::new(&["NAME", "IMAGE", "TAGS", "DESCRIPTION"]);
            for service in found.body.items {
                let tags = service.selectable_tags.unwrap_or_else(|| "pinned".to_owned());
                let description = plain(&service.description.unwrap_or_default());
                table.row([service.name, service.image, tags, description]);
            }
            context.show_table(&found.raw, &table, "No service yet: pierhead services apply FILE")
        }
        ServicesCommand::Show { name } => {
            let found = client.catalogue_item(Kind::Services, name).await?;
            // Without what only an answer has, so that it can be changed and applied.
            let mut document = found.raw.clone();
            if let Some(fields) = document.as_object_mut() {
                fields.retain(|name, value| !value.is_null() && !ANSWER_ONLY.contains(&name.as_str()));
            }
            context.show(&found.raw, || yaml(&document))
        }
        ServicesCommand::Apply { file } => {
            let text = read(context, file)?;
            let made = client.catalogue_apply(Kind::Services, &name_in(&text)?, &text).await?;
            context.say(&format!("The service {} is at version {}.", made.body.name, made.body.version));
            context.show(&made.raw, || vec![made.body.name.clone()])
        }
        ServicesCommand::Tags { name, search } => {
            let found = client.service_tags(name, search.as_deref()).await?;
            let tags = &found.body;
            if let Some(why) = &tags.stale {
                context.say(&format!("This list is older: {}", plain(why)));
            }
            match (&tags.pattern, tags.mode.as_str()) {
                (Some(pattern), _) => context.say(&format!("Tags that match {}:", plain(pattern))),
                (None, mode) => context.say(&format!("The tag is {}.", plain(mode))),
            }
            let mut table = Table::new(&["TAG", "MADE", ""]);
            for tag in &tags.items {
                let is_default = tags.default.as_ref() == Some(&tag.name);
                let mark = if is_default { "default" } else { "" };
                table.row([plain(&tag.name), context.moment(tag.created_at), mark.to_owned()]);
            }
            if tags.truncated {
                context.say("There are more: look for them with --search.");
            }
            context.show_table(&found.raw, &table, "No tag fits.")
        }
        ServicesCommand::Delete { name } => {
            context.agree(&format!("Remove the service {name} from the catalogue?"))?;
            client.catalogue_delete(Kind::Services, name).await?;
            context.say(&format!("The service {name} is removed."));
            Ok(())
        }
    }
}
