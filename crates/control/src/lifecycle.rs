//! The one place that moves a deployment.
//!
//! The store applies the event, writes the new state and the outbox's event in one transaction; here the effects become
//! signals. A signal that is lost in a crash costs at most one period: everybody who listens also looks by itself.

use pierhead_model::deployment::{Deployment, Effect, Event};
use pierhead_model::id::DeploymentId;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Applies `event`, and wakes whom it concerns. Returns the deployment as it is then.
pub(crate) async fn advance(core: &Core, id: &DeploymentId, event: Event) -> Result<Deployment, Error> {
    let advanced = core
        .store
        .deployment_advance(core.epoch, id, event, core.outside.now())
        .await
        .asked_for("deployment", id)?;
    let mut effects = advanced.effects.clone();
    if let Some(replaced) = &advanced.replaced {
        effects.extend(replaced.effects.iter().cloned());
    }
    for effect in effects {
        match effect {
            Effect::Emit { from, to } => tracing::info!(deployment = %id, %from, %to, "moved"),
            Effect::Assign { .. } | Effect::Withdraw => core.fleet.wake(),
            Effect::Route => core.signals.routes.raise(),
        }
    }
    core.signals.deployments.raise();
    Ok(advanced.after)
}
