//! Projects.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{Error, NewProject, OwnerView, ProjectView};
use pierhead_model::access::{Kind, Scopes};
use pierhead_model::code::Code;
use pierhead_model::project::ProjectSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::list::{List, page};
use super::settings::{Build, Health, Limits, Source, Triggers};
use super::values::{Scope, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query, maybe_object, object, read_value};
use crate::problem::Problem;

/// A project: what gets deployed, and how it wants to be built and run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Project {
    id: String,
    name: String,
    /// Whose it is; `null` when who made it has no account any more.
    owner: Option<Owner>,
    source: Option<Source>,
    build: Build,
    limits: Limits,
    health: Health,
    /// Idle seconds before a service may sleep; 0 never.
    sleep_after_s: u32,
    /// Seconds without activity after which a slot is deleted, except `production`: 0 never, `null` as its environment says.
    lifetime_s: Option<u32>,
    triggers: Triggers,
    /// Of its production slot.
    url: String,
    /// The deployment that is live in production.
    live: Option<String>,
    deleting: bool,
    created_at: Time,
    /// Counts the changes: what `ETag` says.
    version: u64,
    /// What whoever asks may do with it, by what it is about: `project`, `repository`, `deployment`, `links`, `members`,
    /// `ownership`. `null` in lists.
    rights: Option<BTreeMap<String, Vec<Scope>>>,
}

/// Whose a project is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Owner {
    kind: OwnerKind,
    /// A team's name or somebody's address.
    name: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnerKind {
    User,
    Team,
}

impl From<OwnerView> for Owner {
    fn from(view: OwnerView) -> Self {
        match view {
            OwnerView::User(name) => Self { kind: OwnerKind::User, name },
            OwnerView::Team(name) => Self { kind: OwnerKind::Team, name: name.to_string() },
        }
    }
}

impl From<ProjectView> for Project {
    fn from(view: ProjectView) -> Self {
        let ProjectSettings { source, build, limits, health, sleep_after_s, lifetime_s, triggers } =
            view.settings;
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            owner: view.owner.map(Into::into),
            source: source.map(Into::into),
            build: build.into(),
            limits: limits.into(),
            health: health.into(),
            sleep_after_s,
            lifetime_s,
            triggers: triggers.into(),
            url: view.url,
            live: view.live.map(|id| id.to_string()),
            deleting: view.deleting,
            created_at: view.created_at.into(),
            version: view.version,
            rights: view.rights.map(|rights| rights.into_iter().map(told).collect()),
        }
    }
}

fn told((kind, scopes): (Kind, Scopes)) -> (String, Vec<Scope>) {
    (kind.to_string(), scopes.iter().map(Into::into).collect())
}

/// An answer with its version as `ETag`.
pub(crate) fn tagged(status: StatusCode, version: u64, body: impl Serialize) -> Response {
    let mut response = (status, Answer(body)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The version that `If-Match` asks for; `*` is any.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(said) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let said = said.to_str().unwrap_or_default().trim();
    if said == "*" {
        return Ok(None);
    }
    let version = said.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(said).parse();
    version.map(Some).map_err(|_| Problem::new(Code::Malformed, "`If-Match` is not an ETag of this object."))
}

/// A deployment or project that was accepted, and where to look at it.
pub(crate) fn location(path: &str) -> [(HeaderName, String); 1] {
    [(header::LOCATION, format!("/api/v1/{path}"))]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "shop",
    "source": { "repository": "https://github.com/team/shop", "branch": "main", "root_directory": "apps/web" },
    "build": { "build_command": "npm run build" },
    "limits": { "memory_mb": 512, "build_timeout_s": 600 }
}))]
pub(crate) struct NewProjectRequest {
    /// Becomes its hostname: letters, digits and `-`.
    name: String,
    /// A team that one is in; otherwise it is one's own.
    team: Option<String>,
    #[serde(default, deserialize_with = "maybe_object")]
    source: Option<Source>,
    #[serde(default, deserialize_with = "object")]
    build: Build,
    #[serde(default, deserialize_with = "object")]
    limits: Limits,
    #[serde(default, deserialize_with = "object")]
    health: Health,
    /// Idle seconds after which a service sleeps, until the next request wakes it: 0 never.
    #[serde(default = "default_sleep_after_s")]
    sleep_after_s: u32,
    /// Seconds without activity after which a slot is deleted, except `production`: 0 never, `null` as its environment says.
    lifetime_s: Option<u32>,
    #[serde(default, deserialize_with = "object")]
    triggers: Triggers,
}

fn default_sleep_after_s() -> u32 {
    ProjectSettings::default().sleep_after_s
}

