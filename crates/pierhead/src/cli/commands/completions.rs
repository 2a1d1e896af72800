//! `completions`: a shell's completion script.

use clap::Args;
use clap_complete::Shell;

use crate::cli::arguments;
use crate::cli::context::Context;
use crate::cli::error::Error;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pierhead completions bash > /etc/bash_completion.d/pierhead\n  pierhead completions zsh > ~/.zfunc/_pierhead"
)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

pub(crate) fn run(context: &Context, args: &CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut arguments::command(), "pierhead", &mut script);
    Ok(context.printer.raw(&script)?)
}
