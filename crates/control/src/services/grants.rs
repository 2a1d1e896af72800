//! Grants: what other teams may do with a project or an environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::access::{Scope, Scopes};
use pierhead_model::id::GrantId;
use pierhead_model::name::TeamName;
use pierhead_store::{Grant, GrantOn, Team};
use serde_json::{Value, json};

use super::audit::Deed;
use super::auth::Principal;
use crate::access::policy::{self, DELETE_MEMBERS, READ_ENVIRONMENT, READ_MEMBERS, WRITE_MEMBERS, shortened};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::outside::random_bits;

/// More teams are a mistake.
const MAXIMUM: usize = 1000;

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

    /// These and no others. What is taken back needs the right for that, too.
    pub async fn replace_on_project(
        &self,
        principal: &Principal,
        project: &str,
        all: Vec<NewGrant>,
    ) -> Result<Vec<GrantView>, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_MEMBERS).await?;
        let deed = principal.does_to(&self.0, "grants.replace", &found);
        let may_take_back =
            async || policy::project(&self.0, principal, project, DELETE_MEMBERS).await.map(drop);
        self.replace(principal, GrantOn::Project(found.id), all, deed, may_take_back).await
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

    /// These and no others.
    pub async fn replace_on_environment(
        &self,
        principal: &Principal,
        name: &str,
        all: Vec<NewGrant>,
    ) -> Result<Vec<GrantView>, Error> {
        let (on, name) = self.environment(principal, name).await?;
        let deed = principal.does(&self.0, "grants.replace", (&name, &name));
        let may_take_back = async || principal.require(Scope::Delete);
        self.replace(principal, on, all, deed, may_take_back).await
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
        let (team, grant) = self.wanted(principal, &on, &new).await?;
        let others = self.0.store.grants_on(&on).await.stored()?;
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

    async fn replace(
        &self,
        principal: &Principal,
        on: GrantOn,
        all: Vec<NewGrant>,
        deed: Deed,
        may_take_back: impl AsyncFnOnce() -> Result<(), Error>,
    ) -> Result<Vec<GrantView>, Error> {
        if all.len() > MAXIMUM {
            return Err(Error::invalid("", format!("at most {MAXIMUM} teams are granted something")));
        }
        let (mut grants, mut problems): (BTreeMap<TeamName, Grant>, Vec<FieldProblem>) = Default::default();
        for (index, new) in all.iter().enumerate() {
            let below = |it: FieldProblem| FieldProblem::new(format!("/{index}{}", it.pointer), it.detail);
            match self.wanted(principal, &on, new).await {
                Ok((team, grant)) => {
                    if grants.insert(team.name.clone(), grant).is_some() {
                        let twice = FieldProblem::new(
                            format!("/{index}/team"),
                            format!("`{}` is there twice", team.name),
                        );
                        problems.push(twice);
                    }
                }
                Err(Error::Validation(found)) => problems.extend(found.into_iter().map(below)),
                Err(error) => return Err(error),
            }
        }
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let before = self.list(&on).await?;
        let gone: Vec<&GrantView> = before.iter().filter(|it| !grants.contains_key(&it.team)).collect();
        if !gone.is_empty() {
            may_take_back().await?;
        }
        let unit = self.0.store.begin().await.stored()?;
        for grant in &gone {
            unit.grant_delete(&grant.id).await.stored()?;
        }
        for grant in grants.values() {
            unit.grant_put(grant).await.stored()?;
        }
        let deed = deed.before(before.iter().map(|it| told(&it.team, it.scopes)).collect());
        deed.after(grants.iter().map(|(team, grant)| told(team, grant.scopes)).collect())
            .commit(unit)
            .await?;
        self.list(&on).await
    }

    /// What somebody wants, when it can be granted.
    async fn wanted(
        &self,
        principal: &Principal,
        on: &GrantOn,
        new: &NewGrant,
    ) -> Result<(Team, Grant), Error> {
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
            on: on.clone(),
            scopes: new.scopes.granted(),
            created_by: principal.email.clone(),
            created_at: now,
        };
        Ok((team, grant))
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
