//! The labels of everything an engine holds for a deployment.
//!
//! They are written when an object is created, so what a crash left can be found without any list of our own.

use pierhead_engine::labels;
use pierhead_engine::spec::Labels;
use pierhead_model::id::DeploymentId;
use pierhead_wire::agent_to_control::SlotOf;

use crate::assignments::Held;
use crate::identity::Identity;

pub(crate) const ENVIRONMENT: &str = "pierhead.environment";
pub(crate) const PROJECT: &str = "pierhead.project";
pub(crate) const SLOT: &str = "pierhead.slot";
pub(crate) const DEPLOYMENT: &str = "pierhead.deployment";
pub(crate) const STEP: &str = "pierhead.step";

/// Labels of a new object.
pub(crate) fn of_object(identity: &Identity, held: &Held, step: &str) -> Labels {
    let assignment = &held.assignment;
    let mut labels = of_deployment(identity, &assignment.deployment);
    labels.extend(
        [
            (labels::GENERATION, held.epoch.to_string()),
            (ENVIRONMENT, assignment.environment.to_string()),
            (PROJECT, assignment.project.to_string()),
            (SLOT, assignment.slot.to_string()),
            (STEP, step.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    labels
}

/// What all objects of a deployment carry.
pub(crate) fn of_deployment(identity: &Identity, deployment: &DeploymentId) -> Labels {
    let mut labels = of_node(identity);
    labels.insert(DEPLOYMENT.to_owned(), deployment.to_string());
    labels
}

/// What everything of this node carries.
pub(crate) fn of_node(identity: &Identity) -> Labels {
    labels::owner(identity.install.as_ref(), identity.node.as_ref())
}

/// The deployment that an object belongs to.
pub(crate) fn deployment_of(labels: &Labels) -> Option<DeploymentId> {
    labels.get(DEPLOYMENT)?.parse().ok()
}

/// The slot that an object belongs to.
pub(crate) fn slot_of(labels: &Labels) -> Option<SlotOf> {
    Some(SlotOf {
        project: labels.get(PROJECT)?.clone(),
        environment: labels.get(ENVIRONMENT)?.clone(),
        slot: labels.get(SLOT)?.clone(),
    })
}
