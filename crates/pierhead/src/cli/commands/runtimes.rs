//! `runtimes`: the images that projects build and run on. Works on the machine that runs the engine.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::roles::runtimes::{self, RuntimeImage};

#[derive(Debug, Args)]
pub(crate) struct RuntimesArgs {
    #[command(subcommand)]
    command: RuntimesCommand,
}

#[derive(Debug, Subcommand)]
enum RuntimesCommand {
    /// Build runtime images without any registry
    Build {
        /// Such as node or python [default: all]
        names: Vec<String>,
    },
    /// List runtimes, and which images are there
    #[command(visible_alias = "ls")]
    List,
}

pub(crate) async fn run(context: &Context, args: RuntimesArgs) -> Result<(), Error> {
    let images = match args.command {
        RuntimesCommand::Build { names } => runtimes::build(names, &|line| context.say(line)).await,
        RuntimesCommand::List => runtimes::list().await,
    };
    let images: Vec<RuntimeImage> = images.map_err(|error| Error::local(error.to_string(), "", ""))?;
    let mut table = Table::new(&["NAME", "VERSION", "IMAGE", "PRESENT"]);
    for image in &images {
        let present = if image.present { "yes" } else { "no" };
        table.row([image.name.clone(), image.version.clone(), image.image.clone(), present.to_owned()]);
    }
    context.show_table(&json!({ "items": images, "next_cursor": null }), &table, "No runtime is known.")
}
