//! Deployments: made, looked at, cancelled, repeated, rolled back, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::Timestamp;
use pierhead_model::assignment::{InstanceReport, Phase, Source, StepReport};
use pierhead_model::deployment::{Deployment, Event, Failure, State, Timings};
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, NodeId, SlotId};
use pierhead_model::limit::Limits;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::inputs::Inputs;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::project::{GitSource, ProjectSettings};
use pierhead_model::release::Release;
use pierhead_model::source::{Commit, Folder, GitReference, RepositoryUrl};
use pierhead_model::spread::Replicas;
use pierhead_model::variable::Variable;
use pierhead_store::{self as store, DeploymentRecord, Environment, Project, ProjectOwner, Slot};

use super::accepting::{Origin, Planned, accept};
use super::audit::Deed;
use super::auth::Principal;
use super::conditions::conditions;
use super::events::EventView;
use super::page::{Page, PageRequest};
use super::queue::{WaitReason, Waiting};
use super::{handed, projects, runs, slots, variables};
use crate::access::policy::{self, DELETE_DEPLOYMENT, READ_DEPLOYMENT, USE_ENVIRONMENT, WRITE_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::lifecycle::advance_by;
use crate::outside::random_bits;
use crate::work::WorkRecord;

/// How long an ingress may take to show what is live.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Deployments(pub(crate) Arc<Core>);

/// The quick way: a repository and nothing else.
#[derive(Debug, Clone, Default)]
pub struct QuickDeployment {
    pub repository: String,
    pub branch: Option<String>,
    pub root_directory: Option<String>,
    /// Of the project that is made when there is none.
    pub name: Option<String>,
    pub build: BuildSettings,
}

#[derive(Debug, Clone, Default)]
pub struct NewDeployment {
    pub slot: Option<String>,
    /// A branch, tag or commit instead of the project's branch.
    pub reference: Option<String>,
    pub no_cache: bool,
    /// The one of this machine when it is not said.
    pub environment: Option<String>,
    /// Of a pipeline: what is chosen for this run.
    pub inputs: Inputs,
    /// A tree of files that was handed over, instead of the repository.
    pub upload: Option<String>,
    /// An image that is run as it is, instead of the repository.
    pub image: Option<String>,
}

/// Which deployments a list wants.
#[derive(Debug, Clone, Default)]
pub struct DeploymentFilter {
    pub project: Option<String>,
    pub slot: Option<String>,
    pub states: Vec<State>,
}

/// Beside the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Its node cannot be reached, or its process is down.
    pub offline: bool,
    pub asleep: bool,
    /// Its process ended and is waiting to be started again.
    pub crash_looping: bool,
}

#[derive(Debug, Clone)]
pub struct DeploymentView {
    pub id: DeploymentId,
    /// Why it waits, where it was asked for by itself.
    pub waiting: Option<Waiting>,
    pub number: u64,
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub slot: SlotName,
    pub state: State,
    pub failure: Option<Failure>,
    pub conditions: Conditions,
    pub url: String,
    pub urls: Vec<String>,
    pub commit: Option<Commit>,
    /// Where it is built and runs; `None` before one is chosen, and for a site that was built before.
    pub node: Option<NodeId>,
    /// What other nodes run of it.
    pub shares: Vec<ShareView>,
    pub created_by: String,
    pub trigger: String,
    pub timings: Timings,
    pub deadline: Option<Timestamp>,
    pub steps: Vec<StepReport>,
    pub plan: Option<BuildPlan>,
    pub release: Option<Digest>,
    pub release_kind: Option<&'static str>,
    pub peak_memory_mb: Option<u64>,
    pub instance: Option<InstanceReport>,
    /// Of a run, by step.
    pub services: BTreeMap<StepName, InstanceReport>,
    /// Of the pipeline that is run.
    pub pipeline_version: Option<u64>,
    /// What was chosen for the run.
    pub inputs: Option<Inputs>,
    pub limits: Limits,
    pub cancel_requested: bool,
    /// When its slot is deleted unless it is needed again.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// A part of a deployment's replicas, on a node that does not lead it.
#[derive(Debug, Clone)]
pub struct ShareView {
    pub node: NodeId,
    pub replicas: Replicas,
    /// How far it is; `None` while the leading node is not ready.
    pub phase: Option<Phase>,
    /// Its node cannot be reached.
    pub offline: bool,
}

impl Deployments {
    /// Finds the project of a repository, or makes one, and deploys it.
    pub async fn deploy_repository(
        &self,
        principal: &Principal,
        new: QuickDeployment,
    ) -> Result<DeploymentView, Error> {
        let source = git_source(&new)?;
        let settings = ProjectSettings {
            source: Some(source.clone()),
            build: new.build.clone(),
            ..ProjectSettings::default()
        };
        let problems = projects::settings_problems(&settings);
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let existing = match &new.name {
            Some(_) => None,
            None => self.0.store.project_by_source(&settings, &principal.visibility()).await.stored()?,
        };
        let project = match existing {
            Some(project) => {
                let hidden = || Error::not_found("project", &project.name);
                policy::check_project(&self.0, principal, &project, WRITE_DEPLOYMENT, hidden).await?;
                project
            }
            None => self.project_for(principal, &new, &source, settings).await?,
        };
        self.deploy(principal, &project, NewDeployment::default(), "api").await
    }

