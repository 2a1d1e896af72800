//! `agent`: a node on this machine, for a control plane on another.

use std::process::ExitCode;

use clap::Args;

use super::up::settings;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::roles;
use crate::settings::AgentFlags;

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    flags: AgentFlags,
}

pub(crate) async fn run(context: &Context, args: &AgentArgs) -> Result<ExitCode, Error> {
    let settings = settings(context, &args.flags.0)?;
    let ended = roles::agent::run(settings, &context.printer).await;
    ended.map_err(|error| {
        Error::local("the agent cannot go on", format!("{error:#}"), "Its settings: pierhead agent --help")
    })
}