/// Make a project
#[utoipa::path(post, path = "/projects", operation_id = "project_create", tag = "projects",
    request_body = NewProjectRequest, responses((status = 201, description = "Made", body = Project)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(new)): Json<Object<NewProjectRequest>>,
) -> Result<Response, Problem> {
    let settings = ProjectSettings {
        source: new.source.as_ref().map(Source::parse).transpose()?,
        build: new.build.into(),
        limits: new.limits.into(),
        health: new.health.into(),
        sleep_after_s: new.sleep_after_s,
        lifetime_s: new.lifetime_s,
        triggers: new.triggers.into(),
    };
    let new = NewProject { name: new.name, team: new.team, settings };
    let view = app.services.projects.create(&caller.principal, new).await?;
    let location = location(&format!("projects/{}", view.name));
    Ok((location, tagged(StatusCode::CREATED, view.version, Project::from(view))).into_response())
}

/// Show a project
///
/// `{project}` is its name or its id.
#[utoipa::path(get, path = "/projects/{project}", operation_id = "project_get", tag = "projects",
    responses((status = 200, description = "The project; `ETag` is its version", body = Project)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Response, Problem> {
    let view = app.services.projects.get(&caller.principal, &project).await?;
    Ok(tagged(StatusCode::OK, view.version, Project::from(view)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// Names that contain this; `search` is the same.
    #[serde(alias = "search")]
    q: Option<String>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List projects
#[utoipa::path(get, path = "/projects", operation_id = "project_list", tag = "projects",
    params(Listing), responses((status = 200, description = "By name", body = List<Project>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<List<Project>, Problem> {
    let page = page(query.cursor, query.limit);
    let found = app.services.projects.list(&caller.principal, &page, query.q.as_deref()).await?;
    Ok(List::of(found))
}

/// What changes, as a JSON merge patch (RFC 7396): what is left out stays, `null` goes back to the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "limits": { "memory_mb": 1024 }, "build": { "build_command": null } }))]
#[expect(
    dead_code,
    reason = "read only to refuse what does not fit; the control plane applies the patch itself"
)]
pub(crate) struct ProjectPatch {
    #[serde(default, deserialize_with = "maybe_object")]
    source: Option<SourcePatch>,
    #[serde(default, deserialize_with = "maybe_object")]
    build: Option<Build>,
    #[serde(default, deserialize_with = "maybe_object")]
    limits: Option<Limits>,
    #[serde(default, deserialize_with = "maybe_object")]
    health: Option<Health>,
    sleep_after_s: Option<u32>,
    lifetime_s: Option<u32>,
    #[serde(default, deserialize_with = "maybe_object")]
    triggers: Option<Triggers>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read only to refuse what does not fit; the control plane applies the patch itself"
)]
pub(crate) struct SourcePatch {
    repository: Option<String>,
    branch: Option<String>,
    root_directory: Option<String>,
}

/// Removes members that are `null`: in a patch they fit every type.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name, without_nulls(member)))
            .collect(),
        other => other,
    }
}

/// Change a project's settings
///
/// With `If-Match`, only if nobody else changed it since; otherwise 412 with the project as it is in `current`.
#[utoipa::path(patch, path = "/projects/{project}", operation_id = "project_update", tag = "projects",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read")),
    request_body(content = ProjectPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Changed", body = Project)))]
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    Json(patch): Json<Value>,
) -> Result<Response, Problem> {
    read_value::<Object<ProjectPatch>>(without_nulls(patch.clone()))?;
    let projects = &app.services.projects;
    match projects.update(&caller.principal, &project, &patch, if_match(&headers)?).await {
        Ok(view) => Ok(tagged(StatusCode::OK, view.version, Project::from(view))),
        Err(error @ Error::PreconditionFailed { .. }) => {
            let current = Project::from(projects.get(&caller.principal, &project).await?);
            let current = serde_json::to_value(current).unwrap_or_default();
            Err(Problem::from(error).with("current", current))
        }
        Err(error) => Err(error.into()),
    }
}

/// Delete a project with all it has
///
/// What is live is stopped first, so this takes a moment: the project shows `deleting` until it is gone.
#[utoipa::path(delete, path = "/projects/{project}", operation_id = "project_delete", tag = "projects",
    responses((status = 202, description = "Begun; watch `Location`")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Response, Problem> {
    let name = app.services.projects.get(&caller.principal, &project).await?.name;
    app.services.projects.delete(&caller.principal, &project).await?;
    Ok((StatusCode::ACCEPTED, location(&format!("projects/{name}"))).into_response())
}
