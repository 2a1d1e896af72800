//! Grants: what other teams may do with a project or an environment.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::access::{Scope, Scopes};
use pierhead_model::id::GrantId;
use pierhead_model::name::TeamName;
use pierhead_store::{Grant, GrantOn};
use serde_json::{Value, json};

use super::audit::Deed;
use super::auth::Principal;
use crate::access::policy::{self, DELETE_MEMBERS, READ_ENVIRONMENT, READ_MEMBERS, WRITE_MEMBERS, shortened};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

#[derive(Debug)]
pub struct Grants(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct GrantView {
    pub id: GrantId,
    pub team: TeamName,
    /// Always with `read`.
    pub scopes: Scopes,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// What a team should be able to do.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Its name or id.
    pub team: String,
    pub scopes: Scopes,
}

impl Grants {
    pub async fn of_project(&self, principal: &Principal, project: &str) -> Result<Vec<GrantView>, Error> {
        let project = policy::project(&self.0, principal, project, READ_MEMBERS).await?;
        self.list(&GrantOn::Project(project.id)).await
    }

    /// A second grant to the same team replaces the first.
    pub async fn put_on_project(
        &self,
        principal: &Principal,
        project: &str,
        new: NewGrant,
    ) -> Result<GrantView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_MEMBERS).await?;
        let deed = principal.does_to(&self.0, "grant.put", &project);
        self.put(principal, GrantOn::Project(project.id), new, deed).await
    }

    pub async fn delete_from_project(
        &self,
        principal: &Principal,
        project: &str,
        grant: &str,
    ) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, DELETE_MEMBERS).await?;
        let deed = principal.does_to(&self.0, "grant.delete", &project);
        self.delete(GrantOn::Project(project.id), grant, deed).await
    }

    /// For administrators: who may deploy there is theirs to say.
    pub async fn of_environment(&self, principal: &Principal, name: &str) -> Result<Vec<GrantView>, Error> {
        self.list(&self.environment(principal, name).await?.0).await
    }

    pub async fn put_on_environment(
        &self,
        principal: &Principal,
        name: &str,
        new: NewGrant,
    ) -> Result<GrantView, Error> {
        let (on, name) = self.environment(principal, name).await?;
        let deed = principal.does(&self.0, "grant.put", (&name, &name));
        self.put(principal, on, new, deed).await
    }

    pub async fn delete_from_environment(
        &self,
        principal: &Principal,
        name: &str,
        grant: &str,
    ) -> Result<(), Error> {
        let (on, name) = self.environment(principal, name).await?;
        let deed = principal.does(&self.0, "grant.delete", (&name, &name));
        self.delete(on, grant, deed).await
    }

    async fn environment(&self, principal: &Principal, name: &str) -> Result<(GrantOn, String), Error> {
        principal.require_admin()?;
        let hidden = || Error::not_found("environment", shortened(name));
        let found = policy::environment(&self.0, principal, name, READ_ENVIRONMENT, hidden).await?;
        Ok((GrantOn::Environment(found.id), found.name.to_string()))
    }

    async fn list(&self, on: &GrantOn) -> Result<Vec<GrantView>, Error> {
        let mut views = Vec::new();
        for grant in self.0.store.grants_on(on).await.stored()? {
            views.push(self.view(grant).await?);
        }
        views.sort_by(|a, b| a.team.cmp(&b.team));
        Ok(views)
    }

    async fn put(
        &self,
        principal: &Principal,
        on: GrantOn,
        new: NewGrant,
        deed: Deed,
    ) -> Result<GrantView, Error> {
        if new.scopes.is_empty() {
            return Err(Error::invalid("/scopes", "name at least one of read, write, delete"));
        }
        // A team that one is not in may be granted something all the same; its name is what one must know.
        let found = match new.team.parse() {
            Ok(id) => self.0.store.team_get(&id).await.stored()?,
            Err(_) => self.0.store.team_by_name(&new.team).await.stored()?,
        };
        let team = found.ok_or_else(|| Error::invalid("/team", "there is no such team"))?;
        let now = self.0.outside.now();
        let grant = Grant {
            id: GrantId::new(now, random_bits(&*self.0.outside)),
            team: team.id.clone(),
            on,
            scopes: new.scopes.granted(),
            created_by: principal.email.clone(),
            created_at: now,
        };
        let others = self.0.store.grants_on(&grant.on).await.stored()?;
        let before = others.iter().find(|other| other.team == team.id);
        let deed = match before {
            Some(before) => deed.before(told(&team.name, before.scopes)),
            None => deed,
        };
        let unit = self.0.store.begin().await.stored()?;
        let stored = unit.grant_put(&grant).await.stored()?;
        deed.after(told(&team.name, stored.scopes)).commit(unit).await?;
        self.view(stored).await
    }

    async fn delete(&self, on: GrantOn, id: &str, deed: Deed) -> Result<(), Error> {
        let not_found = || Error::not_found("grant", shortened(id));
        let parsed: GrantId = id.parse().map_err(|_| not_found())?;
        let found = self.0.store.grant_get(&parsed).await.stored()?;
        // The grant of another thing is not this one's to delete.
        let found = found.filter(|grant| grant.on == on).ok_or_else(not_found)?;
        let view = self.view(found.clone()).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.grant_delete(&found.id).await.stored()?;
        deed.before(told(&view.team, view.scopes)).commit(unit).await
    }

    async fn view(&self, grant: Grant) -> Result<GrantView, Error> {
        let team = self.0.store.team_get(&grant.team).await.stored()?;
        let team = team.ok_or_else(|| Error::not_found("team", &grant.team))?.name;
        let Grant { id, scopes, created_by, created_at, .. } = grant;
        Ok(GrantView { id, team, scopes, created_by, created_at })
    }
}

fn told(team: &TeamName, scopes: Scopes) -> Value {
    let scopes: Vec<Scope> = scopes.iter().collect();
    json!({ "team": team, "scopes": scopes })
}
