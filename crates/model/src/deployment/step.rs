//! `step`: the one way a deployment changes.

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Reason};
use super::state::{IllegalTransition, State, Transition};
use crate::Timestamp;
use crate::digest::Digest;
use crate::id::{DeploymentId, NodeId, ProjectId, SlotId};
use crate::limit::Limits;

/// How long a deployment may wait for a node, and then for its turn on that node.
const QUEUE_LIMIT_S: i64 = 3_600;
/// What a phase may take beyond the limits its node enforces (clone, upload, a link that was cut) before the control plane
/// ends it by itself.
const NODE_GRACE_S: i64 = 180;

/// What the lifecycle needs to know of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub slot: SlotId,
    /// Counts up per slot in the order of acceptance; shown as `v18`.
    pub number: u64,
    pub state: State,
    pub failure: Option<Failure>,
    /// Counts the writes of this deployment; a write that expects another one has lost the race.
    pub generation: u64,
    pub node: Option<NodeId>,
    /// What of its node's room is promised to it, as long as the node may have something of it.
    pub reserved: Reservation,
    /// The identity of what was built, once there is something.
    pub release: Option<Digest>,
    pub limits: Limits,
    pub cancel_requested_at: Option<Timestamp>,
    /// When the control plane ends it by itself, whatever its node says. `None` once it is live or ended.
    pub deadline: Option<Timestamp>,
    pub timings: Timings,
}

/// Room on a node that is promised to a deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub memory_mb: u32,
    /// In thousandths of a core.
    pub cpu_milli: u32,
}

impl Reservation {
    fn of(limits: &Limits) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "limits are within bounds, and clamped here"
        )]
        let cpu_milli = (limits.cpu * 1000.0).clamp(0.0, 1_000_000.0) as u32;
        Self { memory_mb: limits.memory_mb, cpu_milli }
    }
}

/// When each state was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// When the push that asked for it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    pub queued_at: Timestamp,
    pub building_at: Option<Timestamp>,
    pub provisioning_at: Option<Timestamp>,
    pub production_at: Option<Timestamp>,
    /// When it became INACTIVE or FAILED.
    pub ended_at: Option<Timestamp>,
}

/// What can happen to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Placed {
        node: NodeId,
    },
    BuildStarted,
    /// `runs`: it needs a process, and so room on its node.
    Released {
        release: Digest,
        runs: bool,
    },
    Promoted,
    Deactivated,
    Failed(Failure),
    CancelRequested,
}

/// What must follow, in the same transaction as the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The event of the outbox.
    Emit { from: State, to: State },
    /// Tell the node that it should work on this.
    Assign { node: NodeId },
    /// Tell the node to stop and clean up.
    Withdraw,
    /// What visitors see may have changed.
    Route,
}

impl Deployment {
    /// A deployment that was just accepted.
    pub fn queued(
        id: DeploymentId,
        project: ProjectId,
        slot: SlotId,
        number: u64,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        let timings = Timings {
            received_at: None,
            queued_at: now,
            building_at: None,
            provisioning_at: None,
            production_at: None,
            ended_at: None,
        };
        Self {
            id,
            project,
            slot,
            number,
            state: State::Queued,
            failure: None,
            generation: 1,
            node: None,
            reserved: Reservation::default(),
            release: None,
            limits,
            cancel_requested_at: None,
            deadline: Some(after(now, QUEUE_LIMIT_S)),
            timings,
        }
    }
}

/// Applies an event. The deployment that comes back has the next generation; an event that changes nothing is refused, so
/// that a caller never writes for nothing.
pub fn step(
    deployment: &Deployment,
    event: Event,
    now: Timestamp,
) -> Result<(Deployment, Vec<Effect>), IllegalTransition> {
    let mut next = deployment.clone();
    next.generation += 1;
    let effects = match event {
        Event::Placed { node } => {
            if deployment.state != State::Queued {
                return Err(IllegalTransition {
                    from: deployment.state,
                    transition: Transition::StartBuilding,
                });
            }
            next.node = Some(node.clone());
            next.reserved = Reservation::of(&deployment.limits);
            // Others may be built there before it.
            next.deadline = Some(after(now, QUEUE_LIMIT_S + NODE_GRACE_S));
            vec![Effect::Assign { node }]
        }
        Event::BuildStarted => {
            next.enter(Transition::StartBuilding)?;
            next.timings.building_at = Some(now);
            next.deadline = Some(after(now, i64::from(deployment.limits.build_timeout_s) + NODE_GRACE_S));
            vec![emit(deployment, &next), Effect::Route]
        }
        Event::Released { release, runs } => {
            next.enter(Transition::StartProvisioning)?;
            next.release = Some(release);
            if !runs {
                next.reserved = Reservation::default();
            }
            next.timings.provisioning_at = Some(now);
            next.deadline = Some(after(now, i64::from(deployment.limits.startup_timeout_s) + NODE_GRACE_S));
            vec![emit(deployment, &next)]
        }
        Event::Promoted => {
            next.enter(Transition::Promote)?;
            next.timings.production_at = Some(now);
            next.deadline = None;
            vec![emit(deployment, &next), Effect::Route]
        }
        Event::Deactivated => {
            next.enter(Transition::Deactivate)?;
            next.timings.ended_at = Some(now);
            vec![emit(deployment, &next), Effect::Route, Effect::Withdraw]
        }
        Event::Failed(failure) => {
            next.enter(Transition::Fail)?;
            next.failure = Some(failure);
            next.timings.ended_at = Some(now);
            next.deadline = None;
            vec![emit(deployment, &next), Effect::Route, Effect::Withdraw]
        }
        Event::CancelRequested => {
            if !deployment.state.is_in_progress() {
                return Err(IllegalTransition { from: deployment.state, transition: Transition::Fail });
            }
            next.cancel_requested_at = deployment.cancel_requested_at.or(Some(now));
            vec![Effect::Withdraw]
        }
    };
    Ok((next, effects))
}

impl Deployment {
    fn enter(&mut self, transition: Transition) -> Result<(), IllegalTransition> {
        self.state = self.state.after(transition)?;
        Ok(())
    }

    /// The failure that a passed deadline means in this state.
    pub(super) fn overdue(&self) -> Failure {
        match self.state {
            State::Queued if self.node.is_none() => Failure::new(
                Reason::NoCapacity,
                "No node took this deployment for an hour. Add a node, or free capacity, and redeploy.",
            ),
            State::Queued => Failure::new(
                Reason::NodeLost,
                "The node that has this deployment did not begin with it for an hour. Redeploy when it is back, or has less to do.",
            ),
            State::Building | State::Provisioning => Failure::new(
                Reason::NodeLost,
                "The node that worked on this deployment did not report an end in time. Redeploy when it is back.",
            ),
            State::Production | State::Inactive | State::Failed => {
                Failure::new(Reason::Internal, "A deadline passed where there is none.")
            }
        }
    }
}

fn emit(before: &Deployment, after: &Deployment) -> Effect {
    Effect::Emit { from: before.state, to: after.state }
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
