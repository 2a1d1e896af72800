//! From a release to a service that answers, or the reason why it does not.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_engine::state::{ContainerId, Exit};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::health::HealthKind;
use pierhead_model::release::Release;

use super::service::{Instance, launch, settings_of};
use super::{Run, StepError, container};
use crate::backoff::Backoff;
use crate::health::{self, Answer};

/// Starts of a process that ends before it is healthy.
const STARTS: u32 = 4;
/// The first questions come this fast: most services answer before a second has passed.
const FIRST_PROBE: Duration = Duration::from_millis(20);
/// How long they come so fast.
const EAGER: Duration = Duration::from_secs(5);
/// Docker's name server listens inside every container, on a port that changes.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// Before output that was cut is read on.
const REOPEN: Duration = Duration::from_secs(1);
/// How long a process without a port must run to count as healthy.
const PROCESS_RUNS: Duration = Duration::from_secs(1);

/// Starts the service and waits until it is healthy, within the time it may take.
pub(crate) async fn start(run: &Run, release: &Release) -> Result<Instance, StepError> {
    let limit_s = run.held.assignment.work.limits.startup_timeout_s;
    let last = Mutex::new(String::new());
    // What to say of a process that has ended and is not up again: that is the reason, not the time that went by.
    let ended = Mutex::new(None);
    let attempts = async {
        tokio::select! {
            result = try_starts(run, release, &last, &ended) => result,
            never = run.copy_output() => match never {},
        }
    };
    match tokio::time::timeout(Duration::from_secs(limit_s.into()), attempts).await {
        Ok(result) => result,
        Err(_) => {
            if let Some(failure) = ended.into_inner() {
                return Err(StepError::Failed(failure));
            }
            let last = last.lock().clone();
            let detail = explain_silence(run, release, &last).await;
            run.log.say("service", &detail);
            Err(StepError::failed(Reason::StartupTimeout { limit_s }, detail))
        }
    }
}

async fn try_starts(
    run: &Run,
    release: &Release,
    last: &Mutex<String>,
    ended: &Mutex<Option<Failure>>,
) -> Result<Instance, StepError> {
    let (first, longest) = run.node.options.restart_backoff;
    let mut backoff = Backoff::new(first, longest);
    let mut starts = 0;
    loop {
        let instance = launch(run, release).await?;
        let exit = tokio::select! {
            exit = container::wait(run, &instance.id) => exit?,
            () = wait_until_good(run, &instance, last) => return Ok(instance),
        };
        container::drain(run, &instance.id).await;
        let told = tell(run, &exit);
        run.log.say("service", &format!("the process ended before it was healthy: {told}"));
        if exit.oom_killed {
            let limit_mb = run.held.assignment.work.limits.memory_mb;
            let detail = format!(
                "the service needed more than its {limit_mb} MiB of memory while starting: raise `memory_mb`, or make it use less"
            );
            return Err(StepError::failed(Reason::OutOfMemory { limit_mb, peak_mb: limit_mb }, detail));
        }
        starts += 1;
        let times = if starts == 1 { "once".to_owned() } else { format!("{starts} times") };
        let detail =
            format!("the process ended {times} before it was healthy, last with {told}: see the log");
        let failure = Failure::new(Reason::StartFailed { exit_code: Some(exit.code) }, detail);
        if starts == STARTS {
            return Err(StepError::Failed(failure));
        }
        *ended.lock() = Some(failure);
        tokio::time::sleep(backoff.advance()).await;
    }
}

/// How a process ended, for people.
pub(crate) fn tell(run: &Run, exit: &Exit) -> String {
    if exit.oom_killed {
        let limit = run.held.assignment.work.limits.memory_mb;
        return format!("out of memory: it needed more than its {limit} MiB");
    }
    match exit.code {
        137 => "exit code 137 (killed)".to_owned(),
        143 => "exit code 143 (terminated)".to_owned(),
        code => format!("exit code {code}"),
    }
}

