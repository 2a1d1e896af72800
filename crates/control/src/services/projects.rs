//! Projects: what gets deployed, and its settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::access::{Kind, Scopes};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, ProjectId};
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName, TeamName};
use pierhead_model::project::ProjectSettings;
use pierhead_store::{Project, ProjectOwner};
use serde_json::json;

use super::auth::Principal;
use super::page::{Page, PageRequest};
use super::{slots, sources};
use crate::access::policy::{self, DELETE_PROJECT, GIVE_AWAY, READ_PROJECT, READ_TEAM, WRITE_PROJECT};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::outside::random_bits;

#[derive(Debug)]
pub struct Projects(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct NewProject {
    pub name: String,
    /// A team that it should belong to; otherwise it belongs to who makes it.
    pub team: Option<String>,
    pub settings: ProjectSettings,
}

#[derive(Debug, Clone)]
pub struct ProjectView {
    pub id: ProjectId,
    pub name: ProjectName,
    pub owner: Option<OwnerView>,
    pub settings: ProjectSettings,
    /// Counts the changes: what `ETag` says.
    pub version: u64,
    pub url: String,
    pub created_at: Timestamp,
    pub deleting: bool,
    pub live: Option<DeploymentId>,
    /// What whoever asked may do with it. Not told in lists.
    pub rights: Option<BTreeMap<Kind, Scopes>>,
}

/// Whose a project is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerView {
    /// By address.
    User(String),
    Team(TeamName),
}

