//! The pipelines of projects: shown, checked, saved as versions that never change, compared, tried.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{PageRequest, PipelineView, Saved, Validation as ValidationView};
use pierhead_model::pipeline::Format;
use pierhead_model::pipeline::diff::Change as ChangeView;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::list::{List, page};
use super::problems::{DocumentProblem, all, rounds};
use super::projects::{if_match, location, tagged};
use super::tags::{TagListing, Tags};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Document, Path, Query};
use crate::problem::Problem;

/// A version of a project's pipeline. It never changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pipeline {
    /// Counted from 1; 0 is the one that is generated for a repository, as long as nobody saved another.
    version: u64,
    generated: bool,
    /// The document; its JSON Schema is at `/schema/pipeline.json`.
    #[schema(value_type = Object)]
    pipeline: Value,
    /// Whether it asks for what only an admin may give; then an admin saved it.
    elevated: bool,
    /// What was changed, in the words of who did.
    message: Option<String>,
    created_by: Option<String>,
    created_at: Option<Time>,
    /// What deserves a second look; only in the answer to saving it.
    warnings: Vec<DocumentProblem>,
}

impl From<PipelineView> for Pipeline {
    fn from(view: PipelineView) -> Self {
        Self {
            version: view.number,
            generated: view.number == 0,
            pipeline: serde_json::to_value(&view.pipeline).unwrap_or_default(),
            elevated: view.elevated,
            message: view.message,
            created_by: view.created_by,
            created_at: view.created_at.map(Into::into),
            warnings: Vec::new(),
        }
    }
}

/// A pipeline: a graph of steps. Its JSON Schema is at `/schema/pipeline.json`. What a GET answered can be changed and sent
/// back as it is. YAML is understood too.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "version": 1,
    "steps": {
        "db": { "kind": "service", "image": "postgres:16.4", "ports": [5432] },
        "web": {
            "kind": "service", "image": "ghcr.io/acme/web:main", "selectable_tags": "main|v*", "public": 8080,
            "variables": { "DATABASE_HOST": "${{ steps.db.outputs.host }}" }
        }
    }
}))]
#[expect(dead_code, reason = "describes a document that is read further in")]
pub(crate) struct PipelineDocument {
    /// Of the notation; always 1.
    version: u32,
    description: Option<String>,
    #[schema(value_type = Option<Object>)]
    parameters: Map<String, Value>,
    #[schema(value_type = Object)]
    steps: Map<String, Value>,
}

/// A document, and the word about a change that an answer sent back may hold.
fn opened(document: Document) -> (Document, Option<String>) {
    let answer = match serde_json::from_str(&document.text) {
        Ok(Value::Object(answer)) if document.format == Format::Json => answer,
        _ => return (document, None),
    };
    match (answer.get("pipeline"), answer.contains_key("steps")) {
        (Some(pipeline @ Value::Object(_)), false) => {
            let message = answer.get("message").and_then(Value::as_str).map(str::to_owned);
            (Document { text: pipeline.to_string(), format: Format::Json }, message)
        }
        _ => (document, None),
    }
}

/// What is wrong with a document, or hardly meant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Validation {
    /// Whether it could be saved: there are only warnings, if anything.
    valid: bool,
    problems: Vec<DocumentProblem>,
    /// The steps by the round in which they could start.
    rounds: Vec<Vec<String>>,
}

impl From<ValidationView> for Validation {
    fn from(view: ValidationView) -> Self {
        Self { valid: view.is_valid(), problems: all(view.problems), rounds: rounds(view.rounds) }
    }
}

/// One thing that is different between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    /// `steps.api.variables.LOG_LEVEL`
    path: String,
    step: Option<String>,
    /// `added`, `removed` or `changed`.
    kind: &'static str,
    /// `null` when it was added.
    before: Value,
    /// `null` when it was removed.
    after: Value,
}

impl From<ChangeView> for Change {
    fn from(change: ChangeView) -> Self {
        Self {
            kind: match (&change.before, &change.after) {
                (None, _) => "added",
                (_, None) => "removed",
                (Some(_), Some(_)) => "changed",
            },
            path: change.path,
            step: change.step.map(Into::into),
            before: change.before.unwrap_or_default(),
            after: change.after.unwrap_or_default(),
        }
    }
}

/// The differences between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Diff {
    from: u64,
    to: u64,
    changes: Vec<Change>,
}