/// Asks until there were enough good answers in a row. The questions come fast at first, then slower.
pub(crate) async fn wait_until_good(run: &Run, instance: &Instance, last: &Mutex<String>) {
    let work = &run.held.assignment.work;
    let check = &work.health;
    if check.kind == HealthKind::Process {
        return tokio::time::sleep(PROCESS_RUNS).await;
    }
    let mut pace = Backoff::new(FIRST_PROBE, Duration::from_millis(check.interval_ms.max(20).into()));
    let mut good = 0;
    let begun = tokio::time::Instant::now();
    loop {
        match health::ask(check, instance.address, work.hostname.as_str()).await {
            Answer::Good => {
                good += 1;
                if good >= check.healthy_after {
                    return;
                }
                pace.reset();
            }
            Answer::Bad(why) => {
                good = 0;
                *last.lock() = why;
            }
        }
        // A wait that doubles at once would miss a service by as much as it took to start.
        let wait = if begun.elapsed() < EAGER { FIRST_PROBE } else { pace.advance() };
        tokio::time::sleep(wait).await;
    }
}

/// Looks at what listens inside: a wrong port is the usual reason.
async fn explain_silence(run: &Run, release: &Release, last: &str) -> String {
    let limit_s = run.held.assignment.work.limits.startup_timeout_s;
    let port = settings_of(release).map_or(0, |start| start.port);
    let sockets = match (run.node.engine.listening(), run.container()) {
        (Some(listening), Some(id)) => listening.sockets(&id).await.ok(),
        _ => None,
    };
    explain(limit_s, port, sockets.as_deref(), last)
}

fn explain(limit_s: u32, port: u16, sockets: Option<&[std::net::SocketAddr]>, last: &str) -> String {
    let late = format!("not healthy within {limit_s} s");
    let Some(sockets) = sockets else { return format!("{late}: {last}") };
    let own: Vec<_> = sockets.iter().filter(|socket| socket.ip() != RESOLVER).copied().collect();
    let sockets = own.as_slice();
    let reachable = |socket: &&std::net::SocketAddr| !socket.ip().is_loopback();
    if sockets.iter().any(|socket| socket.port() == port && !socket.ip().is_loopback()) {
        return format!(
            "{late}: it listens on port {port}, but its answer is not good ({last}). Check the health path"
        );
    }
    if sockets.iter().any(|socket| socket.port() == port) {
        return format!(
            "{late}: nothing on 0.0.0.0:{port}; the process listens on 127.0.0.1:{port}, where only itself can reach it. \
             Bind 0.0.0.0 (the variable HOST says so)"
        );
    }
    let other = sockets.iter().find(reachable).or_else(|| sockets.first());
    match other {
        Some(socket) => format!(
            "{late}: nothing on 0.0.0.0:{port}; the process listens on {socket}. Set `port: {}` and bind 0.0.0.0, or listen \
             on $PORT",
            socket.port()
        ),
        None => format!(
            "{late}: nothing on 0.0.0.0:{port}; the process listens on no port. Let it listen on 0.0.0.0:$PORT"
        ),
    }
}

impl Run {
    /// Copies what the service prints, start after start.
    pub(crate) async fn copy_output(&self) -> std::convert::Infallible {
        loop {
            self.started.notified().await;
            while let Some(id) = self.container() {
                container::follow(self, &id).await;
                if !container::may_print(self, &id).await {
                    break;
                }
                // It was cut: read on where it ended.
                tokio::time::sleep(REOPEN).await;
            }
        }
    }

    pub(crate) fn has_started(&self, id: ContainerId) {
        *self.container.lock() = Some(id);
        self.started.notify_one();
    }

    pub(crate) fn container(&self) -> Option<ContainerId> {
        self.container.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_is_said_with_what_to_do() {
        let sockets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        for (listening, expected) in [
            (
                &["127.0.0.1:8080"][..],
                "the process listens on 127.0.0.1:8080. Set `port: 8080` and bind 0.0.0.0",
            ),
            (&["127.0.0.1:3000"], "listens on 127.0.0.1:3000, where only itself can reach it"),
            (&["127.0.0.1:9229", "0.0.0.0:5000"], "listens on 0.0.0.0:5000. Set `port: 5000`"),
            (&[], "listens on no port"),
            (&["127.0.0.11:39639"], "listens on no port"),
            (&["0.0.0.0:3000"], "its answer is not good (it answered 500)"),
        ] {
            let told = explain(300, 3000, Some(&sockets(listening)), "it answered 500");
            assert!(told.contains(expected), "{told}");
        }
        assert_eq!(explain(5, 3000, None, "refused"), "not healthy within 5 s: refused");
    }
}
