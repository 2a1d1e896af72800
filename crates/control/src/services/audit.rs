//! The audit log: who did what, when, from where. What is written here is written with the change that it tells.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
pub use pierhead_store::AuditRecord as AuditView;
use pierhead_store::{AuditFilter, NewAudit, Project, StoreError, Unit};
use serde_json::Value;

use super::auth::{Principal, Via};
use super::page::{Page, PageRequest};
use crate::access::policy::{self, READ_PROJECT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Audit(pub(crate) Arc<Core>);

/// Which entries somebody wants.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub project: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Audit {
    /// Newest first: to administrators everything, to others what they did and what was done to what they own.
    pub async fn list(
        &self,
        principal: &Principal,
        query: &AuditQuery,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        let (limit, list) = (page.limit()?, format!("audit?{query:?}"));
        let project = match &query.project {
            Some(project) => Some(policy::project(&self.0, principal, project, READ_PROJECT).await?.id),
            None => None,
        };
        let filter = AuditFilter {
            visible: principal.visibility(),
            actor: query.actor.clone(),
            action: query.action.clone(),
            target: query.target.clone(),
            project,
            since: query.since,
            until: query.until,
            before: page.after(&list)?,
        };
        let found = self.0.store.audit_list(&filter, limit as u64 + 1).await.stored()?;
        Page::cut(found, limit, &list, |entry| entry.sequence)
    }
}

/// What somebody is about to do, as it will be told.
#[derive(Debug)]
pub(crate) struct Deed(NewAudit);

impl Principal {
    /// Somebody does something to a thing with this id and name.
    pub(crate) fn does(
        &self,
        core: &Core,
        action: &'static str,
        (id, name): (&dyn std::fmt::Display, &dyn std::fmt::Display),
    ) -> Deed {
        let via = match &self.via {
            Via::Session(id) | Via::Token(id) => id.to_string(),
            Via::Invitation(id) => id.to_string(),
            Via::Identity(id) => id.to_string(),
            Via::Setup => "setup".to_owned(),
            Via::SignUp => "sign-up".to_owned(),
            Via::Reset => "password-reset".to_owned(),
            Via::Device => "browser".to_owned(),
        };
        Deed(NewAudit {
            at: core.outside.now(),
            actor_id: self.user.to_string(),
            actor: self.email.clone(),
            via,
            ip: self.ip.map(|ip| ip.to_string()),
            action,
            target_kind: action.split('.').next().unwrap_or(action),
            target_id: id.to_string(),
            target: name.to_string(),
            project: None,
            before: None,
            after: None,
        })
    }

    /// Somebody does something to a project, or to a part of it that has no name of its own.
    pub(crate) fn does_to(&self, core: &Core, action: &'static str, project: &Project) -> Deed {
        self.does(core, action, (&project.id, &project.name)).of_project(&project.id)
    }
}

impl Deed {
    pub(crate) fn of_project(mut self, project: &ProjectId) -> Self {
        self.0.project = Some(project.clone());
        self
    }

    /// What was there. It must hold no secret.
    pub(crate) fn before(mut self, value: Value) -> Self {
        self.0.before = Some(value);
        self
    }

    /// What is there then. It must hold no secret.
    pub(crate) fn after(mut self, value: Value) -> Self {
        self.0.after = Some(value);
        self
    }

    /// Writes it in the transaction of what it tells.
    pub(crate) async fn write(&self, unit: &Unit) -> Result<(), StoreError> {
        unit.audit(&self.0).await
    }

    /// For writes that have a transaction of their own.
    pub(crate) fn into_entry(self) -> NewAudit {
        self.0
    }

    /// Ends the transaction: everything in it happened, and it is told.
    pub(crate) async fn commit(&self, unit: Unit) -> Result<(), Error> {
        self.write(&unit).await.stored()?;
        unit.commit().await.stored()
    }
}
