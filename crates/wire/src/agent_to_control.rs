//! What an agent says to the control plane.

use pierhead_model::assignment::Report;
use pierhead_model::digest::Digest;
use pierhead_model::id::DeploymentId;
use pierhead_model::log::LogLine;
use pierhead_model::pipeline::StepName;
use serde::{Deserialize, Serialize};

use crate::version::Version;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "messages are moved once and dropped; boxing would only hide the fields"
)]
pub enum AgentToControl {
    /// The answer to `Hello`.
    Hello {
        version: Version,
        machine: Machine,
    },
    /// The session cannot begin.
    Refused {
        reason: String,
    },
    /// Replaces every earlier report of the deployment. Sent again until it is stored.
    Report(Report),
    /// Consecutive lines of one deployment. Sent again until they are stored.
    Log {
        deployment: DeploymentId,
        lines: Vec<LogLine>,
    },
    /// Every few seconds.
    Usage {
        machine: MachineUsage,
        deployments: Vec<DeploymentUsage>,
    },
    /// The answer to `TakeInventory` of this number.
    Inventory {
        number: u64,
        holdings: Vec<Holding>,
    },
    /// This node needs an image, by name or id, that its engine lacks.
    SeekImage {
        reference: String,
    },
    /// The answer to `KeepImage`: the digest of the stored image, or that this node cannot give it.
    ImageKept {
        reference: String,
        image: Option<Digest>,
    },
    Pong {
        number: u64,
    },
}

/// One thing that the engine holds for this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub kind: HoldingKind,
    pub name: String,
    /// `None` when its labels name none: it belongs to nobody.
    pub deployment: Option<DeploymentId>,
    /// Of a volume that outlives deployments: whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<SlotOf>,
    /// Of a container: it runs.
    pub running: bool,
    /// Of a container: it has a memory limit.
    pub limited: bool,
}

/// A slot, by the names in its labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlotOf {
    pub project: String,
    pub environment: String,
    pub slot: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldingKind {
    Container,
    Network,
    Volume,
}

/// What the machine has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub hostname: String,
    pub architecture: String,
    pub cpu_cores: u32,
    pub memory_bytes: u64,
    pub disk_bytes: u64,
    /// Of the container engine.
    pub engine_version: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineUsage {
    /// In cores.
    pub cpu: f64,
    pub memory_bytes: u64,
    /// Free where the node keeps its data.
    pub disk_free_bytes: u64,
    /// Containers of this node that run.
    #[serde(default)]
    pub containers: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentUsage {
    pub deployment: DeploymentId,
    pub cpu: f64,
    /// The working set: page cache that can be dropped does not count.
    pub memory_bytes: u64,
    /// The same, service by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceUsage>,
}

/// What the replicas of one service on one node use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceUsage {
    pub service: StepName,
    /// In cores, all of them together.
    pub cpu: f64,
    /// The working set of the one that has most.
    pub memory_bytes: u64,
    /// Of one replica; 0 for none.
    pub memory_limit_bytes: u64,
}

#[cfg(test)]
mod tests {
    use pierhead_model::assignment::InstanceReport;

    use super::*;

    /// Messages are read through a buffer that knows no numbers as keys.
    #[test]
    fn a_report_comes_as_it_was_sent() {
        let mut report = Report::accepted(DeploymentId::from_random(1));
        let mut instance = InstanceReport::default();
        for replica in 1..=3 {
            instance.set_replica(replica, Some(([10, 0, 0, 1], 3000).into()));
        }
        report.instance = Some(instance);
        let message = AgentToControl::Report(report);
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<AgentToControl>(&text).unwrap(), message, "{text}");
    }
}
