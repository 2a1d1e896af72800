//! Deployments.

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pierhead_control::{
    DeploymentFilter, DeploymentView, EventView, NewDeployment, Page, PageRequest, QuickDeployment,
};
use pierhead_model::code::Code;
use pierhead_model::deployment::{State as Lifecycle, Timings};
use pierhead_model::plan::{BuildPlan, BuildSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::time;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::query::{Json, Query};

/// A deployment as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Deployment {
    id: String,
    number: u64,
    project: String,
    environment: String,
    slot: String,
    state: Lifecycle,
    /// The code of the reason, when it failed.
    reason: Option<&'static str>,
    /// The reason with its figures and a sentence for people.
    failure: Option<Value>,
    conditions: Value,
    url: String,
    urls: Vec<String>,
    commit: Option<Value>,
    pipeline_version: u64,
    created_by: String,
    trigger: String,
    created_at: String,
    timings: Value,
    deadline: Option<String>,
    cancel_requested: bool,
    steps: Vec<Value>,
    plan: Option<BuildPlan>,
    release: Option<String>,
    release_kind: Option<&'static str>,
    peak_memory_mb: Option<u64>,
    instance: Option<Value>,
    expires_at: Option<String>,
}

impl From<DeploymentView> for Deployment {
    fn from(view: DeploymentView) -> Self {
        let failure = view.failure.as_ref().map(|failure| {
            let mut document = serde_json::to_value(&failure.reason).unwrap_or_default();
            document["detail"] = failure.detail.clone().into();
            document
        });
        let conditions = view.conditions;
        let step = |step: pierhead_model::assignment::StepReport| {
            json!({
                "name": step.name,
                "started_at": time(step.started_at),
                "finished_at": step.finished_at.map(time),
                "exit_code": step.exit_code,
                "note": step.note,
            })
        };
        let instance = view.instance.as_ref().map(|instance| {
            json!({
                "healthy": instance.healthy,
                "restarts": instance.restarts,
                "last_exit": instance.last_exit,
                "next_start_at": instance.next_start_at.map(time),
            })
        });
        Self {
            id: view.id.to_string(),
            number: view.number,
            project: view.project.to_string(),
            environment: view.environment.to_string(),
            slot: view.slot.to_string(),
            state: view.state,
            reason: view.failure.as_ref().map(|failure| failure.reason.code()),
            failure,
            conditions: json!({
                "offline": conditions.offline,
                "asleep": conditions.asleep,
                "crash_looping": conditions.crash_looping,
            }),
            url: view.url,
            urls: view.urls,
            commit: view
                .commit
                .map(|it| json!({ "hash": it.hash, "message": it.message, "author": it.author })),
            pipeline_version: 1,
            created_by: view.created_by,
            trigger: view.trigger,
            created_at: time(view.created_at),
            timings: timings(&view.timings),
            deadline: view.deadline.map(time),
            cancel_requested: view.cancel_requested,
            steps: view.steps.into_iter().map(step).collect(),
            plan: view.plan,
            release: view.release.map(|digest| digest.to_hex()),
            release_kind: view.release_kind,
            peak_memory_mb: view.peak_memory_mb,
            instance,
            expires_at: None,
        }
    }
}