    /// A project called after the repository; with a number when that name is taken.
    async fn project_for(
        &self,
        principal: &Principal,
        new: &QuickDeployment,
        source: &GitSource,
        settings: ProjectSettings,
    ) -> Result<Project, Error> {
        let owner = ProjectOwner::User(principal.user.clone());
        if let Some(name) = &new.name {
            let name = ProjectName::parse(name).map_err(|error| Error::invalid("/name", error))?;
            return projects::create(&self.0, principal, name, owner, settings).await;
        }
        let folder = source.root_directory.as_str().rsplit('/').next().filter(|last| *last != ".");
        let wish = folder.unwrap_or_else(|| source.repository.short_name());
        let wish = ProjectName::from_text(wish).map_or_else(|| "app-1".to_owned(), |name| name.to_string());
        for number in 1..100 {
            let text = if number == 1 { wish.clone() } else { format!("{wish:.30}-{number}") };
            let Ok(name) = ProjectName::parse(&text) else { continue };
            match projects::create(&self.0, principal, name, owner.clone(), settings.clone()).await {
                Err(Error::NameTaken { .. }) => {}
                done => return done,
            }
        }
        Err(Error::NameTaken { what: "project", name: wish })
    }

    pub async fn deploy_project(
        &self,
        principal: &Principal,
        project: &str,
        new: NewDeployment,
    ) -> Result<DeploymentView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        self.deploy(principal, &project, new, "api").await
    }

    pub(super) async fn deploy(
        &self,
        principal: &Principal,
        project: &Project,
        new: NewDeployment,
        trigger: &str,
    ) -> Result<DeploymentView, Error> {
        let environment = self.environment(principal, new.environment.as_deref()).await?;
        let Prepared { slot, planned, variables } = self.prepare(project, &environment, new).await?;
        self.create(principal, project, &slot.id, planned, &variables, trigger).await
    }

    /// Everything that a deployment of a project needs, its slot included. Who may deploy there was asked before.
    pub(crate) async fn prepare(
        &self,
        project: &Project,
        environment: &Environment,
        new: NewDeployment,
    ) -> Result<Prepared, Error> {
        let settings = &project.settings;
        let slot_name = match &new.slot {
            Some(text) => SlotName::parse(text).map_err(|error| Error::invalid("/slot", error))?,
            None => SlotName::production(),
        };
        let variables = variables::current(&self.0, project, environment, &slot_name).await?;
        let (source, limits) = match self.0.store.pipeline_latest(&project.id).await.stored()? {
            Some(version) => {
                let place = runs::Place { project, environment, slot: &slot_name };
                let reference = reference_of(&new)?;
                let run = runs::plan(&self.0, place, version, new.inputs, reference.as_ref()).await?;
                (Source::Pipeline { work: Box::new(run.work) }, Some(run.limits))
            }
            None => (handed::source_of(&self.0, project, &new).await?, None),
        };
        let slot = self.slot(project, slot_name, environment).await?;
        if let Source::Pipeline { work } = &source {
            let place = runs::Place { project, environment, slot: &slot.name };
            runs::check_slot(&self.0, &place, &slot.id, work).await?;
        }
        let planned = Planned {
            source,
            settings: settings.build.clone(),
            limits: settings.limits.clone(),
            room: limits,
            health: settings.health.clone(),
            no_cache: new.no_cache,
            by_stranger: false,
            commit: None,
        };
        Ok(Prepared { slot, planned, variables })
    }

