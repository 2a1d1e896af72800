//! The one way from a name that somebody sent to a thing they may use.
//!
//! Each function looks the thing up, asks the policy of `pierhead-model`, and answers "there is no such thing" to those who
//! may not see it, in the same words as when there is none. No service looks up by name without it.

use std::collections::BTreeMap;

use pierhead_model::access::{Kind, Permission, Scope, Scopes, Standing, Tie, Verdict, rights_of};
use pierhead_model::id::{DeploymentId, ProjectId, TeamId};
use pierhead_model::name::EnvironmentName;
use pierhead_store::{DeploymentRecord, Environment, Project, Team, Visibility};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::services::auth::{InstanceRole, Principal};

pub(crate) const READ_PROJECT: Permission = Permission(Kind::Project, Scope::Read);
pub(crate) const WRITE_PROJECT: Permission = Permission(Kind::Project, Scope::Write);
pub(crate) const DELETE_PROJECT: Permission = Permission(Kind::Project, Scope::Delete);
pub(crate) const READ_DEPLOYMENT: Permission = Permission(Kind::Deployment, Scope::Read);
pub(crate) const WRITE_DEPLOYMENT: Permission = Permission(Kind::Deployment, Scope::Write);
pub(crate) const DELETE_DEPLOYMENT: Permission = Permission(Kind::Deployment, Scope::Delete);
pub(crate) const READ_ENVIRONMENT: Permission = Permission(Kind::Environment, Scope::Read);
/// To deploy there.
pub(crate) const USE_ENVIRONMENT: Permission = Permission(Kind::Environment, Scope::Write);
pub(crate) const READ_TEAM: Permission = Permission(Kind::Team, Scope::Read);
pub(crate) const WRITE_TEAM: Permission = Permission(Kind::Team, Scope::Write);
pub(crate) const DELETE_TEAM: Permission = Permission(Kind::Team, Scope::Delete);
pub(crate) const READ_MEMBERS: Permission = Permission(Kind::Members, Scope::Read);
pub(crate) const WRITE_MEMBERS: Permission = Permission(Kind::Members, Scope::Write);
pub(crate) const DELETE_MEMBERS: Permission = Permission(Kind::Members, Scope::Delete);
pub(crate) const GIVE_AWAY: Permission = Permission(Kind::Ownership, Scope::Write);

impl Principal {
    pub(crate) fn is_admin(&self) -> bool {
        self.role == InstanceRole::Admin
    }

    const fn standing(&self) -> Standing {
        Standing { admin: matches!(self.role, InstanceRole::Admin), token: self.scopes }
    }

    /// What lists show.
    pub(crate) fn visibility(&self) -> Visibility {
        if self.is_admin() { Visibility::All } else { Visibility::To(self.user.clone()) }
    }

    /// `hidden` is what there is to say to those who may not see it.
    fn check(&self, ties: &[Tie], needed: Permission, hidden: impl FnOnce() -> Error) -> Result<(), Error> {
        match self.standing().judge(rights_of(ties), needed) {
            Verdict::Allowed => Ok(()),
            Verdict::Hidden => Err(hidden()),
            Verdict::Forbidden(Permission(kind, scope)) => {
                Err(Error::Forbidden { required: format!("`{scope}` on {kind}").into() })
            }
        }
    }
}

/// What people send may be long; what is said about it is not.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A project by its name or id.
pub(crate) async fn project(
    core: &Core,
    principal: &Principal,
    name_or_id: &str,
    needed: Permission,
) -> Result<Project, Error> {
    let hidden = || Error::not_found("project", shortened(name_or_id));
    let found = named_project(core, name_or_id).await?.ok_or_else(hidden)?;
    check_project(core, principal, &found, needed, hidden).await?;
    Ok(found)
}

