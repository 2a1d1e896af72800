//! The one place that moves a deployment.
//!
//! The store applies the event, writes the new state and the outbox's event in one transaction; here the effects become
//! signals. A signal that is lost in a crash costs at most one period: everybody who listens also looks by itself.

use pierhead_model::deployment::{Deployment, Effect, Event};
use pierhead_model::id::DeploymentId;
use pierhead_store::NewAudit;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Applies `event`, and wakes whom it concerns. Returns the deployment as it is then.
pub(crate) async fn advance(core: &Core, id: &DeploymentId, event: Event) -> Result<Deployment, Error> {
    advance_by(core, id, event, None).await
}

/// The same because somebody asked for it.
pub(crate) async fn advance_by(
    core: &Core,
    id: &DeploymentId,
    event: Event,
    audit: Option<&NewAudit>,
) -> Result<Deployment, Error> {
    let advanced = core
        .store
        .deployment_advance_by(core.epoch, id, event, core.outside.now(), audit)
        .await
        .asked_for("deployment", id)?;
    carry_out(core, &advanced.after, &advanced.effects);
    if let Some(replaced) = &advanced.replaced {
        carry_out(core, &replaced.after, &replaced.effects);
    }
    core.signals.deployments.raise();
    Ok(advanced.after)
}

fn carry_out(core: &Core, after: &Deployment, effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Emit { from, to } => tracing::info!(deployment = %after.id, %from, %to, "moved"),
            Effect::Assign { node } => core.fleet.wake(node),
            Effect::Withdraw => {
                if let Some(node) = &after.node {
                    core.fleet.wake(node);
                }
            }
            Effect::Route => core.signals.routes.raise(),
        }
    }
}
