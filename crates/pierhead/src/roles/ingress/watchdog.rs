//! Looks after the process that serves: starts it, visits it as anybody would, and starts it anew when it ends or does not answer.
//!
//! The visit takes the real path, from the listener to an answer; any answer will do, also a refusal. What hangs is killed, for it
//! cannot be asked: its visitors get a new process within seconds, which begins with the table on disk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::roles::up::told_to_stop;

/// Between visits.
const PERIOD: Duration = Duration::from_secs(1);
/// The same until the first one is answered: what hangs soon after its start is not to pass for one that still starts.
const FIRST_PERIOD: Duration = Duration::from_millis(50);
/// Until a visit counts as not answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// Visits in a row that were not answered.
const TRIES: u32 = 3;
/// A start may take longer: there is a table to be read.
const START: Duration = Duration::from_secs(60);
/// From when it listens until it answers: the table is read in between.
const LISTENING: Duration = Duration::from_secs(10);
/// Between starts of a process that ends by itself.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// It is nobody's, and answered by a page of the platform.
const CANARY: &[u8] =
    b"GET / HTTP/1.1\r\nhost: canary.invalid\r\nuser-agent: pierhead-watchdog\r\nconnection: close\r\n\r\n";

/// What ended a process's time.
enum End {
    /// It ended by itself.
    Gone,
    Wedged,
    /// This process is told to stop.
    Told,
}

/// Until it is told to stop.
pub(super) async fn run(address: SocketAddr, grace: Duration) -> Result<ExitCode> {
    let address = reachable(address);
    let mut pause = FIRST_PAUSE;
    let mut told = Box::pin(told_to_stop());
    loop {
        let began = Instant::now();
        let mut child = start()?;
        let end = tokio::select! {
            end = watched(&mut child, address) => end,
            stop = &mut told => {
                stop?;
                End::Told
            }
        };
        match end {
            End::Told => {
                stop(&mut child, grace + PATIENCE).await;
                return Ok(ExitCode::SUCCESS);
            }
            End::Wedged => {
                tracing::error!("the ingress does not answer: it is killed and started anew");
                let _ = child.kill().await;
            }
            End::Gone => tracing::error!("the ingress has ended: it is started anew"),
        }
        if began.elapsed() > START {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            stop = &mut told => {
                stop?;
                return Ok(ExitCode::SUCCESS);
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The same program with the same flags, as the one that serves. It does not outlive this process's dropping it.
fn start() -> Result<Child> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--serve")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("the process that serves cannot be started")
}

async fn watched(child: &mut Child, address: SocketAddr) -> End {
    let ended = child.wait();
    let wedged = async {
        let began = Instant::now();
        let (mut missed, mut answered_once, mut listens_since) = (0, false, None);
        loop {
            tokio::time::sleep(if answered_once { PERIOD } else { FIRST_PERIOD }).await;
            let visit = visit(address, PATIENCE).await;
            missed = if visit == Visit::Answered { 0 } else { u32::saturating_add(missed, 1) };
            answered_once |= visit == Visit::Answered;
            if visit == Visit::Silent {
                listens_since.get_or_insert_with(Instant::now);
            }
            let hangs = listens_since.is_some_and(|since: Instant| since.elapsed() > LISTENING);
            if missed >= TRIES && (answered_once || hangs || began.elapsed() > START) {
                return;
            }
        }
    };
    tokio::select! {
        _ = ended => End::Gone,
        () = wedged => End::Wedged,
    }
}

/// What a visitor met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// An answer, or a closed door, which takes a process that works too.
    Answered,
    /// Somebody listens, and says nothing in time.
    Silent,
    /// Nobody listens.
    Nobody,
}

async fn visit(address: SocketAddr, patience: Duration) -> Visit {
    let connected = tokio::time::timeout(patience, TcpStream::connect(address)).await;
    let Ok(Ok(mut stream)) = connected else { return Visit::Nobody };
    let mut first = [0];
    let answer = async {
        // Whatever comes: a byte, an end, a reset. It may be full, but it is at work.
        if stream.write_all(CANARY).await.is_ok() {
            let _ = stream.read(&mut first).await;
        }
    };
    match tokio::time::timeout(patience, answer).await {
        Ok(()) => Visit::Answered,
        Err(_) => Visit::Silent,
    }
}

/// Where a process on this machine reaches what listens there.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

async fn stop(child: &mut Child, within: Duration) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).unwrap_or_default()));
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(within, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_answer_and_a_closed_door_are_signs_of_life_and_silence_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = reachable(SocketAddr::from(([0, 0, 0, 0], listener.local_addr().unwrap().port())));
        let serving = tokio::spawn(async move {
            let (mut answering, _) = listener.accept().await.unwrap();
            answering.write_all(b"HTTP/1.1 404 Not Found\r\n").await.unwrap();
            let (closing, _) = listener.accept().await.unwrap();
            drop(closing);
            let (silent, _) = listener.accept().await.unwrap();
            (silent, listener)
        });
        assert_eq!(visit(address, PATIENCE).await, Visit::Answered);
        assert_eq!(visit(address, PATIENCE).await, Visit::Answered);
        assert_eq!(visit(address, Duration::from_millis(200)).await, Visit::Silent);
        drop(serving.await.unwrap());
        assert_eq!(visit(address, PATIENCE).await, Visit::Nobody);
    }
}
