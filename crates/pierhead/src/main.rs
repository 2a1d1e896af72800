//! Arguments → settings → role or command → exit status.
//!
//! `pierhead up` is a server, everything else talks to one; both are this program. What the process was given (arguments,
//! environment) is read here and handed in.

mod cli;
mod environment;
mod output;
mod roles;
mod settings;

use std::process::ExitCode;

use environment::Environment;

/// Requests come and go in small pieces on all cores: what this saves is measured in docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One cryptography provider for every TLS connection; a second installation is refused and harmless.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::cannot_start(&error),
    };
    runtime.block_on(cli::run(arguments, Environment::of_this_process()))
}
