//! Slots: the stable places of a project.

use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::access::Permission;
use pierhead_model::deployment::State;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::lifetime::{self, Lifetimes};
use pierhead_model::name::{EnvironmentName, SlotName};
use pierhead_store::{Environment, Project, Slot, Store, StoreError};
use serde_json::json;

use super::auth::Principal;
use super::deployments;
use crate::access::policy::{self, DELETE_DEPLOYMENT, READ_DEPLOYMENT, WRITE_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// What a visit must add to a slot's life to be written down.
const LATER: SignedDuration = SignedDuration::from_secs(10);

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
    /// What counts for it, in seconds; `None` for ever.
    pub lifetime_s: Option<u32>,
    /// When it is deleted unless it is needed again; `None` for never.
    pub expires_at: Option<Timestamp>,
    pub deleting: bool,
}

impl Slots {
    pub async fn list(&self, principal: &Principal, project: &str) -> Result<Vec<SlotView>, Error> {
        let project = policy::project(&self.0, principal, project, READ_DEPLOYMENT).await?;
        let environments = self.0.store.environment_list().await.stored()?;
        let mut views = Vec::new();
        for slot in self.0.store.slots_of_project(&project.id).await.stored()? {
            let environment = environments.iter().find(|environment| environment.id == slot.environment);
            let environment =
                environment.ok_or_else(|| Error::not_found("environment", &slot.environment))?;
            views.push(self.view(&project, environment, slot).await?);
        }
        Ok(views)
    }

    async fn view(
        &self,
        project: &Project,
        environment: &Environment,
        slot: Slot,
    ) -> Result<SlotView, Error> {
        let history = self.0.store.slot_summary(&slot.id).await.stored()?;
        let live = history.iter().find(|summary| summary.state == State::Production);
        let shown = live.or(history.first());
        let record = match shown {
            Some(shown) => self.0.store.deployment_get(&shown.id).await.stored()?,
            None => None,
        };
        // What runs in it has hostnames of its own when it is a run of a pipeline.
        let url = match record {
            Some(record) => deployments::view(&self.0, record).url,
            None => {
                let host = Hostname::of_slot(&slot.name, &project.name, &environment.base_domain);
                self.0.public.url(&host)
            }
        };
        Ok(SlotView {
            url,
            environment: environment.name.clone(),
            live: live.map(|summary| summary.id.clone()),
            latest: history.first().map(|summary| summary.id.clone()),
            lifetime_s: lifetimes(project, environment, &slot).of(&slot.name),
            expires_at: slot.expires_at,
            deleting: slot.deleting_at.is_some(),
            name: slot.name,
        })
    }

    pub async fn get(&self, principal: &Principal, project: &str, slot: &str) -> Result<SlotView, Error> {
        let slots = self.list(principal, project).await?;
        slots
            .into_iter()
            .find(|view| view.name.as_str() == slot)
            .ok_or_else(|| Error::not_found("slot", slot))
    }

    /// It is needed: its lifetime begins anew, and is another one from now on when `lifetime_s` says so (0: for ever).
    pub async fn extend(
        &self,
        principal: &Principal,
        project: &str,
        slot: &str,
        lifetime_s: Option<u32>,
    ) -> Result<SlotView, Error> {
        if let Some(seconds) = lifetime_s {
            lifetime::check(seconds).map_err(|error| Error::invalid("/lifetime_s", error))?;
        }
        let found = self.find(principal, project, slot, WRITE_DEPLOYMENT).await?;
        if found.name.is_production() && lifetime_s.is_some_and(|seconds| seconds > 0) {
            let detail = "`production` lives until it is deleted: it has no lifetime";
            return Err(Error::invalid("/lifetime_s", detail));
        }
        let changed = Slot { lifetime_s: lifetime_s.or(found.lifetime_s), ..found };
        let deed = principal.does(&self.0, "slot.extend", (&changed.id, &changed.name));
        let deed = deed.of_project(&changed.project).after(json!({ "lifetime_s": lifetime_s }));
        let expires_at = expiry(&self.0, &changed).await?;
        let unit = self.0.store.begin().await.stored()?;
        extended(&unit, &changed, lifetime_s, expires_at).await?;
        deed.commit(unit).await?;
        self.0.signals.expiry.raise();
        self.get(principal, project, slot).await
    }

