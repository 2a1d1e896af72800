//! What engine objects are called and which labels they carry: how a node finds its own, and nothing else.

use std::collections::BTreeMap;

use pierhead_model::assignment::Assignment;
use pierhead_model::id::{DeploymentId, InstallId, NodeId};

/// Who this node is, as the control plane said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) install: InstallId,
    pub(crate) node: NodeId,
    pub(crate) epoch: u64,
}

pub(crate) const DEPLOYMENT: &str = "pierhead.deployment";
pub(crate) const EPOCH: &str = "pierhead.epoch";

impl Identity {
    /// On everything this node makes.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("pierhead.managed".to_owned(), "true".to_owned()),
            ("pierhead.install".to_owned(), self.install.to_string()),
            ("pierhead.node".to_owned(), self.node.to_string()),
        ])
    }

    /// On everything of one deployment.
    pub(crate) fn labels_of(&self, deployment: &DeploymentId) -> BTreeMap<String, String> {
        let mut labels = self.labels();
        labels.insert(DEPLOYMENT.to_owned(), deployment.to_string());
        labels
    }

    /// On one object made for a step of an assignment.
    pub(crate) fn object_labels(&self, assignment: &Assignment, step: &str) -> BTreeMap<String, String> {
        let mut labels = self.labels_of(&assignment.deployment);
        labels.extend([
            (EPOCH.to_owned(), self.epoch.to_string()),
            ("pierhead.generation".to_owned(), assignment.generation.to_string()),
            ("pierhead.environment".to_owned(), assignment.environment.to_string()),
            ("pierhead.project".to_owned(), assignment.project.to_string()),
            ("pierhead.slot".to_owned(), assignment.slot.to_string()),
            ("pierhead.step".to_owned(), step.to_owned()),
        ]);
        labels
    }
}

/// A name for an object of a deployment. Deployment ids are unique, so two projects can never meet here.
pub(crate) fn object_name(deployment: &DeploymentId, what: &str) -> String {
    format!("pierhead-{deployment}-{what}")
}

/// The user that builds and services run as, in every runtime image.
pub(crate) const APP_UID: u32 = 10_001;
