//! `runtimes`: the images that projects build and run on. Works on the machine that runs the engine.

use clap::{Args, Subcommand};
use serde_json::json;

use super::up;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::{Table, safe_text};
use crate::roles::runtimes;
use crate::settings::Flags;

#[derive(Debug, Args)]
pub(crate) struct RuntimesArgs {
    #[command(subcommand)]
    command: RuntimesCommand,
}

#[derive(Debug, Subcommand)]
enum RuntimesCommand {
    /// Build runtime images without any registry
    Build {
        /// Such as node, node:20 or python [default: node, python and php]
        names: Vec<String>,
    },
    /// List runtimes, and which images are there
    #[command(visible_alias = "ls")]
    List,
}

pub(crate) async fn run(context: &Context, args: RuntimesArgs) -> Result<(), Error> {
    let settings = up::settings(context, &Flags::default())?;
    let failed = |error: anyhow::Error| {
        let fix = "Docker must run on this machine, and you must be allowed to use it.";
        Error::local("the runtimes cannot be had", format!("{error:#}"), fix)
    };
    match args.command {
        RuntimesCommand::Build { names } => {
            let say = |line: &str| context.say(&safe_text::plain(line));
            let images = runtimes::build(&settings, &names, &say).await.map_err(failed)?;
            context.show(&json!({ "items": images, "next_cursor": null }), || images.clone())
        }
        RuntimesCommand::List => {
            let found = runtimes::list(&settings).await.map_err(failed)?;
            let mut table = Table::new(&["RUNTIME", "VERSION", "IMAGE"]);
            for runtime in &found {
                table.row([
                    runtime.runtime.clone(),
                    runtime.version.clone(),
                    runtime.image.clone().unwrap_or_default(),
                ]);
            }
            context.show_table(
                &json!({ "items": found, "next_cursor": null }),
                &table,
                "No runtime is known.",
            )
        }
    }
}