    pub(crate) async fn environment(
        &self,
        principal: &Principal,
        name: Option<&str>,
    ) -> Result<Environment, Error> {
        let local = EnvironmentName::local();
        let name = name.unwrap_or(local.as_str());
        let hidden = || Error::invalid("/environment", "there is no such environment");
        policy::environment(&self.0, principal, name, USE_ENVIRONMENT, hidden).await
    }

    async fn slot(
        &self,
        project: &Project,
        name: SlotName,
        environment: &Environment,
    ) -> Result<Slot, Error> {
        let now = self.0.outside.now();
        if project.deleting_at.is_some() {
            return Err(Error::Conflict {
                detail: format!("The project {} is being deleted.", project.name),
            });
        }
        let slot = Slot {
            id: SlotId::new(now, random_bits(&*self.0.outside)),
            project: project.id.clone(),
            environment: environment.id.clone(),
            name,
            lifetime_s: None,
            expires_at: None,
            created_at: now,
            deleting_at: None,
        };
        let slot = self.0.store.slot_ensure(&slot).await.stored()?;
        if slot.deleting_at.is_some() {
            return Err(Error::Conflict { detail: format!("The slot {} is being deleted.", slot.name) });
        }
        slots::touch(&self.0, &slot).await?;
        self.0.signals.expiry.raise();
        Ok(slot)
    }

    async fn create(
        &self,
        principal: &Principal,
        project: &Project,
        slot: &SlotId,
        planned: Planned,
        variables: &[Variable],
        trigger: &str,
    ) -> Result<DeploymentView, Error> {
        let place = (&project.id, slot);
        let origin = Origin::of(trigger, &principal.email).asked_by(principal, project);
        let id = accept(&self.0, origin, place, planned, variables).await?;
        self.view(&id).await
    }

    pub async fn get(&self, principal: &Principal, id: &str) -> Result<DeploymentView, Error> {
        let record = policy::deployment(&self.0, principal, id, READ_DEPLOYMENT).await?;
        self.until_shown(&record).await;
        let waiting = self.waiting(&record).await?;
        let view = view(&self.0, record);
        // Who waits for a turn waits as long as it takes.
        let in_line = waiting.as_ref().is_some_and(|waiting| waiting.reason == WaitReason::Turn);
        Ok(DeploymentView { waiting, deadline: view.deadline.filter(|_| !in_line), ..view })
    }

    /// Whoever is told that a deployment is live may visit it at once: what was promoted a moment ago is told of when every
    /// ingress shows it. An ingress that does not answer holds nobody up for long.
    async fn until_shown(&self, record: &DeploymentRecord) {
        let core = &*self.0;
        let deployment = &record.deployment;
        let fresh = deployment.timings.production_at.is_some_and(|at| {
            core.outside.now().duration_since(at).as_secs() < SHOWN_WITHIN.as_secs().cast_signed()
        });
        if deployment.state == State::Production && fresh && !conditions(core, record).offline {
            // Told late rather than not at all.
            let _ = tokio::time::timeout(SHOWN_WITHIN, core.ingresses.shown(&deployment.id)).await;
        }
    }

    async fn view(&self, id: &DeploymentId) -> Result<DeploymentView, Error> {
        Ok(view(&self.0, record(&self.0, id).await?))
    }

