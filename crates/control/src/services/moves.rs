//! Leaving a node: the same release once more, wherever there is room.

use pierhead_model::assignment::Source;
use pierhead_model::deployment::State;
use pierhead_model::id::DeploymentId;
use pierhead_model::release::Release;
use pierhead_store::DeploymentRecord;

use super::accepting::{Origin, Planned, accept};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::work::WorkRecord;

/// The trigger of a deployment that only moves.
const TRIGGER: &str = "drain";

/// Whether a deployment is live, needs a node, and is neither being replaced nor was tried to move before without success.
pub(crate) async fn must_move(core: &Core, record: &DeploymentRecord) -> Result<bool, Error> {
    let deployment = &record.deployment;
    let needs_a_node = matches!(record.release, Some(Release::Service(_) | Release::Image(_)));
    if deployment.state != State::Production || !needs_a_node {
        return Ok(false);
    }
    let newer = core.store.deployments_of_slot(&deployment.slot).await.stored()?;
    let replaced = newer.iter().any(|other| {
        other.deployment.number > deployment.number
            && (other.deployment.state.is_in_progress() || other.trigger == TRIGGER)
    });
    Ok(!replaced)
}

/// Deploys the same release with the same variables on whatever node has room. The one that is live now ends when that is
/// healthy.
pub(crate) async fn move_away(core: &Core, record: &DeploymentRecord) -> Result<DeploymentId, Error> {
    let deployment = &record.deployment;
    let release =
        record.release.clone().ok_or_else(|| Error::not_found("release of deployment", &deployment.id))?;
    let mut work = WorkRecord::from_text(&record.work)?;
    let variables = work.open(core, &deployment.id)?;
    work.source = Source::Release { release };
    work.commit = record.report.as_ref().and_then(|report| report.commit.clone()).or(work.commit);
    let place = (&deployment.project, &deployment.slot);
    accept(core, Origin::of(TRIGGER, &record.created_by), place, Planned::again(work), &variables).await
}
