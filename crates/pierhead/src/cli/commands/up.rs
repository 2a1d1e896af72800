//! `up`: a server on this machine.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::roles;
use crate::settings::{self, Flags, Settings};

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(context: &Context, args: &UpArgs) -> Result<ExitCode, Error> {
    let settings = settings(context, &args.flags)?;
    if meant_deploy(context, &settings.data_dir.value)? {
        context.agree(
            "`up` starts a Pierhead server here. To deploy this folder: pierhead deploy. Start a server?",
        )?;
    }
    let ended = roles::up::run(settings, &context.printer).await;
    ended.map_err(|error| {
        Error::local("the server cannot go on", format!("{error:#}"), "Its settings: pierhead up --help")
    })
}

/// The server's settings, as every command on the server's machine sees them.
pub(crate) fn settings(context: &Context, flags: &Flags) -> Result<Settings, Error> {
    let file = settings::config_file(context.globals.config.as_deref(), &context.environment);
    if let Some(file) = &file {
        context.printer.explain(&format!("settings from {}", file.display()));
    }
    settings::load(flags, &context.environment, file.as_deref())
        .map_err(|error| Error::usage(error.to_string(), "All settings: pierhead up --help"))
}

/// Somebody from Railway may type `up` to deploy: a linked folder, signed in, and no server here yet.
fn meant_deploy(context: &Context, data_dir: &std::path::Path) -> Result<bool, Error> {
    let signed_in =
        || context.credentials().and_then(|store| store.load()).is_ok_and(|saved| saved.current.is_some());
    Ok(context.printer.can_ask() && !data_dir.exists() && context.facts()?.is_linked() && signed_in())
}
