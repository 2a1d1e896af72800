//! Slots and projects that were deleted are torn down to the last row.
//!
//! Deleting only marks. Here what is on its way is cancelled, what is live is taken down, and when every node has proved
//! that nothing is left, the rows go. Each round does what can be done now; a crash in between loses nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::deployment::{Event, State};
use pierhead_model::id::{ProjectId, SlotId};
use pierhead_store::DeploymentRecord;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::lifecycle::advance;

#[derive(Debug)]
pub(crate) struct Removals(pub(crate) Arc<Core>);

/// How soon to look again while something is still being torn down.
const SOON: Duration = Duration::from_millis(500);

#[async_trait]
impl Reconciler for Removals {
    fn name(&self) -> &'static str {
        "removals"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let store = &self.0.store;
        let mut left = false;
        for slot in store.slots_deleting().await.stored()? {
            left |= !self.remove_slot(&slot).await?;
        }
        for project in store.projects_deleting().await.stored()? {
            left |= !self.remove_project(&project).await?;
        }
        Ok(left.then_some(SOON))
    }
}

impl Removals {
    /// Whether it is gone.
    async fn remove_slot(&self, slot: &SlotId) -> Result<bool, Error> {
        let records = self.0.store.deployments_of_slot(slot).await.stored()?;
        if !self.take_down(&records).await? {
            return Ok(false);
        }
        self.0.store.slot_delete(slot).await.stored()?;
        self.0.signals.routes.raise();
        Ok(true)
    }

    async fn remove_project(&self, project: &ProjectId) -> Result<bool, Error> {
        for slot in self.0.store.slots_of_project(project).await.stored()? {
            if !self.remove_slot(&slot.id).await? {
                return Ok(false);
            }
        }
        if let Some(link) = self.0.store.source_link(project).await.stored()? {
            self.0.store.hook_removal_put(&link, self.0.outside.now()).await.stored()?;
        }
        self.0.store.project_delete(project).await.stored()?;
        self.0.signals.pushed.raise();
        self.0.signals.hooks.raise();
        Ok(true)
    }

    /// Takes down what still runs; true when nothing of it is anywhere, and the logs are gone.
    async fn take_down(&self, records: &[DeploymentRecord]) -> Result<bool, Error> {
        let mut gone = true;
        for record in records {
            let deployment = &record.deployment;
            match deployment.state {
                State::Production => {
                    advance(&self.0, &deployment.id, Event::Deactivated).await?;
                    gone = false;
                }
                State::Queued | State::Building | State::Provisioning => {
                    if deployment.cancel_requested_at.is_none() {
                        advance(&self.0, &deployment.id, Event::CancelRequested).await?;
                    }
                    gone = false;
                }
                State::Inactive | State::Failed => gone &= !record.is_somewhere(),
            }
        }
        if gone {
            for record in records {
                self.0.store.deployment_delete(&record.deployment.id).await.stored()?;
            }
        }
        Ok(gone)
    }
}