    /// Newest first.
    pub async fn list(
        &self,
        principal: &Principal,
        filter: &DeploymentFilter,
        page: &PageRequest,
    ) -> Result<Page<DeploymentView>, Error> {
        let limit = page.limit()?;
        let (states, visible) = (filter.states.clone(), principal.visibility());
        let mut wanted = store::DeploymentFilter { states, visible, ..Default::default() };
        if let Some(project) = &filter.project {
            let project = policy::project(&self.0, principal, project, READ_DEPLOYMENT).await?;
            if let Some(slot) = &filter.slot {
                let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
                let found = slots.into_iter().find(|found| found.name.as_str() == slot);
                wanted.slot = Some(found.ok_or_else(|| Error::not_found("slot", slot))?.id);
            }
            wanted.project = Some(project.id);
        }
        let list = format!("deployments?{filter:?}");
        wanted.before = page.after(&list)?;
        let found = self.0.store.deployment_list(&wanted, limit as u64 + 1).await.stored()?;
        let place = |record: &DeploymentRecord| (record.created_at, record.deployment.id.clone());
        let page = Page::cut(found, limit, &list, place)?;
        let items = page.items.into_iter().map(|record| view(&self.0, record)).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// Asks for it; it has happened when the deployment is FAILED with the reason `cancelled`.
    pub async fn cancel(&self, principal: &Principal, id: &str) -> Result<DeploymentView, Error> {
        let record = policy::deployment(&self.0, principal, id, WRITE_DEPLOYMENT).await?;
        let deployment = &record.deployment;
        if !deployment.state.is_in_progress() {
            return Err(refused(
                deployment,
                &[State::Queued, State::Building, State::Provisioning],
                "cancelled",
            ));
        }
        if deployment.cancel_requested_at.is_none() {
            let deed = told(&self.0, principal, "deployment.cancel", &record).into_entry();
            advance_by(&self.0, &deployment.id, Event::CancelRequested, Some(&deed)).await?;
        }
        self.view(&deployment.id).await
    }

    /// The same again, built anew, with the variables it had.
    pub async fn redeploy(&self, principal: &Principal, id: &str) -> Result<DeploymentView, Error> {
        let record = policy::deployment(&self.0, principal, id, WRITE_DEPLOYMENT).await?;
        if !record.deployment.state.is_ended() {
            return Err(refused(&record.deployment, &[State::Failed, State::Inactive], "redeployed"));
        }
        let work = WorkRecord::from_text(&record.work)?;
        self.repeat(principal, &record, work, None, "redeploy").await
    }

    /// Makes the release of an earlier deployment live again without building.
    pub async fn rollback(
        &self,
        principal: &Principal,
        id: &str,
        current_variables: bool,
    ) -> Result<DeploymentView, Error> {
        let record = policy::deployment(&self.0, principal, id, WRITE_DEPLOYMENT).await?;
        if record.deployment.state != State::Inactive {
            return Err(refused(&record.deployment, &[State::Inactive], "rolled back to"));
        }
        let release = record.release.clone().ok_or_else(|| Error::not_found("release of deployment", id))?;
        let mut work = WorkRecord::from_text(&record.work)?;
        // A run of a pipeline is repeated: its steps made things that only they can make again.
        if !matches!(work.source, Source::Pipeline { .. }) {
            work.source = Source::Release { release };
        }
        work.commit = record.report.as_ref().and_then(|report| report.commit.clone()).or(work.commit);
        let variables = if current_variables {
            let project = self.project_of(&record).await?;
            let environment = self.environment(principal, Some(record.environment_name.as_str())).await?;
            Some(variables::current(&self.0, &project, &environment, &record.slot_name).await?)
        } else {
            None
        };
        self.repeat(principal, &record, work, variables, "rollback").await
    }

    /// Rolls a slot back to the deployment that was live before the one that is.
    pub async fn rollback_slot(
        &self,
        principal: &Principal,
        project: &str,
        slot: Option<&str>,
    ) -> Result<DeploymentView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        let name = slot.unwrap_or("production");
        let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
        let slot = slots.into_iter().find(|found| found.name.as_str() == name);
        let slot = slot.ok_or_else(|| Error::not_found("slot", name))?;
        let history = self.0.store.slot_summary(&slot.id).await.stored()?;
        let earlier = history.into_iter().find(|summary| summary.state == State::Inactive);
        let earlier = earlier
            .ok_or_else(|| Error::Conflict { detail: "There is no earlier release to go back to.".into() })?;
        self.rollback(principal, earlier.id.as_str(), false).await
    }

    async fn project_of(&self, record: &DeploymentRecord) -> Result<Project, Error> {
        let found = self.0.store.project_get(&record.deployment.project).await.stored()?;
        found.ok_or_else(|| Error::not_found("project", &record.project_name))
    }

    async fn repeat(
        &self,
        principal: &Principal,
        record: &DeploymentRecord,
        work: WorkRecord,
        variables: Option<Vec<Variable>>,
        trigger: &str,
    ) -> Result<DeploymentView, Error> {
        let project = self.project_of(record).await?;
        let variables = match variables {
            Some(variables) => variables,
            None => work.open(&self.0, &record.deployment.id)?,
        };
        let planned = Planned::again(work);
        let environment = self.environment(principal, Some(record.environment_name.as_str())).await?;
        let slot = self.slot(&project, record.slot_name.clone(), &environment).await?;
        let planned = Planned { room: Some(record.deployment.limits.clone()), ..planned };
        if let Source::Pipeline { work } = &planned.source {
            let place = runs::Place { project: &project, environment: &environment, slot: &slot.name };
            runs::check_slot(&self.0, &place, &slot.id, work).await?;
        }
        self.create(principal, &project, &slot.id, planned, &variables, trigger).await
    }

