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
    /// What the nodes say that run further replicas of its services. `None` of one that has said nothing yet.
    pub shares: &'a [Option<&'a Report>],
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
        && let Some(event) = decide_reported(deployment, report, observed)
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
    let ended = |report: &Report| matches!(report.phase, Phase::Stopped | Phase::Failed);
    // A share that has said nothing was never begun, or is removed when its node is told again.
    let shares_gone = observed.shares.iter().flatten().all(|report| ended(report));
    let gone = shares_gone
        && match (&deployment.node, observed.report) {
            (None, _) => true,
            (Some(_), Some(report)) => ended(report),
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

fn decide_reported(deployment: &Deployment, report: &Report, observed: Observed<'_>) -> Option<Event> {
    let shares = || observed.shares.iter().copied().flatten();
    if let Some(failure) = std::iter::once(report).chain(shares()).find_map(ended_by_itself) {
        return Some(Event::Failed(failure));
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
            let everywhere = observed.shares.iter().all(|it| it.is_some_and(|it| it.phase == Phase::Healthy));
            everywhere.then(|| promote_or_yield(deployment, observed.live_number))
        }
        State::Queued | State::Building | State::Provisioning => None,
        State::Production | State::Inactive | State::Failed => None,
    }
}

/// Why a node does not run what it should.
fn ended_by_itself(report: &Report) -> Option<Failure> {
    let internal = |why| Failure::new(Reason::Internal, why);
    match report.phase {
        Phase::Failed => {
            Some(report.failure.clone().unwrap_or_else(|| {
                internal("The node ended this deployment without saying why; see its log.")
            }))
        }
        Phase::Stopped => {
            Some(internal("The node stopped this deployment though it should run; redeploy it."))
        }
        _ => None,
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
