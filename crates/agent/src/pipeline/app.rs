//! An application that nobody drew as a pipeline: built from its project's source, or released before, then run or served.
//!
//! It is run as any other pipeline (see `pierhead_model::pipeline::generated`). What is different is here: its build reports for
//! itself, begins again when the agent was cut, and is left out when there is a release; and it has only one network, and only
//! when it is a service.

use std::time::Duration;

use pierhead_model::assignment::{Phase, Report, StepReport};
use pierhead_model::deployment::Failure;
use pierhead_model::release::Release;
use pierhead_model::run::{self, StepRun};
use serde_json::{Map, Value};

use super::build::outputs_of;
use super::clear;
use super::orders::Orders;
use crate::backoff::Backoff;
use crate::executor::{self, Run, StepError};

/// Attempts at a build that the node itself made fail.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How the timeline calls the start of a service.
const START: &str = "start";

/// Builds the release, unless there is one.
pub(super) async fn build(orders: &Orders<'_>) -> Result<(Map<String, Value>, Release), Failure> {
    let release = try_build(orders.run).await.map_err(StepError::into_failure)?;
    Ok((outputs_of(orders, &release), release))
}

async fn try_build(run: &Run) -> Result<Release, StepError> {
    let report = run.report(|_| {}).await?;
    if let Some(release) = report.release {
        return Ok(release);
    }
    if run.held.secrets_missing {
        run.log.say("node", "waiting for the control plane: only it knows this deployment's secrets");
        // The worker begins anew when they have come.
        return std::future::pending().await;
    }
    if report.phase > Phase::Accepted {
        run.log.say("node", "the agent was restarted: the build begins again");
        begin_again(run).await?;
    }
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    for _ in 1..ATTEMPTS {
        match executor::build(run).await {
            Err(error) if error.retryable() => {
                run.log.say("node", &format!("{error}; trying again"));
                tokio::time::sleep(pause.advance()).await;
                begin_again(run).await?;
            }
            result => return result,
        }
    }
    executor::build(run).await
}

async fn begin_again(run: &Run) -> Result<(), StepError> {
    clear(run).await?;
    run.report(|report| report.steps.clear()).await.map(drop)
}

/// The network of a service.
pub(super) async fn network(orders: &Orders<'_>) -> Result<(), Failure> {
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        match executor::ensure_network(orders.run).await {
            Err(error) if error.retryable() => {
                tracing::warn!(%error, "a network could not be made; trying again");
                tokio::time::sleep(pause.advance()).await;
            }
            result => return result.map(drop).map_err(StepError::into_failure),
        }
    }
}

/// Puts the start of the service into the timeline, and says when everything is well.
pub(super) fn tell(report: &mut Report, phase: &run::Phase, service: &StepRun) {
    let is_site = matches!(report.release, Some(Release::Site(_)));
    if let Some(started_at) = service.started_at.filter(|_| !is_site) {
        let step = StepReport {
            name: START.to_owned(),
            started_at,
            finished_at: service.ended_at,
            exit_code: None,
            note: None,
            status: None,
        };
        match report.steps.iter_mut().find(|step| step.name == START) {
            Some(told) => *told = step,
            None => report.steps.push(step),
        }
    }
    if *phase == run::Phase::Succeeded {
        report.phase = report.phase.max(Phase::Healthy);
    }
}
