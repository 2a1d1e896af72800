//! Pipelines of projects: read, checked, saved as versions that never change, compared, tried without deploying.

pub(crate) mod checking;
mod dry_run;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use checking::Validation;
pub use dry_run::{DryRunQuestion, DryRunView, ImageView};
use pierhead_model::Timestamp;
use pierhead_model::name::SlotName;
use pierhead_model::pipeline::admission::{Authority, Ceiling, judge};
use pierhead_model::pipeline::compose::{self, Note};
use pierhead_model::pipeline::diff::{Change, diff};
use pierhead_model::pipeline::document::problem::has_errors;
use pierhead_model::pipeline::generated::Configured;
use pierhead_model::pipeline::{Format, Pipeline, Problem, Severity, Step, StepName, generated};
use pierhead_model::plan::Kind;
use pierhead_model::release::Release;
use pierhead_store::{NewPipelineVersion, PipelineVersion, Project, StoredVariable};
use serde_json::json;
pub use templates::NewTemplate;
pub(crate) use templates::Templates;

use super::auth::Principal;
use super::catalogue::{TagQuery, TagsView, tags};
use super::page::{Page, PageRequest};
use super::projects;
use super::variables::stored_in_force;
use crate::access::policy::{self, READ_PROJECT, WRITE_PROJECT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Pipelines(pub(crate) Arc<Core>);

/// A version of a project's pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineView {
    /// Counted from 1; 0 is the one that is generated for a repository, as long as nobody saved another.
    pub number: u64,
    pub pipeline: Pipeline,
    /// Whether it asks for what only an admin may give; then an admin saved it.
    pub elevated: bool,
    pub message: Option<String>,
    /// `None` for the generated one.
    pub created_by: Option<String>,
    pub created_at: Option<Timestamp>,
}

/// A pipeline that was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    pub version: PipelineView,
    /// Whether it is a new version: what is the same as the latest is that.
    pub is_new: bool,
    pub warnings: Vec<Problem>,
}

/// What an import of a compose file made. Nothing is saved.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposeImport {
    pub pipeline: Pipeline,
    pub notes: Vec<Note>,
    /// What would keep it from being saved, or deserves a second look.
    pub problems: Vec<Problem>,
}

/// Longest word about a change.
const MESSAGE_LENGTH: usize = 500;

