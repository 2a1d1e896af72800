//! Projects.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pierhead_control::{NewProject, PageRequest, ProjectView};
use pierhead_model::code::Code;
use pierhead_model::health::HealthCheck;
use pierhead_model::limit::Limits;
use pierhead_model::plan::BuildSettings;
use pierhead_model::project::{GitSource, ProjectSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::query::{Json, Query};

#[derive(Debug, Serialize)]
pub(crate) struct Project {
    id: String,
    name: String,
    source: Option<GitSource>,
    build: BuildSettings,
    limits: Limits,
    health: HealthCheck,
    sleep_after_s: u32,
    url: String,
    live: Option<String>,
    deleting: bool,
    created_at: String,
    version: u64,
}

impl From<ProjectView> for Project {
    fn from(view: ProjectView) -> Self {
        let ProjectSettings { source, build, limits, health, sleep_after_s } = view.settings;
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            source,
            build,
            limits,
            health,
            sleep_after_s,
            url: view.url,
            live: view.live.map(|id| id.to_string()),
            deleting: view.deleting,
            created_at: time(view.created_at),
            version: view.version,
        }
    }
}

/// A project with its version as `ETag`.
fn tagged(status: StatusCode, view: ProjectView) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", view.version));
    let mut response = (status, Answer(Project::from(view))).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The version that `If-Match` asks for.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(said) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = said.to_str().ok().and_then(|text| text.trim_matches('"').parse().ok());
    version
        .map(Some)
        .ok_or_else(|| Problem::new(Code::Malformed, "`If-Match` is not an ETag of this object."))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
    source: Option<GitSource>,
    #[serde(default)]
    build: BuildSettings,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    health: HealthCheck,
    #[serde(default)]
    sleep_after_s: u32,
}

pub(crate) async fn create(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    let New { name, source, build, limits, health, sleep_after_s } = new;
    let settings = ProjectSettings { source, build, limits, health, sleep_after_s };
    let view = services.projects.create(&principal, NewProject { name, settings }).await?;
    Ok(tagged(StatusCode::CREATED, view))
}

pub(crate) async fn get(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
) -> Result<Response, Problem> {
    Ok(tagged(StatusCode::OK, services.projects.get(&principal, &project).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ProjectList {
    items: Vec<Project>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Query(query): Query<Listing>,
) -> Result<Answer<ProjectList>, Problem> {
    let page = PageRequest { cursor: query.cursor, limit: query.limit };
    let page = services.projects.list(&principal, &page, query.q.as_deref()).await?;
    let items = page.items.into_iter().map(Into::into).collect();
    Ok(Answer(ProjectList { items, next_cursor: page.next_cursor }))
}

/// Fields of a project that can be changed.
const CHANGEABLE: [&str; 5] = ["source", "build", "limits", "health", "sleep_after_s"];

pub(crate) async fn update(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    Json(patch): Json<Value>,
) -> Result<Response, Problem> {
    let Value::Object(fields) = &patch else {
        return Err(Problem::new(Code::Malformed, "A change is an object with the fields that change."));
    };
    if let Some(unknown) = fields.keys().find(|field| !CHANGEABLE.contains(&field.as_str())) {
        let detail = format!("`{unknown}` cannot be changed; {} can.", CHANGEABLE.join(", "));
        return Err(Problem::new(Code::Validation, detail));
    }
    let view = services.projects.update(&principal, &project, &patch, if_match(&headers)?).await?;
    Ok(tagged(StatusCode::OK, view))
}

pub(crate) async fn delete(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    services.projects.delete(&principal, &project).await?;
    Ok(StatusCode::ACCEPTED)
}