impl Projects {
    pub async fn list(
        &self,
        principal: &Principal,
        page: &PageRequest,
        search: Option<&str>,
    ) -> Result<Page<ProjectView>, Error> {
        let (limit, list) = (page.limit()?, format!("projects?{}", search.unwrap_or_default()));
        let after: Option<String> = page.after(&list)?;
        let found = self
            .0
            .store
            .project_list(after.as_deref(), search, limit as u64 + 1, &principal.visibility())
            .await
            .stored()?;
        let page = Page::cut(found, limit, &list, |project| project.name.to_string())?;
        let mut items = Vec::with_capacity(page.items.len());
        for project in page.items {
            items.push(self.view(project, None).await?);
        }
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    pub async fn create(&self, principal: &Principal, new: NewProject) -> Result<ProjectView, Error> {
        let mut problems = settings_problems(&new.settings);
        let name = match ProjectName::parse(&new.name) {
            Ok(name) => Some(name),
            Err(error) => {
                problems.insert(0, FieldProblem::new("/name", error));
                None
            }
        };
        let (Some(name), true) = (name, problems.is_empty()) else { return Err(Error::Validation(problems)) };
        let owner = match &new.team {
            Some(team) => {
                let team = policy::team(&self.0, principal, team, READ_TEAM).await;
                let team = team.map_err(|error| match error {
                    Error::NotFound { .. } => Error::invalid("/team", "is not a team that you are in"),
                    error => error,
                })?;
                // Whoever may change the team's projects may add one.
                policy::check_in_team(&self.0, principal, &team, WRITE_PROJECT).await?;
                ProjectOwner::Team(team.id)
            }
            None => ProjectOwner::User(principal.user.clone()),
        };
        let project = create(&self.0, principal, name, owner, new.settings).await?;
        self.view(project, Some(principal)).await
    }

    pub async fn get(&self, principal: &Principal, name_or_id: &str) -> Result<ProjectView, Error> {
        let project = policy::project(&self.0, principal, name_or_id, READ_PROJECT).await?;
        self.view(project, Some(principal)).await
    }

    /// Applies a JSON merge patch to the settings.
    pub async fn update(
        &self,
        principal: &Principal,
        name_or_id: &str,
        patch: &serde_json::Value,
        if_version: Option<u64>,
    ) -> Result<ProjectView, Error> {
        let project = policy::project(&self.0, principal, name_or_id, WRITE_PROJECT).await?;
        let mut document = serde_json::to_value(&project.settings).map_err(Error::internal)?;
        merge(&mut document, patch);
        let settings: ProjectSettings =
            serde_json::from_value(document).map_err(|error| Error::invalid("", error))?;
        let problems = settings_problems(&settings);
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let expected = if_version.unwrap_or(project.version);
        let told = |settings| serde_json::to_value(settings).map_err(Error::internal);
        let deed = principal.does_to(&self.0, "project.update", &project);
        let deed = deed.before(told(&project.settings)?).after(told(&settings)?);
        let unit = self.0.store.begin().await.stored()?;
        unit.project_update(&project.id, &settings, expected).await.asked_for("project", &project.name)?;
        deed.commit(unit).await?;
        if settings.lifetime_s != project.settings.lifetime_s {
            for slot in self.0.store.slots_of_project(&project.id).await.stored()? {
                slots::touch(&self.0, &slot).await?;
            }
            self.0.signals.expiry.raise();
        }
        let project = policy::project(&self.0, principal, project.id.as_ref(), READ_PROJECT).await?;
        sources::follow(&self.0, &project).await?;
        self.view(project, Some(principal)).await
    }

    /// Begins to tear the project down: what is live is stopped, and then everything goes.
    pub async fn delete(&self, principal: &Principal, name_or_id: &str) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, name_or_id, DELETE_PROJECT).await?;
        tracing::warn!(project = %project.name, by = principal.email, "deleting a project with all it has");
        let unit = self.0.store.begin().await.stored()?;
        unit.project_mark_deleting(&project.id, self.0.outside.now()).await.stored()?;
        principal.does_to(&self.0, "project.delete", &project).commit(unit).await?;
        self.0.signals.removals.raise();
        Ok(())
    }

    /// Gives it to a team that one is in, or to somebody.
    pub async fn transfer(
        &self,
        principal: &Principal,
        name_or_id: &str,
        to: &str,
    ) -> Result<ProjectView, Error> {
        let project = policy::project(&self.0, principal, name_or_id, GIVE_AWAY).await?;
        let unknown = || Error::invalid("/to", "is neither a team that you are in nor somebody's address");
        let owner = if to.contains('@') {
            let found = self.0.store.user_by_email(&to.to_lowercase()).await.stored()?;
            let found = found.filter(|user| user.disabled_at.is_none()).ok_or_else(unknown)?;
            ProjectOwner::User(found.id)
        } else {
            let found = policy::team(&self.0, principal, to, READ_TEAM).await;
            let found = found.map_err(|error| match error {
                Error::NotFound { .. } => unknown(),
                error => error,
            })?;
            policy::check_in_team(&self.0, principal, &found, WRITE_PROJECT).await?;
            ProjectOwner::Team(found.id)
        };
        let (before, after) = (self.owner(project.owner.as_ref()).await?, self.owner(Some(&owner)).await?);
        let deed = principal.does_to(&self.0, "project.transfer", &project);
        let unit = self.0.store.begin().await.stored()?;
        unit.project_transfer(&project.id, &owner).await.asked_for("project", &project.name)?;
        deed.before(told(before.as_ref())).after(told(after.as_ref())).commit(unit).await?;
        self.view(Project { owner: Some(owner), ..project }, Some(principal)).await
    }

    async fn owner(&self, owner: Option<&ProjectOwner>) -> Result<Option<OwnerView>, Error> {
        Ok(match owner {
            Some(ProjectOwner::User(user)) => {
                let found = self.0.store.user_get(user).await.stored()?;
                found.map(|user| OwnerView::User(user.email))
            }
            Some(ProjectOwner::Team(team)) => {
                let found = self.0.store.team_get(team).await.stored()?;
                found.map(|team| OwnerView::Team(team.name))
            }
            None => None,
        })
    }

    /// As `principal` may see it, with what they may do.
    async fn view(&self, project: Project, principal: Option<&Principal>) -> Result<ProjectView, Error> {
        let rights = match principal {
            Some(principal) => Some(policy::scopes_on_project(&self.0, principal, &project).await?),
            None => None,
        };
        let environment = local(&self.0).await?;
        let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
        let main = slots.iter().find(|slot| slot.name.is_production());
        let live = match main {
            Some(slot) => self.0.store.slot_live(&slot.id).await.stored()?.map(|live| live.id),
            None => None,
        };
        let host = Hostname::of_slot(&SlotName::production(), &project.name, &environment.base_domain);
        Ok(ProjectView {
            owner: self.owner(project.owner.as_ref()).await?,
            id: project.id,
            name: project.name,
            settings: project.settings,
            version: project.version,
            url: self.0.public.url(&host),
            created_at: project.created_at,
            deleting: project.deleting_at.is_some(),
            live,
            rights,
        })
    }
}

