//! Asking a service whether it is well.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_engine::state::Executed;
use pierhead_model::health::{HealthCheck, HealthKind};
use tokio::time::Instant;

use super::{Check, Health, Running};
use crate::backoff::Backoff;
use crate::handover;
pub use crate::health::Answer;
use crate::health::ask as ask_at;
use crate::steps::Context;

/// The first questions come this fast: most services answer before a second has passed.
const FIRST: Duration = Duration::from_millis(20);
/// How long they come so fast.
const EAGER: Duration = Duration::from_secs(5);
/// Commands cost a process each: they are never asked so fast.
const FIRST_COMMAND: Duration = Duration::from_millis(250);
/// How long a process without a question must run to count as healthy.
const PROCESS_RUNS: Duration = Duration::from_secs(1);

/// Resolves when there were enough good answers in a row. `last` is told the last bad one.
pub(super) async fn wait_until_good(
    context: &Context,
    running: &Running,
    health: &Health,
    last: &Mutex<String>,
) {
    let first = match health.check {
        Check::Process => return tokio::time::sleep(PROCESS_RUNS).await,
        Check::Command(_) => FIRST_COMMAND,
        Check::Http { .. } | Check::Tcp { .. } => FIRST,
    };
    let mut pace = Backoff::new(first, health.interval.max(first));
    let begun = Instant::now();
    let mut good = 0;
    loop {
        match ask(context, running, health).await {
            Answer::Good => {
                good += 1;
                if good >= health.healthy_after {
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
        let wait = if begun.elapsed() < EAGER { first } else { pace.advance() };
        tokio::time::sleep(wait).await;
    }
}

/// Asks once.
pub async fn ask(context: &Context, running: &Running, health: &Health) -> Answer {
    let timeout_ms = u32::try_from(health.timeout.as_millis()).unwrap_or(u32::MAX);
    let at = |port: u16| SocketAddr::new(running.address.into(), port);
    match &health.check {
        Check::Http { port, path, host } => {
            let check = HealthCheck {
                kind: HealthKind::Http,
                path: path.clone(),
                timeout_ms,
                ..HealthCheck::default()
            };
            ask_at(&check, at(*port), host).await
        }
        Check::Tcp { port } => {
            let check = HealthCheck { kind: HealthKind::Tcp, timeout_ms, ..HealthCheck::default() };
            ask_at(&check, at(*port), "").await
        }
        Check::Command(command) => match run_inside(context, running, command, health.timeout).await {
            Ok(executed) if executed.code == 0 => Answer::Good,
            Ok(executed) => {
                let said = String::from_utf8_lossy(&executed.output);
                let said = said.lines().next_back().unwrap_or_default().trim();
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                Answer::Bad(format!("`{}` ended with exit code {}{said}", command.join(" "), executed.code))
            }
            Err(error) => Answer::Bad(format!("`{}` could not be asked: {error}", command.join(" "))),
        },
        Check::Process => Answer::Good,
    }
}

/// Runs a command with the variables that the container's own program has.
async fn run_inside(
    context: &Context,
    running: &Running,
    command: &[String],
    within: Duration,
) -> pierhead_engine::Result<Executed> {
    let found = context.engine.inspect(&running.id).await?;
    context.engine.exec(&running.id, &handover::inside(&found, command), within).await
}