/// When each state was entered, and how long it took.
fn timings(timings: &Timings) -> Value {
    let Timings { queued_at, building_at, provisioning_at, production_at, ended_at } = timings;
    let between = |from: Option<pierhead_model::Timestamp>, to: Option<pierhead_model::Timestamp>| {
        Some(to?.duration_since(from?).as_millis())
    };
    let left_build = provisioning_at.or(*ended_at);
    json!({
        "queued_at": time(*queued_at),
        "building_at": building_at.map(time),
        "provisioning_at": provisioning_at.map(time),
        "production_at": production_at.map(time),
        "ended_at": ended_at.map(time),
        "queued_ms": between(Some(*queued_at), building_at.or(*provisioning_at).or(*ended_at)),
        "building_ms": between(*building_at, left_build),
        "provisioning_ms": between(*provisioning_at, production_at.or(*ended_at)),
        "total_ms": between(Some(*queued_at), production_at.or(*ended_at)),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quick {
    repository: String,
    branch: Option<String>,
    root_directory: Option<String>,
    name: Option<String>,
    #[serde(default)]
    build: BuildSettings,
}

type Accepted = (StatusCode, [(&'static str, String); 1], Answer<Deployment>);

fn accepted(view: DeploymentView) -> Accepted {
    let location = format!("/api/v1/deployments/{}", view.id);
    (StatusCode::ACCEPTED, [("location", location)], Answer(view.into()))
}

pub(crate) async fn create(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Json(body): Json<Quick>,
) -> Result<Accepted, Problem> {
    let Quick { repository, branch, root_directory, name, build } = body;
    let new = QuickDeployment { repository, branch, root_directory, name, build };
    Ok(accepted(services.deployments.deploy_repository(&principal, new).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InProject {
    environment: Option<String>,
    slot: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    no_cache: bool,
}

pub(crate) async fn create_in_project(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
    Json(body): Json<InProject>,
) -> Result<Accepted, Problem> {
    let InProject { environment, slot, reference, no_cache } = body;
    if environment.is_some_and(|environment| environment != "local") {
        return Err(Problem::new(Code::Validation, "There is one environment: `local` (/environment)."));
    }
    let new = NewDeployment { slot, reference, no_cache };
    Ok(accepted(services.deployments.deploy_project(&principal, &project, new).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// Seconds to wait for the end, at most 60.
    wait: Option<u64>,
}

pub(crate) async fn get(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Query(query): Query<Waiting>,
) -> Result<Answer<Deployment>, Problem> {
    let at_most = Duration::from_secs(query.wait.unwrap_or(0).min(60));
    Ok(Answer(services.deployments.wait(&principal, &id, at_most).await?.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    project: Option<String>,
    slot: Option<String>,
    state: Option<Lifecycle>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeploymentList {
    items: Vec<Deployment>,
    next_cursor: Option<String>,
}

fn listed(page: Page<DeploymentView>) -> Answer<DeploymentList> {
    let items = page.items.into_iter().map(Into::into).collect();
    Answer(DeploymentList { items, next_cursor: page.next_cursor })
}

pub(crate) async fn list(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Query(query): Query<Listing>,
) -> Result<Answer<DeploymentList>, Problem> {
    let filter = DeploymentFilter {
        project: query.project,
        slot: query.slot,
        states: query.state.into_iter().collect(),
    };
    let page = PageRequest { cursor: query.cursor, limit: query.limit };
    Ok(listed(services.deployments.list(&principal, &filter, &page).await?))
}

pub(crate) async fn list_of_project(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
    Query(mut query): Query<Listing>,
) -> Result<Answer<DeploymentList>, Problem> {
    query.project = Some(project);
    list(State(services), Caller(principal), Query(query)).await
}

pub(crate) async fn cancel(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Accepted, Problem> {
    Ok(accepted(services.deployments.cancel(&principal, &id).await?))
}

pub(crate) async fn redeploy(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Accepted, Problem> {
    Ok(accepted(services.deployments.redeploy(&principal, &id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    #[serde(default)]
    current_variables: bool,
}

pub(crate) async fn rollback(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Query(query): Query<Rollback>,
) -> Result<Accepted, Problem> {
    Ok(accepted(services.deployments.rollback(&principal, &id, query.current_variables).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InSlot {
    slot: Option<String>,
}

/// Back to what was live before.
pub(crate) async fn rollback_slot(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
    Query(query): Query<InSlot>,
) -> Result<Accepted, Problem> {
    Ok(accepted(services.deployments.rollback_slot(&principal, &project, query.slot.as_deref()).await?))
}

pub(crate) async fn delete(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.deployments.delete(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A transition as the API shows it.
pub(crate) fn event(event: &EventView) -> Value {
    json!({
        "sequence": event.sequence,
        "at": time(event.at),
        "type": "deployment.state",
        "deployment": event.deployment,
        "project": event.project,
        "slot": event.slot,
        "from": event.from,
        "to": event.to,
        "reason": event.failure.as_ref().map(|failure| failure.reason.code()),
        "detail": event.failure.as_ref().map(|failure| &failure.detail),
    })
}

pub(crate) async fn events(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Answer<Value>, Problem> {
    let events = services.deployments.events(&principal, &id).await?;
    Ok(Answer(json!({ "items": events.iter().map(event).collect::<Vec<_>>(), "next_cursor": null })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Detect {
    repository: String,
    branch: Option<String>,
    root_directory: Option<String>,
}

pub(crate) async fn detect(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Json(body): Json<Detect>,
) -> Result<Answer<BuildPlan>, Problem> {
    let Detect { repository, branch, root_directory } = body;
    let detected = services
        .detection
        .detect(&principal, &repository, branch.as_deref(), root_directory.as_deref())
        .await;
    Ok(Answer(detected?))
}