    /// Only of one that has ended.
    pub async fn delete(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        let record = policy::deployment(&self.0, principal, id, DELETE_DEPLOYMENT).await?;
        let deployment = &record.deployment;
        if deployment.state.is_in_progress() {
            // Deleting what is on its way cancels it.
            if deployment.cancel_requested_at.is_none() {
                let deed = told(&self.0, principal, "deployment.cancel", &record).into_entry();
                advance_by(&self.0, &deployment.id, Event::CancelRequested, Some(&deed)).await?;
            }
            return Ok(());
        }
        if !deployment.state.is_ended() {
            return Err(refused(deployment, &[State::Failed, State::Inactive], "deleted"));
        }
        if record.is_somewhere() {
            // Its node is asked for the proof that nothing is left; that takes a moment.
            for node in deployment.node.iter().chain(record.shares.iter().map(|share| &share.node)) {
                self.0.fleet.wake(node);
            }
            let gone =
                record.report.as_ref().is_some_and(|it| matches!(it.phase, Phase::Failed | Phase::Stopped));
            if !gone {
                let detail =
                    format!("Deployment {id} is still being removed from its node: try again in a moment.");
                return Err(Error::Conflict { detail });
            }
            self.0.store.deployment_leave_node(&deployment.id).await.stored()?;
        }
        let unit = self.0.store.begin().await.stored()?;
        unit.deployment_delete(&deployment.id).await.stored()?;
        told(&self.0, principal, "deployment.delete", &record).commit(unit).await?;
        self.0.signals.routes.raise();
        Ok(())
    }

    /// The transitions so far, in order.
    pub async fn events(&self, principal: &Principal, id: &str) -> Result<Vec<EventView>, Error> {
        let record = policy::deployment(&self.0, principal, id, READ_DEPLOYMENT).await?;
        self.0.store.events_of(&record.deployment.id).await.stored()
    }

    /// Waits until it has ended or is live, at most so long.
    pub async fn wait(
        &self,
        principal: &Principal,
        id: &str,
        at_most: Duration,
    ) -> Result<DeploymentView, Error> {
        let mut events = self.0.store.events_written();
        let deadline = tokio::time::Instant::now() + at_most;
        loop {
            events.borrow_and_update();
            let now = self.get(principal, id).await?;
            if !now.state.is_in_progress()
                || tokio::time::timeout_at(deadline, events.changed()).await.is_err()
            {
                return Ok(now);
            }
        }
    }
}

/// A deployment that could be accepted.
pub(crate) struct Prepared {
    pub(crate) slot: Slot,
    pub(crate) planned: Planned,
    pub(crate) variables: Vec<Variable>,
}

/// The sources of a project that has a repository.
pub(super) fn git_source_of(project: &Project, new: &NewDeployment) -> Result<Source, Error> {
    let source = project.settings.source.as_ref().ok_or_else(|| {
        let detail = "This project has neither a repository nor a pipeline: set source.repository, or save a pipeline, first";
        Error::invalid("/source", detail)
    })?;
    if new.inputs != Inputs::default() {
        return Err(Error::invalid("/tags", "this project has no pipeline, so there is nothing to choose"));
    }
    Ok(Source::Git {
        repository: source.repository.clone(),
        reference: reference_of(new)?.or_else(|| source.branch.clone()),
        root_directory: source.root_directory.clone(),
    })
}

fn reference_of(new: &NewDeployment) -> Result<Option<GitReference>, Error> {
    let parsed = new.reference.as_deref().map(GitReference::parse).transpose();
    parsed.map_err(|error| Error::invalid("/ref", error))
}

