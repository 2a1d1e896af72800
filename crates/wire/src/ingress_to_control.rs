//! What an ingress says to the control plane.

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
    /// Somebody waits for this one, which sleeps.
    Wake { deployment: DeploymentId },
}
