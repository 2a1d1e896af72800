//! What a service prints until it ends, and how it ended.

use std::time::Duration;

use pierhead_engine::state::{ContainerId, Exit};

use super::Service;
use crate::steps::mask::Mask;
use crate::steps::output::{Collector, Stdout};
use crate::steps::{Context, StepError};

/// Before output that was cut is read on.
const REOPEN: Duration = Duration::from_secs(1);

/// Copies what the service prints to the log, from where that was left, until its container ends. `None` when it is not there.
pub async fn follow(context: &Context, service: &Service) -> Result<Option<Exit>, StepError> {
    let container = service.container();
    let find = || context.engine.find(&container);
    let found = context.patiently("looking for the service's container", find).await?;
    let Some(found) = found else { return Ok(None) };
    match copy_until_it_ends(context, service, &container, &found.id).await {
        Ok(exit) => Ok(Some(exit)),
        Err(StepError::Engine { error, .. }) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies what a container that has ended had printed and nobody has read.
pub async fn last_words(
    context: &Context,
    step: &str,
    container: &str,
    secrets: &[String],
) -> Result<(), StepError> {
    let find = || context.engine.find(container);
    let Some(found) = context.patiently("looking for a service's last words", find).await? else {
        return Ok(());
    };
    let mask = Mask::new(secrets.iter().map(String::as_str));
    Collector::new(context, step, container, &mask, Stdout::Show).rest(&found.id).await.map(drop)
}

/// How a process ended, for people.
#[must_use]
pub fn tell(service: &Service, exit: &Exit) -> String {
    if exit.oom_killed {
        return format!("out of memory: it needed more than its {} MiB", service.memory_mb);
    }
    match exit.code {
        137 => "exit code 137 (killed)".to_owned(),
        143 => "exit code 143 (terminated)".to_owned(),
        code => format!("exit code {code}"),
    }
}

/// Copies the output and waits for the end, whatever cuts the output.
pub(super) async fn copy_until_it_ends(
    context: &Context,
    service: &Service,
    container: &str,
    id: &ContainerId,
) -> Result<Exit, StepError> {
    let wait = || context.patiently("waiting for the service", || context.engine.wait(id));
    if service.unknown {
        // What it prints may hold secrets that this process cannot recognize yet. The engine keeps it until they have come.
        return wait().await;
    }
    let mask = service.mask();
    let mut output = Collector::new(context, &service.step, container, &mask, Stdout::Show);
    let exit = loop {
        let waiting = wait();
        tokio::select! {
            biased;
            exit = waiting => break exit?,
            _ = output.follow(id) => tokio::time::sleep(REOPEN).await,
        }
    };
    output.rest(id).await?;
    Ok(exit)
}
