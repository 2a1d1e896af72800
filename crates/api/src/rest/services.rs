//! Services of the catalogue: described once by an admin, used by everybody's pipelines.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::Listed;
use pierhead_model::pipeline::service::ServiceStep;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::{if_match, location, tagged};
use super::tags::{TagListing, Tags};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Document, Path, Query};
use crate::problem::Problem;

/// A service of the catalogue: the fields of a service step, besides what says who made it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Service {
    name: String,
    description: Option<String>,
    /// With the tag that runs, or the default when tags are selectable.
    image: String,
    /// `pinned` or `selectable`.
    tag_mode: &'static str,
    /// Which tags may be chosen for a deployment: a glob, `|` between alternatives.
    selectable_tags: Option<String>,
    entrypoint: Option<Vec<String>>,
    command: Option<Vec<String>>,
    working_directory: Option<String>,
    user: Option<String>,
    ports: Vec<u16>,
    /// The port that speaks HTTP and gets a hostname.
    public: Option<u16>,
    /// As in a pipeline; what is not set is decided by the ports.
    #[schema(value_type = Option<Object>)]
    health: Value,
    #[schema(value_type = Vec<Object>)]
    volumes: Value,
    /// Values may hold references such as `${{ secrets.NAME }}`.
    #[schema(value_type = Object)]
    variables: Value,
    /// `memory_mb`, `cpu`, `pids`; what is not set is the project's.
    #[schema(value_type = Object)]
    resources: Value,
    replicas: u32,
    startup_timeout_s: Option<u32>,
    stop_grace_s: Option<u32>,
    /// What only an admin may give.
    #[schema(value_type = Object)]
    privileges: Value,
    /// Counts the changes: what `ETag` says.
    version: u64,
    created_by: String,
    created_at: Time,
    updated_at: Time,
}

/// A part of the model as JSON; those parts always are.
fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl From<Listed<ServiceStep>> for Service {
    fn from(listed: Listed<ServiceStep>) -> Self {
        let step = listed.entry;
        Self {
            name: listed.name.into(),
            image: step.image.as_ref().map(ToString::to_string).unwrap_or_default(),
            tag_mode: if step.selectable_tags.is_some() { "selectable" } else { "pinned" },
            selectable_tags: step.selectable_tags.map(Into::into),
            description: step.description,
            entrypoint: step.entrypoint,
            command: step.command.map(|words| words.into_iter().map(Into::into).collect()),
            working_directory: step.working_directory,
            user: step.user,
            ports: step.ports.into_iter().collect(),
            public: step.public,
            health: json(&step.health),
            volumes: json(&step.volumes),
            variables: json(&step.variables),
            resources: json(&step.resources),
            replicas: step.replicas,
            startup_timeout_s: step.startup_timeout_s,
            stop_grace_s: step.stop_grace_s,
            privileges: json(&step.privileges),
            version: listed.version,
            created_by: listed.created_by,
            created_at: listed.created_at.into(),
            updated_at: listed.updated_at.into(),
        }
    }
}

/// `name`, and the fields of a service step of a pipeline. What an answer has besides is passed over, so that an answer can be
/// changed and sent back. YAML is understood too.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "service",
    "image": "ghcr.io/acme/api:main",
    "selectable_tags": "main|v*",
    "ports": [8080],
    "public": 8080,
    "health": { "check": { "kind": "http", "path": "/healthz" } },
    "variables": { "DATABASE_URL": "${{ secrets.DATABASE_URL }}" },
    "resources": { "memory_mb": 256 }
}))]
#[expect(dead_code, reason = "describes a document that is read further in")]
pub(crate) struct ServiceDocument {
    name: String,
    image: String,
    #[schema(value_type = Object, additional_properties)]
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// What answers have and documents do not: taken out of a document that was an answer.
const ANSWER_ONLY: [&str; 5] = ["tag_mode", "version", "created_by", "created_at", "updated_at"];

/// A document as it is read; an answer that was changed becomes one.
pub(super) fn readable(document: Document) -> Document {
    let Ok(Value::Object(mut map)) = serde_json::from_str(&document.text) else { return document };
    map.retain(|key, _| !ANSWER_ONLY.contains(&key.as_str()));
    Document { text: Value::Object(map).to_string(), ..document }
}

/// List the services of the catalogue
#[utoipa::path(get, path = "/services", operation_id = "service_list", tag = "catalogue",
    params(WholeList), responses((status = 200, description = "By name", body = List<Service>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Service>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.catalogue.services(&caller.principal).await?))
}

/// Add a service to the catalogue
///
/// For admins.
#[utoipa::path(post, path = "/services", operation_id = "service_create", tag = "catalogue",
    request_body = ServiceDocument, responses((status = 201, description = "Added", body = Service)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let Document { text, format } = readable(document);
    let made = app.services.catalogue.create_service(&caller.principal, &text, format).await?;
    let location = location(&format!("services/{}", made.name));
    Ok((location, tagged(StatusCode::CREATED, made.version, Service::from(made))).into_response())
}

/// Show a service of the catalogue
#[utoipa::path(get, path = "/services/{service}", operation_id = "service_get", tag = "catalogue",
    responses((status = 200, description = "`ETag` is its version", body = Service)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = app.services.catalogue.service(&caller.principal, &service).await?;
    Ok(tagged(StatusCode::OK, found.version, Service::from(found)))
}

/// Change a service of the catalogue
///
/// For admins. Pipelines that were saved with it keep what it said; the next version that is saved gets this.
#[utoipa::path(put, path = "/services/{service}", operation_id = "service_replace", tag = "catalogue",
    request_body = ServiceDocument, responses((status = 200, description = "As it is now", body = Service)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(service): Path<String>,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let (version, Document { text, format }) = (if_match(&headers)?, readable(document));
    let catalogue = &app.services.catalogue;
    let changed = catalogue.replace_service(&caller.principal, &service, &text, format, version).await?;
    Ok(tagged(StatusCode::OK, changed.version, Service::from(changed)))
}

/// Remove a service from the catalogue
///
/// For admins. Pipelines that were saved with it go on as they are.
#[utoipa::path(delete, path = "/services/{service}", operation_id = "service_delete", tag = "catalogue",
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(service): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.catalogue.delete_service(&caller.principal, &service).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the tags of a service
///
/// Live from its registry, filtered by the service's pattern, newest first where the registry says when images were made.
#[utoipa::path(get, path = "/services/{service}/tags", operation_id = "service_tags", tag = "catalogue",
    params(TagListing), responses((status = 200, description = "Kept for a minute", body = Tags)))]
pub(crate) async fn tags(
    State(app): State<Shared>,
    caller: Caller,
    Path(service): Path<String>,
    Query(query): Query<TagListing>,
) -> Result<Answer<Tags>, Problem> {
    Ok(Answer(app.services.catalogue.tags(&caller.principal, &service, &query.into()).await?.into()))
}
