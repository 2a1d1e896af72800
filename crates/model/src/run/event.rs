//! What can happen to a run, and what must be done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::deployment::Failure;
use crate::id::DeploymentId;
use crate::pipeline::StepName;
use crate::pipeline::name::OutputName;

/// What can happen. Events of attempts that are not the current one change nothing, so each may come any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Begin,
    /// Network and volumes are there.
    Prepared,
    NotPrepared {
        message: String,
    },
    /// A plugin or build ended well, or a service is healthy. The values of its outputs are kept, sealed, already.
    Succeeded {
        step: StepName,
        attempt: u32,
        outputs: BTreeSet<OutputName>,
    },
    /// It ended badly. The text holds no secret.
    Failed {
        step: StepName,
        attempt: u32,
        failure: Failure,
    },
    /// As ordered: nothing of the attempt runs any more.
    Stopped {
        step: StepName,
        attempt: u32,
    },
    /// A service that had been healthy is gone and does not come back.
    Lost {
        step: StepName,
        failure: Failure,
    },
    Undone {
        step: StepName,
        attempt: u32,
    },
    NotUndone {
        step: StepName,
        attempt: u32,
        message: String,
    },
    /// Nothing carries the deployment's label any more.
    Cleaned,
    NotCleaned {
        message: String,
    },
    /// By a person, or because something newer takes its place. Without effect once it succeeded.
    Cancel,
    /// The slot goes away.
    Delete,
    /// Time has passed; see [`super::Run::next_wakeup`].
    Tick,
}

/// What must be done, after the state that asks for it is durable. Each is idempotent: it may be ordered again after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make network and volumes, with the deployment's label.
    Prepare,
    /// Start the attempt, in a container named after it; if that exists, only watch it. For a service: start and ask until it
    /// is healthy.
    Start { step: StepName, attempt: u32, key: IdempotencyKey },
    /// After a crash: it runs; report how it ends.
    Watch { step: StepName, attempt: u32 },
    /// Stop the attempt, and report [`Event::Stopped`], or how it had ended before.
    Stop { step: StepName, attempt: u32 },
    /// The end of the attempt is recorded: its container can go.
    Discard { step: StepName, attempt: u32 },
    /// Remove the step's containers, of every attempt. With `destroy`, first have the plugin undo what it made, in a container
    /// named after this attempt; what earlier attempts to undo left running is stopped before.
    Undo { step: StepName, attempt: u32, key: IdempotencyKey, destroy: bool },
    /// After a crash: the attempt to undo runs; report how it ends.
    WatchUndo { step: StepName, attempt: u32 },
    /// Remove everything with the deployment's label (give up a [`Self::Prepare`] that is underway before), look again, and
    /// only then report [`Event::Cleaned`].
    Clean,
    /// Tell everybody: it succeeded, or was rolled back.
    Finish,
}

/// Tells a plugin that it is asked the same thing again. The same for every attempt at the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of making a step's things in a deployment.
    pub fn create(deployment: &DeploymentId, step: &StepName) -> Self {
        Self(format!("{deployment}/{step}/create"))
    }

    /// The key of undoing them.
    pub fn destroy(deployment: &DeploymentId, step: &StepName) -> Self {
        Self(format!("{deployment}/{step}/destroy"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
