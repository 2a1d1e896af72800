//! Removing all that one deployment made on this node.
//!
//! By label, not by memory: what a crashed attempt made is found like everything else. Doing it twice is fine. Success
//! means that the engine was asked again and showed nothing.

use pierhead_engine::Engine;
use pierhead_engine::labels::within_generation;
use pierhead_engine::state::Removal;
use pierhead_engine::{Error as EngineError, spec::Labels};
use pierhead_model::id::DeploymentId;

use crate::identity::Identity;
use crate::node::Node;
use crate::{durable, labels};

/// Looks at the engine after removing: what was just being made may appear late.
const ROUNDS: usize = 5;

/// Why something is still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UndoError {
    #[error("the engine could not remove what the deployment made")]
    Engine(#[source] EngineError),
    #[error("the deployment's folder could not be removed")]
    Disk(#[source] std::io::Error),
    #[error("{0} objects of the deployment are still in the engine after they were removed")]
    Remains(usize),
}

/// What becomes of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Images {
    /// A release may go live again.
    Keep,
    Remove,
}

/// Removes containers, networks, volumes and folders of a deployment.
pub(crate) async fn remove(
    node: &Node,
    identity: &Identity,
    deployment: &DeploymentId,
    images: Images,
) -> Result<(), UndoError> {
    pierhead_model::crash_point!("agent.undo_begun");
    let wanted = labels::of_deployment(identity, deployment);
    let engine = node.engine.as_ref();
    let mut remaining = 0;
    for _ in 0..ROUNDS {
        remaining = remove_round(engine, identity, &wanted, images).await.map_err(UndoError::Engine)?;
        if remaining == 0 {
            break;
        }
    }
    if remaining > 0 {
        return Err(UndoError::Remains(remaining));
    }
    durable::remove_folder(node.layout.work(deployment)).await.map_err(UndoError::Disk)?;
    pierhead_model::crash_point!("agent.undo_done");
    Ok(())
}

/// Removes what there is and says how much there was.
async fn remove_round(
    engine: &dyn Engine,
    identity: &Identity,
    wanted: &Labels,
    images: Images,
) -> Result<usize, EngineError> {
    let ours = |labels: &Labels| within_generation(labels, identity.epoch);
    let mut seen = 0;
    for container in engine.list(wanted).await?.into_iter().filter(|container| ours(&container.labels)) {
        seen += 1;
        engine.remove(&container.id, Removal::Force).await?;
    }
    for network in engine.network_list(wanted).await?.into_iter().filter(|network| ours(&network.labels)) {
        seen += 1;
        engine.network_remove(&network.name).await?;
    }
    for volume in engine.volume_list(wanted).await?.into_iter().filter(|volume| ours(&volume.labels)) {
        seen += 1;
        engine.volume_remove(&volume.name).await?;
    }
    if images == Images::Remove {
        for image in engine.image_list(wanted).await?.into_iter().filter(|image| ours(&image.labels)) {
            // Another deployment may have built the same image: the engine then refuses, and that is right.
            match engine.image_remove(image.id.as_str(), Removal::OnlyUnused).await {
                Ok(()) | Err(EngineError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(seen)
}