impl Pipelines {
    /// The one that new deployments run.
    pub async fn get(&self, principal: &Principal, project: &str) -> Result<PipelineView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        self.current(&project).await
    }

    /// The newest first.
    pub async fn versions(
        &self,
        principal: &Principal,
        project: &str,
        page: &PageRequest,
    ) -> Result<Page<PipelineView>, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        let (limit, list) = (page.limit()?, format!("pipelines/{}", project.id));
        let before: Option<u64> = page.after(&list)?;
        let found = self.0.store.pipeline_list(&project.id, before, limit as u64 + 1).await.stored()?;
        let page = Page::cut(found, limit, &list, |version| version.number)?;
        Ok(Page { items: page.items.into_iter().map(view).collect(), next_cursor: page.next_cursor })
    }

    /// One version; 0 is the generated one.
    pub async fn version(
        &self,
        principal: &Principal,
        project: &str,
        number: u64,
    ) -> Result<PipelineView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        self.numbered(&project, number).await
    }

    /// What is wrong with a document, or hardly meant.
    pub async fn validate(
        &self,
        principal: &Principal,
        project: &str,
        text: &str,
        format: Format,
    ) -> Result<Validation, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        checking::check(&self.0, principal, Some(&project), text, format, Severity::Warning).await
    }

    /// Saves a document as the next version. New deployments run it; those that run keep theirs.
    ///
    /// `if_version` is the version that it was made from: when another one was saved since, nothing is.
    pub async fn save(
        &self,
        principal: &Principal,
        project: &str,
        text: &str,
        format: Format,
        message: Option<String>,
        if_version: Option<u64>,
    ) -> Result<Saved, Error> {
        if message.as_ref().is_some_and(|message| message.chars().count() > MESSAGE_LENGTH) {
            return Err(Error::invalid("/message", format!("at most {MESSAGE_LENGTH} characters")));
        }
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        if project.deleting_at.is_some() {
            return Err(Error::Conflict {
                detail: format!("The project {} is being deleted.", project.name),
            });
        }
        let checked =
            checking::check(&self.0, principal, Some(&project), text, format, Severity::Warning).await?;
        let Some(pipeline) = checked.pipeline.filter(|_| !has_errors(&checked.problems)) else {
            return Err(Error::from_problems(&checked.problems));
        };
        let before = self.0.store.pipeline_latest(&project.id).await.stored()?.map(|latest| latest.number);
        let new = NewPipelineVersion {
            project: project.id.clone(),
            elevated: has_errors(&judge(&pipeline, Authority::Member, &Ceiling::default())),
            pipeline,
            message,
            created_by: principal.email.clone(),
        };
        let unit = self.0.store.begin().await.stored()?;
        let saved = unit.pipeline_save(&new, if_version, self.0.outside.now()).await;
        let saved = saved.asked_for("pipeline", &project.name)?;
        let is_new = Some(saved.number) != before;
        if is_new {
            let told = |version| json!({ "version": version });
            let deed = principal.does_to(&self.0, "pipeline.save", &project);
            deed.before(told(before)).after(told(Some(saved.number))).commit(unit).await?;
        }
        Ok(Saved { is_new, version: view(saved), warnings: checked.problems })
    }

    /// What is different from one version to another.
    pub async fn diff(
        &self,
        principal: &Principal,
        project: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<Change>, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        let (from, to) = (self.numbered(&project, from).await?, self.numbered(&project, to).await?);
        Ok(diff(&from.pipeline, &to.pipeline))
    }

    /// Whether a version could be run now, without running it.
    pub async fn dry_run(
        &self,
        principal: &Principal,
        project: &str,
        question: &DryRunQuestion,
    ) -> Result<DryRunView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        let version = match question.version {
            Some(number) => self.numbered(&project, number).await?,
            None => self.current(&project).await?,
        };
        dry_run::answer(&self.0, principal, &project, version, question).await
    }

    /// The tags that may be chosen for a service of the pipeline.
    pub async fn tags(
        &self,
        principal: &Principal,
        project: &str,
        step: &str,
        query: &TagQuery,
    ) -> Result<TagsView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        let current = self.current(&project).await?;
        let not_found = || Error::not_found("service", step.chars().take(80).collect::<String>());
        let name = StepName::parse(step).map_err(|_| not_found())?;
        match current.pipeline.steps.get(&name) {
            Some(Step::Service(service)) => tags(&self.0, service, query).await,
            Some(Step::Build(_) | Step::Site(_) | Step::Plugin(_)) | None => Err(not_found()),
        }
    }

    /// What a compose file would be as a pipeline, and what became of each of its keys. `values` are those of its `.env`.
    pub async fn import_compose(
        &self,
        principal: &Principal,
        text: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<ComposeImport, Error> {
        let import = compose::import(text, values).map_err(|problems| Error::from_problems(&problems))?;
        let document = serde_json::to_string(&import.pipeline).map_err(Error::internal)?;
        let checked =
            checking::check(&self.0, principal, None, &document, Format::Json, Severity::Warning).await?;
        Ok(ComposeImport { pipeline: import.pipeline, notes: import.notes, problems: checked.problems })
    }

    async fn current(&self, project: &Project) -> Result<PipelineView, Error> {
        match self.0.store.pipeline_latest(&project.id).await.stored()? {
            Some(latest) => Ok(view(latest)),
            None => self.generated(project).await,
        }
    }

    async fn numbered(&self, project: &Project, number: u64) -> Result<PipelineView, Error> {
        if number == 0 {
            return self.generated(project).await;
        }
        let found = self.0.store.pipeline_get(&project.id, number).await.stored()?;
        found.map(view).ok_or_else(|| Error::not_found("version of the pipeline", number))
    }

    /// What a repository's project runs. What its live deployment is says whether that is a site or a service.
    async fn generated(&self, project: &Project) -> Result<PipelineView, Error> {
        let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
        let live = match slots.iter().find(|slot| slot.name.is_production()) {
            Some(slot) => self.0.store.slot_live(&slot.id).await.stored()?,
            None => None,
        };
        let record = match live {
            Some(live) => self.0.store.deployment_get(&live.id).await.stored()?,
            None => None,
        };
        let kind = record.and_then(|record| record.release).and_then(|release| match release {
            Release::Site(_) => Some(Kind::Site),
            Release::Service(_) => Some(Kind::Service),
            Release::Image(_) => Some(Kind::Image),
            Release::Run(_) => None,
        });
        let local = projects::local(&self.0).await?;
        let variables = stored_in_force(&self.0, project, &local, &SlotName::production()).await?;
        let variables: Vec<_> = variables
            .into_iter()
            .map(|StoredVariable { key, secret, exposure, .. }| Configured { key, secret, exposure })
            .collect();
        let pipeline = generated(&project.settings, kind, &variables)
            .ok_or_else(|| Error::not_found("pipeline", &project.name))?;
        Ok(PipelineView {
            number: 0,
            pipeline,
            elevated: false,
            message: None,
            created_by: None,
            created_at: None,
        })
    }
}

fn view(version: PipelineVersion) -> PipelineView {
    PipelineView {
        number: version.number,
        pipeline: version.pipeline,
        elevated: version.elevated,
        message: version.message,
        created_by: Some(version.created_by),
        created_at: Some(version.created_at),
    }
}
