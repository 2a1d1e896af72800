//! `pierhead`: arguments → settings → role or command → exit status.

mod cli;
mod output;
mod roles;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("The program could not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::run())
}