pub(crate) async fn create(
    core: &Core,
    principal: &Principal,
    name: ProjectName,
    owner: ProjectOwner,
    settings: ProjectSettings,
) -> Result<Project, Error> {
    let now = core.outside.now();
    let project = Project {
        id: ProjectId::new(now, random_bits(&*core.outside)),
        name,
        settings,
        version: 1,
        variables_version: 1,
        owner: Some(owner),
        created_by: principal.email.clone(),
        created_at: now,
        deleting_at: None,
    };
    let deed = principal.does_to(core, "project.create", &project);
    let unit = core.store.begin().await.stored()?;
    unit.project_create(&project).await.asked_for("project", &project.name)?;
    deed.after(serde_json::to_value(&project.settings).map_err(Error::internal)?).commit(unit).await?;
    sources::follow(core, &project).await?;
    Ok(project)
}

fn told(owner: Option<&OwnerView>) -> serde_json::Value {
    match owner {
        Some(OwnerView::User(email)) => json!({ "owner": email }),
        Some(OwnerView::Team(name)) => json!({ "owner": name }),
        None => json!({ "owner": null }),
    }
}

/// The environment of this machine.
pub(crate) async fn local(core: &Core) -> Result<pierhead_store::Environment, Error> {
    let found = core.store.environment_by_name(&EnvironmentName::local()).await.stored()?;
    found.ok_or_else(|| Error::not_found("environment", "local"))
}

/// Everything in the settings that cannot be, all at once.
pub(crate) fn settings_problems(settings: &ProjectSettings) -> Vec<FieldProblem> {
    let limits = settings.limits.problems();
    let mut problems: Vec<FieldProblem> = limits
        .into_iter()
        .map(|problem| FieldProblem::new(format!("/limits/{}", problem.field), problem))
        .collect();
    if settings.build.port == Some(0) {
        problems.push(FieldProblem::new("/build/port", "must be between 1 and 65535"));
    }
    if let Some(output) = &settings.build.output_directory
        && let Err(error) = pierhead_model::source::Folder::parse(output)
    {
        problems.push(FieldProblem::new("/build/output_directory", error));
    }
    if let Some(seconds) = settings.lifetime_s
        && let Err(error) = pierhead_model::lifetime::check(seconds)
    {
        problems.push(FieldProblem::new("/lifetime_s", error));
    }
    let patterns = &settings.triggers.branches;
    if patterns.len() > 50 || patterns.iter().any(|pattern| pattern.is_empty() || pattern.len() > 255) {
        problems.push(FieldProblem::new("/triggers/branches", "at most 50 patterns of 1 to 255 characters"));
    }
    if !settings.health.path.starts_with('/') || settings.health.path.len() > 1024 {
        problems.push(FieldProblem::new("/health/path", "must begin with `/`"));
    }
    let commands = [
        ("install_command", &settings.build.install_command),
        ("build_command", &settings.build.build_command),
        ("start_command", &settings.build.start_command),
    ];
    for (field, command) in commands {
        if command.as_ref().is_some_and(|command| command.len() > 4096 || command.contains('\0')) {
            problems.push(FieldProblem::new(format!("/build/{field}"), "at most 4096 characters, no NUL"));
        }
    }
    problems
}

/// RFC 7396: objects are merged, `null` removes, everything else replaces.
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::json!({});
    }
    if let serde_json::Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                merge(target.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
    }
}
