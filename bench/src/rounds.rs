//! The run: everybody is started, then case by case and round by round each is put under load in turn.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::case::{CASES, FILES};
use crate::load::{Figures, measure};
use crate::process::{Server, free_port};
use crate::report::{self, Line};
use crate::{peers, server};

/// The servers under test share this core, one at a time; visitors and the upstream have the other.
const SERVERS: &str = "0";
const VISITORS: &str = "1";

/// Measures and writes one line of JSON per round into `results`. Fails when a request to the ingress failed.
pub(crate) fn run(results: &Path) -> Result<ExitCode> {
    let rounds: usize = setting("BENCH_ROUNDS", 5)?;
    let seconds: u32 = setting("BENCH_SECONDS", 3)?;
    let folder = tempfile::tempdir()?;
    let site = folder.path().join("site");
    fs_err::create_dir(&site)?;
    for (name, size) in FILES {
        fs_err::write(site.join(name), server::content(size))?;
    }
    let script = folder.path().join("load.lua");
    fs_err::write(&script, include_str!("../load.lua"))?;
    let script = peers::text(&script)?;

    let upstream = peers::upstream(VISITORS, folder.path())?;
    let port = free_port()?;
    let own = std::env::current_exe()?;
    let ours = Server::start(
        "Pierhead",
        SERVERS,
        port,
        &[
            peers::text(&own)?,
            "serve",
            &port.to_string(),
            &format!("127.0.0.1:{}", upstream.port),
            peers::text(folder.path())?,
        ],
    )?;
    let nginx = peers::nginx_peer(SERVERS, upstream.port, folder.path())?;
    let haproxy = peers::haproxy(SERVERS, upstream.port, folder.path())?;

    let mut lines = fs_err::File::create(results)?;
    let mut out = std::io::stdout().lock();
    let mut failed = false;
    report::heading(&mut out)?;
    for case in &CASES {
        let servers: &[&Server] = if case.hosts > 0 { &[&ours, &nginx, &haproxy] } else { &[&ours, &nginx] };
        // Caches and pools are warm before anything counts.
        for server in servers {
            measure(server, case, VISITORS, 1, script)?;
        }
        let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); servers.len()];
        for round in 0..rounds {
            for (server, figures) in servers.iter().zip(&mut figures) {
                let found = measure(server, case, VISITORS, seconds, script)?;
                let line = Line {
                    case: case.name,
                    round,
                    server: server.name,
                    requests_per_second: found.per_second,
                    cpu_microseconds_per_request: found.cpu,
                    p99_milliseconds: found.p99,
                    errors: found.errors,
                };
                writeln!(lines, "{}", serde_json::to_string(&line)?)?;
                figures.push(found);
            }
        }
        if let Some((ours, theirs)) = figures.split_first() {
            failed |= ours.iter().any(|figures| figures.errors > 0);
            for (server, theirs) in servers.iter().skip(1).zip(theirs) {
                report::row(&mut out, case, server.name, ours, theirs)?;
            }
        }
    }
    writeln!(out, "\nEvery round: {}", results.display())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn setting<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    default: T,
) -> Result<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
        Err(_) => Ok(default),
    }
}
