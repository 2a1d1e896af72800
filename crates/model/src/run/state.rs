//! A run and its steps. Serialisable, and free of secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::Timestamp;
use crate::deployment::Failure;
use crate::id::DeploymentId;
use crate::pipeline::StepName;
use crate::pipeline::name::OutputName;

/// The run of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub deployment: DeploymentId,
    pub plan: Plan,
    pub phase: Phase,
    /// Why it is, or was, rolled back, or will be once the preparing that is underway has ended. Set once, never changed: what
    /// goes wrong on the way back is told at the steps.
    pub cause: Option<Cause>,
    pub steps: BTreeMap<StepName, StepRun>,
    /// How many steps have ended so far; gives each its position.
    pub ended: u32,
    /// When it is rolled back unless it has succeeded.
    pub deadline: Timestamp,
    /// The last failure of making or cleaning up what belongs to no step.
    pub trouble: Option<String>,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Phase {
    Created,
    /// Network and volumes are being made.
    Preparing {
        deadline: Timestamp,
    },
    Running,
    /// Every step succeeded. It stays like this until the slot is deleted.
    Succeeded,
    RollingBack,
    /// What carries the deployment's label is being removed.
    Cleaning {
        attempt: u32,
        deadline: Timestamp,
    },
    CleaningPaused {
        attempt: u32,
        until: Timestamp,
    },
    /// Nothing is left, except what is listed as left over.
    RolledBack,
}

/// Why a run is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Cause {
    StepFailed {
        step: StepName,
        failure: Failure,
    },
    /// Network or volumes could not be made.
    NotPrepared {
        message: String,
    },
    TimedOut,
    Cancelled,
    /// The slot is deleted or has expired.
    Deleted,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    pub state: StepState,
    /// The last that was started, counted from 1; 0 before that.
    pub attempt: u32,
    /// What it left for later steps, by name.
    pub outputs: BTreeSet<OutputName>,
    /// Of the last attempt that failed.
    pub failure: Option<Failure>,
    /// What the last failed attempt to undo it said.
    pub undo_failure: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Where a step is. `position` counts the steps in the order in which they ended; undoing goes backwards through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    /// An attempt was ordered. It may not have begun yet.
    Active {
        attempt: u32,
        deadline: Timestamp,
    },
    /// The attempt is to be stopped; nothing may follow before it is.
    Stopping {
        attempt: u32,
        again_at: Timestamp,
    },
    /// Between two attempts; `attempt` is the next.
    Pausing {
        attempt: u32,
        until: Timestamp,
    },
    /// Succeeded; a service is healthy.
    Done {
        position: u32,
    },
    /// Failed or was stopped. What it made until then has to be undone.
    Broken {
        position: u32,
    },
    Undoing {
        attempt: u32,
        deadline: Timestamp,
    },
    /// Between two attempts to undo; `attempt` is the next.
    UndoPausing {
        attempt: u32,
        until: Timestamp,
    },
    Undone,
    /// Never started.
    Skipped,
    /// Its plugin could not undo what it made outside of the platform.
    LeftOver,
}

impl StepState {
    /// Whether nothing of it exists, as far as that is in the platform's hands.
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Undone | Self::Skipped | Self::LeftOver)
    }
}

impl Run {
    /// A run in which nothing has happened yet.
    pub fn new(deployment: DeploymentId, plan: Plan, now: Timestamp) -> Self {
        let step = StepRun {
            state: StepState::Waiting,
            attempt: 0,
            outputs: BTreeSet::new(),
            failure: None,
            undo_failure: None,
            started_at: None,
            ended_at: None,
        };
        Self {
            deployment,
            phase: Phase::Created,
            cause: None,
            steps: plan.steps.keys().map(|name| (name.clone(), step.clone())).collect(),
            ended: 0,
            deadline: after(now, plan.timeout_s),
            plan,
            trouble: None,
        }
    }

    /// Whether it is over: it succeeded, or nothing is left of it.
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::RolledBack)
    }

    /// Steps whose plugin could not undo what it made, with what it last said.
    pub fn left_over(&self) -> impl Iterator<Item = (&StepName, &str)> {
        self.steps
            .iter()
            .filter(|(_, step)| step.state == StepState::LeftOver)
            .map(|(name, step)| (name, step.undo_failure.as_deref().unwrap_or_default()))
    }
}

pub(super) fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}