/// Show a project's pipeline
///
/// The latest version: the one that new deployments run.
#[utoipa::path(get, path = "/projects/{project}/pipeline", operation_id = "pipeline_get", tag = "pipelines",
    responses((status = 200, description = "`ETag` is its version", body = Pipeline)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Response, Problem> {
    let view = app.services.pipelines.get(&caller.principal, &project).await?;
    Ok(tagged(StatusCode::OK, view.number, Pipeline::from(view)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saving {
    /// What was changed, in a few words.
    #[param(max_length = 500)]
    message: Option<String>,
}

/// Save a pipeline
///
/// As the next version, unless it is the same as the latest. What runs keeps its version. `If-Match` with the version it was
/// made from makes sure that nobody saved another one meanwhile; `"0"` is for the first.
#[utoipa::path(put, path = "/projects/{project}/pipeline", operation_id = "pipeline_save", tag = "pipelines",
    params(Saving), request_body = PipelineDocument, responses(
        (status = 200, description = "The same as the latest", body = Pipeline),
        (status = 201, description = "A new version", body = Pipeline)))]
pub(crate) async fn save(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<Saving>,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let (document, message) = opened(document);
    let message = query.message.or(message);
    let version = if_match(&headers)?;
    let pipelines = &app.services.pipelines;
    let saved = pipelines
        .save(&caller.principal, &project, &document.text, document.format, message, version)
        .await?;
    let Saved { version, is_new, warnings } = saved;
    let number = version.number;
    let answer = Pipeline { warnings: all(warnings), ..version.into() };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = location(&format!("projects/{project}/pipeline/versions/{number}"));
    Ok((location, tagged(status, number, answer)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Versions {
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List the versions of a pipeline
#[utoipa::path(get, path = "/projects/{project}/pipeline/versions", operation_id = "pipeline_version_list",
    tag = "pipelines", params(Versions), responses((status = 200, description = "Newest first", body = List<Pipeline>)))]
pub(crate) async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<Versions>,
) -> Result<List<Pipeline>, Problem> {
    let page: PageRequest = page(query.cursor, query.limit);
    Ok(List::of(app.services.pipelines.versions(&caller.principal, &project, &page).await?))
}

/// Show a version of a pipeline
///
/// 0 is the one that is generated for a repository.
#[utoipa::path(get, path = "/projects/{project}/pipeline/versions/{version}", operation_id = "pipeline_version_get",
    tag = "pipelines", responses((status = 200, description = "It never changes", body = Pipeline)))]
pub(crate) async fn version(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, version)): Path<(String, String)>,
) -> Result<Answer<Pipeline>, Problem> {
    let number = version.parse().map_err(|_| no_such_version(&version))?;
    Ok(Answer(app.services.pipelines.version(&caller.principal, &project, number).await?.into()))
}

fn no_such_version(version: &str) -> Problem {
    let name = version.chars().take(80).collect();
    pierhead_control::Error::NotFound { what: "version of the pipeline", name }.into()
}

/// Check a pipeline
///
/// Everything that is wrong, or hardly meant, at once; each with its step, field and line. Nothing is saved.
#[utoipa::path(post, path = "/projects/{project}/pipeline/validate", operation_id = "pipeline_validate",
    tag = "pipelines", request_body = PipelineDocument,
    responses((status = 200, description = "Also when it is not valid", body = Validation)))]
pub(crate) async fn validate(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    document: Document,
) -> Result<Answer<Validation>, Problem> {
    let (Document { text, format }, _) = opened(document);
    let found = app.services.pipelines.validate(&caller.principal, &project, &text, format).await?;
    Ok(Answer(found.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comparing {
    /// A version; the one before `to` when it is not said.
    from: Option<u64>,
    /// A version; the latest when it is not said.
    to: Option<u64>,
}

/// Compare two versions of a pipeline
#[utoipa::path(get, path = "/projects/{project}/pipeline/diff", operation_id = "pipeline_diff", tag = "pipelines",
    params(Comparing), responses((status = 200, description = "What is different, by path", body = Diff)))]
pub(crate) async fn diff(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<Comparing>,
) -> Result<Answer<Diff>, Problem> {
    let pipelines = &app.services.pipelines;
    let to = match query.to {
        Some(to) => to,
        None => pipelines.get(&caller.principal, &project).await?.number,
    };
    // The first version is compared with itself where nothing was generated before it.
    let from = query.from.unwrap_or_else(|| to.saturating_sub(1).max(u64::from(to > 0)));
    let changes = pipelines.diff(&caller.principal, &project, from, to).await?;
    Ok(Answer(Diff { from, to, changes: changes.into_iter().map(Into::into).collect() }))
}

/// List the tags that may be chosen for a service of the pipeline
#[utoipa::path(get, path = "/projects/{project}/pipeline/services/{service}/tags", operation_id = "pipeline_tags",
    tag = "pipelines", params(TagListing), responses((status = 200, description = "Kept for a minute", body = Tags)))]
pub(crate) async fn tags(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, service)): Path<(String, String)>,
    Query(query): Query<TagListing>,
) -> Result<Answer<Tags>, Problem> {
    let pipelines = &app.services.pipelines;
    Ok(Answer(pipelines.tags(&caller.principal, &project, &service, &query.into()).await?.into()))
}

/// The JSON Schema of pipelines
#[utoipa::path(get, path = "/schema/pipeline.json", operation_id = "pipeline_schema", tag = "pipelines",
    responses((status = 200, description = "JSON Schema 2020-12, for editors", body = Object)))]
pub(crate) async fn schema() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, pierhead_model::pipeline::schema::text()).into_response()
}
