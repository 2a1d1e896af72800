//! Keeping a service running: what ends is started again, ever later; what answers badly is reported.

use std::time::Duration;

use futures::StreamExt as _;
use pierhead_engine::{LogCursor, Status};
use pierhead_model::Timestamp;
use pierhead_model::assignment::InstanceReport;
use pierhead_model::deployment::Failure;
use pierhead_model::log::LogStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::health;
use super::start::{Instance, boot};
use crate::build;
use crate::lines::Lines;
use crate::worker::Task;

/// The wait before a restart doubles from one second to five minutes, and begins anew after a stable minute.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// How often memory is looked at.
const USAGE_PERIOD: Duration = Duration::from_secs(2);

/// Keeps it running for as long as nobody stops it.
pub(super) async fn running(task: &Task, mut instance: Instance) -> Failure {
    let mut wait = FIRST_WAIT;
    loop {
        let started = Instant::now();
        watch(task, &instance).await;
        if started.elapsed() > STABLE_AFTER {
            wait = FIRST_WAIT;
        }
        let why = last_exit(task, &instance.container).await;
        task.say("service", format!("{why}. It is started again in {} s.", wait.as_secs())).await;
        let next = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
        change(task, |report| {
            report.address = None;
            report.healthy = false;
            report.last_exit = Some(why);
            report.next_start_at = Some(next);
        });
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        match boot(task, &instance.container, instance.port).await {
            Ok(again) => {
                Output::follow(task, &again.container).detach();
                change(task, |report| {
                    report.restarts += 1;
                    report.address = Some(again.address);
                    report.next_start_at = None;
                });
                instance = again;
            }
            Err(failure) => task.say("service", failure.detail).await,
        }
    }
}

/// Until it ends. Reports when answers turn bad or good, and the peak of its memory.
async fn watch(task: &Task, instance: &Instance) {
    let check = &task.assignment.work.health;
    let period = Duration::from_millis(u64::from(check.interval_ms.max(250)));
    let (mut questions, mut usage) = (tokio::time::interval(period), tokio::time::interval(USAGE_PERIOD));
    let mut bad = 0;
    let mut ended = std::pin::pin!(until_ended(task, &instance.container));
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = usage.tick() => {
                if let Ok(Some(usage)) = task.node.engine.container_usage(&instance.container).await {
                    let peak = Some(usage.memory_peak_bytes);
                    // A report for every new kilobyte would be noise.
                    let known = task.latest().peak_memory_bytes;
                    if peak > known.map(|known| known + (4 << 20)) {
                        task.report(|report| report.peak_memory_bytes = peak);
                    }
                }
            }
            _ = questions.tick() => {
                let healthy = health::ask(task, instance).await.is_ok();
                bad = if healthy { 0 } else { bad + 1 };
                if healthy {
                    change(task, |report| report.healthy = true);
                } else if bad >= check.unhealthy_after.max(1) {
                    change(task, |report| report.healthy = false);
                }
            }
        }
    }
}

/// An engine that does not answer does not mean that the container ended.
async fn until_ended(task: &Task, container: &str) {
    loop {
        if task.node.engine.container_wait(container).await.is_ok() {
            return;
        }
        let found = task.node.engine.container_inspect(container).await;
        match found {
            Ok(found) if found.status == Status::Running => {}
            Err(error) if error.retryable() => {}
            Ok(_) | Err(_) => return,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn last_exit(task: &Task, container: &str) -> String {
    match task.node.engine.container_inspect(container).await {
        Ok(found) => match found.exit {
            Some(exit) if exit.out_of_memory => {
                format!(
                    "The service used more than its {} MiB of memory",
                    task.assignment.work.limits.memory_mb
                )
            }
            Some(exit) => format!("The service ended with exit code {}", exit.code),
            None => "The service stopped".to_owned(),
        },
        Err(error) => format!("The service is gone: {error}"),
    }
}

fn change(task: &Task, change: impl FnOnce(&mut InstanceReport)) {
    task.report(|report| {
        if let Some(instance) = &mut report.instance {
            change(instance);
        }
    });
}

/// Where an earlier agent stopped reading, when that was in this run of the container.
fn remembered(place: &std::path::Path, started: Option<Timestamp>) -> Option<LogCursor> {
    let cursor: LogCursor = serde_json::from_slice(&fs_err::read(place).ok()?).ok()?;
    (cursor.at >= started).then_some(cursor)
}

/// Carries a container's output to the log, from its last start on.
#[derive(Debug)]
pub(super) struct Output(JoinHandle<()>);

impl Output {
    pub(super) fn follow(task: &Task, container: &str) -> Self {
        let (task, container) = (task.clone(), container.to_owned());
        Self(tokio::spawn(async move {
            let since =
                task.node.engine.container_inspect(&container).await.ok().and_then(|found| found.started_at);
            let place = build::folder(&task).join("log-cursor.json");
            let mut cursor = remembered(&place, since).unwrap_or(LogCursor { at: since, seen: 0 });
            let (mut stdout, mut stderr) = (Lines::default(), Lines::default());
            loop {
                let mut output = task.node.engine.container_logs(&container, cursor.clone());
                let mut cut_off = false;
                while let Some(piece) = output.next().await {
                    let Ok(piece) = piece else {
                        cut_off = true;
                        break;
                    };
                    cursor = piece.cursor;
                    if piece.stderr {
                        task.write(LogStream::Stderr, "service", stderr.push(&piece.bytes)).await;
                    } else {
                        task.write(LogStream::Stdout, "service", stdout.push(&piece.bytes)).await;
                    }
                    // Not durable on purpose: after a loss of power a few lines may come twice.
                    if let Ok(text) = serde_json::to_vec(&cursor) {
                        let _ = fs_err::write(&place, text);
                    }
                }
                let runs = task.node.engine.container_inspect(&container).await;
                match runs {
                    Ok(found) if found.status == Status::Running && cut_off => {}
                    Err(error) if error.retryable() => {}
                    Ok(_) | Err(_) => break,
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            task.write(LogStream::Stdout, "service", stdout.finish().into_iter().collect()).await;
            task.write(LogStream::Stderr, "service", stderr.finish().into_iter().collect()).await;
        }))
    }

    /// Lets it go on by itself; it ends with the container.
    pub(super) fn detach(self) {}

    /// Waits, not for long, until everything was read.
    pub(super) async fn finish(self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), self.0).await;
    }
}
