//! What was observed, and what time it is → the events that follow.

use super::failure::{Failure, Reason};
use super::state::State;
use super::step::{Deployment, Event};
use crate::Timestamp;
use crate::assignment::{Phase, Report};
use crate::release::Release;

/// How long a node gets to prove that a cancelled deployment is gone before it is called cancelled without the proof.
const CANCEL_LIMIT_S: i64 = 60;

/// What is known beside the deployment itself.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The node's latest report, if there is one.
    pub report: Option<&'a Report>,
    /// The number of the deployment that is live in the slot, if one is.
    pub live_number: Option<u64>,
    pub now: Timestamp,
}

/// The next event, or `None` when things are as they should be. Call again after applying it.
pub fn decide(deployment: &Deployment, observed: Observed<'_>) -> Option<Event> {
    if !deployment.state.is_in_progress() {
        return None;
    }
    if let Some(requested_at) = deployment.cancel_requested_at {
        return decide_cancelled(deployment, requested_at, observed);
    }
    if let Some(report) = observed.report
        && let Some(event) = decide_reported(deployment, report, observed.live_number)
    {
        return Some(event);
    }
    let overdue = deployment.deadline.is_some_and(|deadline| deadline <= observed.now);
    overdue.then(|| Event::Failed(deployment.overdue()))
}

fn decide_cancelled(
    deployment: &Deployment,
    requested_at: Timestamp,
    observed: Observed<'_>,
) -> Option<Event> {
    let gone = match (&deployment.node, observed.report) {
        (None, _) => true,
        (Some(_), Some(report)) => matches!(report.phase, Phase::Stopped | Phase::Failed),
        (Some(_), None) => false,
    };
    let waited = observed.now.duration_since(requested_at).as_secs() >= CANCEL_LIMIT_S;
    let detail = if gone {
        "It was cancelled, and everything it had made was removed."
    } else {
        "It was cancelled. Its node did not answer, and removes what it had made when it is back."
    };
    (gone || waited).then(|| Event::Failed(Failure::new(Reason::Cancelled, detail)))
}

fn decide_reported(deployment: &Deployment, report: &Report, live_number: Option<u64>) -> Option<Event> {
    if report.phase == Phase::Failed {
        let failure = report.failure.clone();
        return Some(Event::Failed(failure.unwrap_or_else(|| {
            Failure::new(Reason::Internal, "The node ended this deployment without saying why; see its log.")
        })));
    }
    if report.phase == Phase::Stopped {
        return Some(Event::Failed(Failure::new(
            Reason::Internal,
            "The node stopped this deployment though it should run; redeploy it.",
        )));
    }
    match deployment.state {
        // A release that is reused goes to PROVISIONING without passing BUILDING: nothing is built.
        State::Queued if report.phase == Phase::Building => Some(Event::BuildStarted),
        State::Queued if report.phase > Phase::Building && !report.steps.is_empty() => {
            Some(Event::BuildStarted)
        }
        State::Queued | State::Building if report.phase >= Phase::Released => {
            report.release.as_ref().map(|release| Event::Released {
                release: release.digest(),
                runs: !matches!(release, Release::Site(_)),
            })
        }
        State::Provisioning if report.phase == Phase::Healthy => {
            Some(promote_or_yield(deployment, live_number))
        }
        State::Queued | State::Building | State::Provisioning => None,
        State::Production | State::Inactive | State::Failed => None,
    }
}

/// The newest accepted deployment wins, whichever was ready first.
fn promote_or_yield(deployment: &Deployment, live_number: Option<u64>) -> Event {
    match live_number {
        Some(live) if live > deployment.number => Event::Failed(Failure::new(
            Reason::Superseded,
            format!("v{live}, which was started later, is live already. To go back, use rollback."),
        )),
        _ => Event::Promoted,
    }
}