    /// Begins to tear the slot down, what is live in it included.
    pub async fn delete(&self, principal: &Principal, project: &str, slot: &str) -> Result<(), Error> {
        let Slot { id, name, project: of, .. } =
            self.find(principal, project, slot, DELETE_DEPLOYMENT).await?;
        tracing::warn!(project, slot, by = principal.email, "deleting a slot with what is live in it");
        let unit = self.0.store.begin().await.stored()?;
        unit.slot_mark_deleting(&id, self.0.outside.now()).await.stored()?;
        principal.does(&self.0, "slot.delete", (&id, &name)).of_project(&of).commit(unit).await?;
        self.0.signals.removals.raise();
        Ok(())
    }

    async fn find(
        &self,
        principal: &Principal,
        project: &str,
        slot: &str,
        needed: Permission,
    ) -> Result<Slot, Error> {
        let project = policy::project(&self.0, principal, project, needed).await?;
        find(&self.0, &project, slot).await
    }
}

/// By name.
pub(crate) async fn find(core: &Core, project: &Project, slot: &str) -> Result<Slot, Error> {
    let slots = core.store.slots_of_project(&project.id).await.stored()?;
    let found = slots.into_iter().find(|found| found.name.as_str() == slot);
    found.ok_or_else(|| Error::not_found("slot", slot.chars().take(80).collect::<String>()))
}

fn lifetimes(project: &Project, environment: &Environment, slot: &Slot) -> Lifetimes {
    Lifetimes {
        slot: slot.lifetime_s,
        project: project.settings.lifetime_s,
        environment: environment.lifetime_s,
    }
}

/// Something shows that a slot is needed: its lifetime begins anew.
pub(crate) async fn touch(core: &Core, slot: &Slot) -> Result<(), Error> {
    let expires_at = expiry(core, slot).await?;
    match extended(&core.store, slot, None, expires_at).await {
        // It is being deleted: whoever deletes it does not need it.
        Err(Error::Conflict { .. }) => Ok(()),
        done => done,
    }
}

/// Somebody visited it: its lifetime begins anew, unless it did so a moment ago.
pub(crate) async fn visited(core: &Core, slot: &Slot) -> Result<(), Error> {
    let anew = expiry(core, slot).await?;
    let gained = slot.expires_at.zip(anew).map(|(before, after)| after.duration_since(before));
    if gained.is_some_and(|gained| gained < LATER) {
        return Ok(());
    }
    touch(core, slot).await
}

/// When it is deleted unless it is needed again after now.
async fn expiry(core: &Core, slot: &Slot) -> Result<Option<Timestamp>, Error> {
    let gone = || Error::not_found("slot", &slot.name);
    let project = core.store.project_get(&slot.project).await.stored()?.ok_or_else(gone)?;
    let environments = core.store.environment_list().await.stored()?;
    let environment = environments.iter().find(|it| it.id == slot.environment).ok_or_else(gone)?;
    Ok(lifetimes(&project, environment, slot).expiry(&slot.name, core.outside.now()))
}

async fn extended(
    store: &Store,
    slot: &Slot,
    own: Option<u32>,
    expires_at: Option<Timestamp>,
) -> Result<(), Error> {
    match store.slot_extend(&slot.id, own, expires_at).await {
        Err(StoreError::Conflict { .. }) => {
            Err(Error::Conflict { detail: format!("The slot {} is being deleted.", slot.name) })
        }
        done => done.stored(),
    }
}
