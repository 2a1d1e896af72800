//! The load generator: `wrk`, keep-alive, every answer counted, errors too.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::case::Case;
use crate::process::Server;

const CONNECTIONS: &str = "64";

/// What one server did in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// CPU microseconds per request.
    pub(crate) cpu: f64,
    /// Milliseconds that 99 of 100 requests stay below.
    pub(crate) p99: f64,
    pub(crate) errors: u64,
}

/// Puts load on one server for some seconds.
pub(crate) fn measure(
    server: &Server,
    case: &Case,
    core: &str,
    seconds: u32,
    script: &str,
) -> Result<Figures> {
    let etag = if case.conditional { etag(server, case)? } else { "-".to_owned() };
    let before = server.cpu_seconds()?;
    let output = Command::new("taskset")
        .args(["--cpu-list", core, "wrk", "-t1", "-c", CONNECTIONS, "-d"])
        .args([&format!("{seconds}s"), "-s", script, &format!("http://127.0.0.1:{}/", server.port)])
        .args(["--", &case.hosts.to_string(), case.path, &etag])
        .output()
        .context("wrk cannot be started")?;
    let cpu = server.cpu_seconds()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(result) = text.lines().find_map(|line| line.strip_prefix("RESULT ")) else {
        bail!("wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    let numbers: Vec<f64> = result.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, microseconds, errors, p99] = *numbers else { bail!("wrk says {result:?}") };
    if requests < 1.0 {
        bail!("{} answered nothing for {}", server.name, case.name);
    }
    Ok(Figures {
        per_second: requests * 1e6 / microseconds,
        cpu: cpu * 1e6 / requests,
        p99: p99 / 1e3,
        errors: errors as u64,
    })
}

/// Asks once for the version of a file.
fn etag(server: &Server, case: &Case) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
    write!(stream, "HEAD {} HTTP/1.1\r\nHost: site.bench.test\r\nConnection: close\r\n\r\n", case.path)?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    let mut lines = answer.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(name, _)| name.eq_ignore_ascii_case("etag"));
    Ok(found.with_context(|| format!("{} gives no ETag: {answer}", server.name))?.1.trim().to_owned())
}
