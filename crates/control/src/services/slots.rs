//! Slots: the stable places of a project.

use std::sync::Arc;

use pierhead_model::deployment::State;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::{EnvironmentName, SlotName};
use pierhead_store::Slot;

use super::auth::Principal;
use super::projects;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Slots(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct SlotView {
    pub name: SlotName,
    pub environment: EnvironmentName,
    pub url: String,
    pub live: Option<DeploymentId>,
    /// The newest deployment, whatever became of it.
    pub latest: Option<DeploymentId>,
    pub deleting: bool,
}

impl Slots {
    pub async fn list(&self, _principal: &Principal, project: &str) -> Result<Vec<SlotView>, Error> {
        let project = projects::find(&self.0, project).await?;
        let environment = projects::local(&self.0).await?;
        let mut views = Vec::new();
        for slot in self.0.store.slots_of_project(&project.id).await.stored()? {
            let history = self.0.store.slot_summary(&slot.id).await.stored()?;
            let live = history.iter().find(|summary| summary.state == State::Production);
            let host = Hostname::of_slot(&slot.name, &project.name, &environment.base_domain);
            views.push(SlotView {
                url: self.0.public.url(&host),
                environment: environment.name.clone(),
                live: live.map(|summary| summary.id.clone()),
                latest: history.first().map(|summary| summary.id.clone()),
                deleting: slot.deleting_at.is_some(),
                name: slot.name,
            });
        }
        Ok(views)
    }

    pub async fn get(&self, principal: &Principal, project: &str, slot: &str) -> Result<SlotView, Error> {
        let slots = self.list(principal, project).await?;
        slots
            .into_iter()
            .find(|view| view.name.as_str() == slot)
            .ok_or_else(|| Error::not_found("slot", slot))
    }

    /// Begins to tear the slot down, what is live in it included.
    pub async fn delete(&self, principal: &Principal, project: &str, slot: &str) -> Result<(), Error> {
        let project = projects::find(&self.0, project).await?;
        let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
        let found = slots.into_iter().find(|found| found.name.as_str() == slot);
        let Slot { id, .. } = found.ok_or_else(|| Error::not_found("slot", slot))?;
        tracing::warn!(project = %project.name, slot, by = principal.email, "deleting a slot with what is live in it");
        self.0.store.slot_mark_deleting(&id, self.0.outside.now()).await.stored()?;
        self.0.signals.removals.raise();
        Ok(())
    }
}