/// A project by its name or id, for those who prove in another way than by signing in that they may ask: a webhook is signed
/// with the project's secret.
pub(crate) async fn named_project(core: &Core, name_or_id: &str) -> Result<Option<Project>, Error> {
    let by_id = match name_or_id.parse::<ProjectId>() {
        Ok(id) => core.store.project_get(&id).await.stored()?,
        Err(_) => None,
    };
    match by_id {
        Some(project) => Ok(Some(project)),
        None => core.store.project_by_name(name_or_id).await.stored(),
    }
}

/// Whether something may be done with a project that was found in another way.
pub(crate) async fn check_project(
    core: &Core,
    principal: &Principal,
    project: &Project,
    needed: Permission,
    hidden: impl FnOnce() -> Error,
) -> Result<(), Error> {
    let ties = core.store.project_ties(project, &principal.user).await.stored()?;
    principal.check(&ties, needed, hidden)
}

/// What somebody may do with a project, by the kinds of what belongs to it.
pub(crate) async fn scopes_on_project(
    core: &Core,
    principal: &Principal,
    project: &Project,
) -> Result<BTreeMap<Kind, Scopes>, Error> {
    let ties = core.store.project_ties(project, &principal.user).await.stored()?;
    let rights = rights_of(&ties);
    let of_projects =
        [Kind::Project, Kind::Repository, Kind::Deployment, Kind::Links, Kind::Members, Kind::Ownership];
    Ok(of_projects.into_iter().map(|kind| (kind, principal.standing().scopes(rights, kind))).collect())
}

/// A deployment by its id: what is needed is needed on its project.
pub(crate) async fn deployment(
    core: &Core,
    principal: &Principal,
    id: &str,
    needed: Permission,
) -> Result<DeploymentRecord, Error> {
    let hidden = || Error::not_found("deployment", shortened(id));
    let parsed: DeploymentId = id.parse().map_err(|_| hidden())?;
    let record = core.store.deployment_get(&parsed).await.stored()?.ok_or_else(hidden)?;
    let project = core.store.project_get(&record.deployment.project).await.stored()?.ok_or_else(hidden)?;
    check_project(core, principal, &project, needed, hidden).await?;
    Ok(record)
}

/// An environment by its name.
pub(crate) async fn environment(
    core: &Core,
    principal: &Principal,
    name: &str,
    needed: Permission,
    hidden: impl Fn() -> Error,
) -> Result<Environment, Error> {
    let parsed = EnvironmentName::parse(name).map_err(|_| hidden())?;
    let found = core.store.environment_by_name(&parsed).await.stored()?.ok_or_else(&hidden)?;
    let ties = core.store.environment_ties(&found, &principal.user).await.stored()?;
    principal.check(&ties, needed, hidden)?;
    Ok(found)
}

/// A team by its name or id.
pub(crate) async fn team(
    core: &Core,
    principal: &Principal,
    name_or_id: &str,
    needed: Permission,
) -> Result<Team, Error> {
    let hidden = || Error::not_found("team", shortened(name_or_id));
    let by_id = match name_or_id.parse::<TeamId>() {
        Ok(id) => core.store.team_get(&id).await.stored()?,
        Err(_) => None,
    };
    let found = match by_id {
        Some(team) => Some(team),
        None => core.store.team_by_name(name_or_id).await.stored()?,
    };
    let found = found.ok_or_else(hidden)?;
    principal.check(&team_ties(core, principal, &found).await?, needed, hidden)?;
    Ok(found)
}

/// Whether something may be done with what belongs to a team that was found.
pub(crate) async fn check_in_team(
    core: &Core,
    principal: &Principal,
    team: &Team,
    needed: Permission,
) -> Result<(), Error> {
    let hidden = || Error::not_found("team", &team.name);
    principal.check(&team_ties(core, principal, team).await?, needed, hidden)
}

async fn team_ties(core: &Core, principal: &Principal, team: &Team) -> Result<Vec<Tie>, Error> {
    let memberships = core.store.memberships(&principal.user).await.stored()?;
    let of_it = memberships.into_iter().filter(|(id, _)| *id == team.id);
    Ok(of_it.map(|(_, role)| Tie::Member(role)).collect())
}
