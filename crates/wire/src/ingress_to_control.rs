//! What an ingress says to the control plane.

use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IngressToControl {
    /// New requests are answered by this generation of the table.
    Applied { epoch: u64, generation: u64 },
    /// Authorities are answered by this version of the challenges.
    Answering { version: u64 },
    /// A change did not fit: send the whole table.
    WantTable,
    /// A deployment that left the table has no request in flight any more, or its drain time is over.
    Drained { deployment: DeploymentId },
    /// These were needed a moment ago: a request or a tunnel was, or is, in flight.
    Active { deployments: Vec<DeploymentId> },
    /// What was answered since this was said last, by hostname.
    Counted { routes: Vec<RouteCounts> },
    /// Somebody waits for this one, which sleeps.
    Wake { deployment: DeploymentId },
}

/// What was answered for one hostname.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounts {
    pub host: Hostname,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Figures that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By the first digit of their status: `answers[2]` is 2xx, `answers[0]` what has none of 1 to 5.
    pub answers: [u64; 6],
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Answers that the platform gave because a service did not.
    pub upstream_errors: u64,
}

impl Counts {
    /// Adds what was counted elsewhere, or later.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.answers.iter_mut().zip(other.answers) {
            *sum = sum.saturating_add(more);
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.upstream_errors = self.upstream_errors.saturating_add(other.upstream_errors);
    }
}
