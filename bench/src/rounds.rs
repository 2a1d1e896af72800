//! The run: everybody is started, then case by case and round by round each is put under load in turn.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::case::{
    CASES, CHANGES_PER_SECOND, CHANGING_TABLE, Case, FEW_ROUTES, FILES, HOSTS, LARGE_TABLE, MANY_ROUTES,
};
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
    let start = |name: &'static str, routes: usize, changes: u32| {
        ingress(name, &upstream, folder.path(), routes, changes)
    };
    let ours = start("Pierhead", HOSTS, 0)?;
    let nginx = peers::nginx_peer(SERVERS, upstream.port, folder.path())?;
    let haproxy = peers::haproxy(SERVERS, upstream.port, folder.path())?;

    let mut lines = fs_err::File::create(results)?;
    let mut out = std::io::stdout().lock();
    let run = Run { rounds, seconds, script };
    let mut failed = false;
    report::heading(&mut out)?;
    for case in &CASES {
        let servers: &[&Server] = if case.hosts > 0 { &[&ours, &nginx, &haproxy] } else { &[&ours, &nginx] };
        failed |= run.case(case, servers, &mut out, &mut lines)?;
    }
    drop((ours, nginx, haproxy));

    let few = start("10 routes", FEW_ROUTES, 0)?;
    let many = start("50,000", MANY_ROUTES, 0)?;
    failed |= run.case(&LARGE_TABLE, &[&many, &few], &mut out, &mut lines)?;
    drop(many);
    let changing = start("changing", MANY_ROUTES, CHANGES_PER_SECOND)?;
    failed |= run.case(&CHANGING_TABLE, &[&changing, &few], &mut out, &mut lines)?;
    let seen = fs_err::read_to_string(
        folder.path().join(format!("ingress-{}", changing.port)).join(server::CHANGES),
    )?;
    let seen: Vec<f64> = seen.lines().filter_map(|line| line.parse().ok()).collect();
    report::changes(&mut out, &seen)?;
    writeln!(out, "\nEvery round: {}", results.display())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The ingress, with a table of its own.
fn ingress(
    name: &'static str,
    upstream: &Server,
    folder: &Path,
    routes: usize,
    changes: u32,
) -> Result<Server> {
    let (port, own) = (free_port()?, std::env::current_exe()?);
    let (port_text, upstream) = (port.to_string(), format!("127.0.0.1:{}", upstream.port));
    let (routes, changes) = (routes.to_string(), changes.to_string());
    let command =
        [peers::text(&own)?, "serve", &port_text, &upstream, peers::text(folder)?, &routes, &changes];
    Server::start(name, SERVERS, port, &command)
}

/// How each case is measured.
struct Run<'a> {
    rounds: usize,
    seconds: u32,
    script: &'a str,
}

impl Run<'_> {
    /// Measures the first of the servers beside the others. Whether a request to it failed.
    fn case(
        &self,
        case: &Case,
        servers: &[&Server],
        out: &mut impl std::io::Write,
        lines: &mut impl std::io::Write,
    ) -> Result<bool> {
        // Caches and pools are warm before anything counts.
        for server in servers {
            measure(server, case, VISITORS, 1, self.script)?;
        }
        let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); servers.len()];
        for round in 0..self.rounds {
            for (server, figures) in servers.iter().zip(&mut figures) {
                let found = measure(server, case, VISITORS, self.seconds, self.script)?;
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
        let Some((ours, theirs)) = figures.split_first() else { return Ok(false) };
        for (server, theirs) in servers.iter().skip(1).zip(theirs) {
            report::row(out, case, server.name, ours, theirs)?;
        }
        Ok(ours.iter().any(|figures| figures.errors > 0))
    }
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
