//! `make bench`: the ingress beside nginx and HAProxy, in one run.
//!
//! Machines differ and are noisy, so every figure is a ratio. All servers run at the same time, each pinned to the same core,
//! but only one is under load at any moment; rounds alternate between them. The load generator (`wrk`) and the upstream are
//! pinned to another core. Besides requests per second there is CPU time per request, which holds when other work shares the
//! machine.
//!
//! `pierhead-bench run RESULTS` measures, `pierhead-bench serve …` is the ingress it starts for itself, and
//! `pierhead-bench deploy BINARY RESULTS ROUNDS` measures deployments and waking up.

mod case;
mod deployment;
mod load;
mod peers;
mod process;
mod report;
mod rounds;
mod server;
mod wake;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["run", results] => rounds::run(Path::new(results)),
        ["serve", port, upstream, folder, routes, changes_per_second] => {
            let table =
                server::Table { routes: routes.parse()?, changes_per_second: changes_per_second.parse()? };
            server::run(port.parse()?, upstream.parse()?, Path::new(folder), table)?;
            Ok(ExitCode::SUCCESS)
        }
        ["deploy", binary, results, rounds] => {
            deployment::run(Path::new(binary), Path::new(results), rounds.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!(
            "usage: pierhead-bench run RESULTS | deploy BINARY RESULTS ROUNDS | serve PORT UPSTREAM FOLDER ROUTES CHANGES_PER_SECOND"
        ),
    }
}
