//! `ingress`: the entry point as a process of its own.

use std::process::ExitCode;

use clap::Args;

use super::up::settings;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::roles;
use crate::roles::ingress::Part;
use crate::settings::IngressFlags;

#[derive(Debug, Args)]
pub(crate) struct IngressArgs {
    #[command(flatten)]
    flags: IngressFlags,
    /// Serve in this process, with nobody who looks after it
    #[arg(long)]
    serve: bool,
}

pub(crate) async fn run(context: &Context, args: &IngressArgs) -> Result<ExitCode, Error> {
    let settings = settings(context, &args.flags.0)?;
    let part = if args.serve { Part::Server } else { Part::Watchdog };
    let ended = roles::ingress::run(settings, part, &context.printer).await;
    ended.map_err(|error| {
        Error::local(
            "the ingress cannot go on",
            format!("{error:#}"),
            "Its settings: pierhead ingress --help",
        )
    })
}
