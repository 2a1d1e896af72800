//! Volumes of a slot: made when first needed, kept over redeployments, removed with the slot.
//!
//! They carry no deployment's label, so what removes a deployment leaves them alone.

use std::sync::Arc;

use pierhead_engine::Error as EngineError;
use pierhead_engine::labels::within_generation;
use pierhead_engine::spec::{Mount, VolumeKind, VolumeSpec};

use crate::steps::place::Place;
use crate::steps::{Context, StepError};

/// A volume of the slot and where it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotVolume {
    /// As its pipeline calls it.
    pub name: String,
    /// Absolute, inside of the container.
    pub path: String,
    pub read_only: bool,
}

impl SlotVolume {
    pub(in crate::steps) fn mount(&self, place: &Place) -> Mount {
        // A database that runs as its own user finds a folder that this user owns.
        let (name, target) = (place.volume(&self.name), self.path.clone());
        Mount::Volume { name, target, read_only: self.read_only, filled: true }
    }
}

/// Makes those that are missing.
pub(in crate::steps) async fn ensure(
    context: &Context,
    place: &Place,
    volumes: &[SlotVolume],
) -> Result<(), StepError> {
    const DOING: &str = "making the slot's volumes";
    if volumes.is_empty() {
        return Ok(());
    }
    // Looked for first: one that an earlier epoch made is as good, but was made from another description.
    let labels = place.labels_of_slot();
    let there = context.patiently(DOING, || context.engine.volume_list(&labels)).await?;
    for volume in volumes {
        let name = place.volume(&volume.name);
        if there.iter().any(|found| found.name == name) {
            continue;
        }
        let labels = place.labels_of_volume(&volume.name);
        let spec = VolumeSpec { name, labels, kind: VolumeKind::Plain };
        let engine = Arc::clone(&context.engine);
        match context.settle(DOING, async move { engine.volume_create(&spec).await }).await {
            // Another step of the same run made it meanwhile, under another epoch.
            Err(StepError::Engine { error: EngineError::NameTaken { .. }, .. }) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Removes every volume of the slot from this node; for when the slot goes. One that another deployment mounts stays, and goes
/// with that.
pub async fn remove_all(context: &Context, place: &Place) -> Result<(), StepError> {
    const DOING: &str = "removing the slot's volumes";
    let labels = place.labels_of_slot();
    let there = context.patiently(DOING, || context.engine.volume_list(&labels)).await?;
    let ours = there
        .into_iter()
        .filter(|volume| Place::is_volume(&volume.labels) && within_generation(&volume.labels, place.epoch));
    for volume in ours {
        let engine = Arc::clone(&context.engine);
        match context.settle(DOING, async move { engine.volume_remove(&volume.name).await }).await {
            Err(StepError::Engine { error: EngineError::Conflict { .. }, .. }) => {}
            result => result?,
        }
    }
    Ok(())
}