fn git_source(new: &QuickDeployment) -> Result<GitSource, Error> {
    let mut problems = Vec::new();
    let repository = RepositoryUrl::parse(&new.repository);
    let branch = new.branch.as_deref().map(GitReference::parse).transpose();
    let root_directory = new.root_directory.as_deref().map(Folder::parse).transpose();
    for (pointer, problem) in [
        ("/repository", repository.as_ref().err()),
        ("/branch", branch.as_ref().err()),
        ("/root_directory", root_directory.as_ref().err()),
    ] {
        problems.extend(problem.map(|problem| FieldProblem::new(pointer, problem)));
    }
    match (repository, branch, root_directory) {
        (Ok(repository), Ok(branch), Ok(root)) => {
            Ok(GitSource { repository, branch, root_directory: root.unwrap_or_default() })
        }
        _ => Err(Error::Validation(problems)),
    }
}

/// One that is known to be somebody's to use.
pub(crate) async fn record(core: &Core, id: &DeploymentId) -> Result<DeploymentRecord, Error> {
    core.store.deployment_get(id).await.stored()?.ok_or_else(|| Error::not_found("deployment", id))
}

fn told(core: &Core, principal: &Principal, action: &'static str, record: &DeploymentRecord) -> Deed {
    let deployment = &record.deployment;
    principal.does(core, action, (&deployment.id, &record.project_name)).of_project(&deployment.project)
}

fn refused(deployment: &Deployment, allowed: &[State], action: &'static str) -> Error {
    Error::DeploymentState {
        deployment: deployment.id.to_string(),
        state: deployment.state,
        allowed: allowed.to_vec(),
        action,
    }
}

pub(crate) fn view(core: &Core, record: DeploymentRecord) -> DeploymentView {
    let slot_host = Hostname::of_slot(&record.slot_name, &record.project_name, &record.base_domain);
    let own_host = Hostname::of_deployment(&record.deployment.id, &record.base_domain);
    let (url, own_url) = (core.public.url(&slot_host), core.public.url(&own_host));
    let conditions = conditions(core, &record);
    let release_kind = record.release.as_ref().map(|release| match release {
        Release::Site(_) => "site",
        Release::Service(_) => "service",
        Release::Image(_) => "image",
        Release::Run(_) => "run",
    });
    let work = WorkRecord::from_text(&record.work).ok();
    let run = work.as_ref().and_then(|work| match &work.source {
        Source::Pipeline { work } => Some(work),
        Source::Git { .. } | Source::Files { .. } | Source::Image { .. } | Source::Release { .. } => None,
    });
    let (url, urls) = match run.map(|run| run.public.values().map(|step| step.url.clone()).collect()) {
        Some(urls) => {
            let urls: Vec<String> = urls;
            (urls.first().cloned().unwrap_or(url), urls)
        }
        None => (url.clone(), vec![url, own_url]),
    };
    let (pipeline_version, inputs) = (run.map(|run| run.version), run.map(|run| run.inputs.clone()));
    // What the node found out, or what was known before it began.
    let known = || work.as_ref().and_then(|work| work.commit.clone());
    let commit = record.report.as_ref().and_then(|report| report.commit.clone()).or_else(known);
    let shares = record.shares.iter().filter(|share| share.on_node || record.deployment.state.is_ended());
    let shares = shares.map(|share| ShareView {
        node: share.node.clone(),
        replicas: share.replicas.clone(),
        phase: share.report.as_ref().map(|report| report.phase),
        offline: !core.fleet.is_online(&share.node),
    });
    let shares = shares.collect();
    let report = record.report;
    let deployment = record.deployment;
    DeploymentView {
        waiting: None,
        node: deployment.node,
        shares,
        id: deployment.id,
        number: deployment.number,
        project: record.project_name,
        environment: record.environment_name,
        slot: record.slot_name,
        state: deployment.state,
        failure: deployment.failure,
        conditions,
        urls,
        url,
        commit,
        created_by: record.created_by,
        trigger: record.trigger,
        timings: deployment.timings,
        deadline: deployment.deadline,
        steps: report.as_ref().map(|report| report.steps.clone()).unwrap_or_default(),
        plan: report.as_ref().and_then(|report| report.plan.clone()),
        release: deployment.release,
        release_kind,
        peak_memory_mb: report.as_ref().and_then(|report| report.peak_memory_bytes).map(|bytes| bytes >> 20),
        services: report.as_ref().map(|report| report.services.clone()).unwrap_or_default(),
        instance: report.and_then(|report| report.instance),
        pipeline_version,
        inputs,
        limits: deployment.limits,
        cancel_requested: deployment.cancel_requested_at.is_some(),
        expires_at: record.slot_expires_at,
        created_at: record.created_at,
    }
}
