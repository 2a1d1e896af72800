//! What the control plane says to an agent.

use pierhead_model::assignment::Assignment;
use pierhead_model::digest::Digest;
use pierhead_model::id::{DeploymentId, InstallId, NodeId};
use pierhead_model::sleep::RestOrder;
use serde::{Deserialize, Serialize};

use crate::version::Version;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "messages are moved once and dropped; boxing would only hide the fields"
)]
pub enum ControlToAgent {
    /// The first message of a session.
    Hello {
        version: Version,
        install: InstallId,
        node: NodeId,
        /// Grows with each start of the control plane; an agent that has seen a higher one refuses the session.
        epoch: u64,
    },
    /// Everything this node should do. What it holds beyond this list, of this install and no newer epoch, is removed.
    Sync {
        assignments: Vec<Assignment>,
    },
    /// One assignment, new or changed.
    Assign(Assignment),
    /// How deeply a live service should sleep: what its assignment says too, told in a hurry.
    Rest {
        deployment: DeploymentId,
        order: RestOrder,
    },
    /// The control plane has remembered that this deployment is gone from the node: the node may forget it too.
    Forget {
        deployment: DeploymentId,
    },
    /// The report with this sequence number is durable.
    ReportStored {
        deployment: DeploymentId,
        sequence: u64,
    },
    /// Lines up to and including this number are durable.
    LogStored {
        deployment: DeploymentId,
        through: u64,
    },
    /// Say what the engine holds of this node right now.
    TakeInventory {
        number: u64,
    },
    /// Store this image, by name or id, layer by layer, where other nodes find it, and answer with `ImageKept`.
    KeepImage {
        reference: String,
    },
    /// The answer to `SeekImage`: the digest of the stored image, or that no node has it.
    ImageFound {
        reference: String,
        image: Option<Digest>,
    },
    Ping {
        number: u64,
    },
}
