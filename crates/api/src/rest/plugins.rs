//! Plugins: container images that do one setup action, registered by admins.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::Listed;
use pierhead_model::pipeline::definition::NetworkAccess;
use pierhead_model::pipeline::plugin::PluginDeclaration;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::{if_match, location, tagged};
use super::services::readable;
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Document, Path, Query};
use crate::problem::Problem;

/// A registered plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugin {
    name: String,
    description: String,
    /// Without tag and digest: each pipeline pins its own.
    image: String,
    /// JSON Schema of its parameters.
    #[schema(value_type = Object)]
    schema: Value,
    /// What it leaves for later steps; `null` when that is not known before it ran.
    outputs: Option<Vec<String>>,
    /// Whether it is also asked to undo what it made.
    destroys: bool,
    /// Of one attempt, unless a step says otherwise.
    timeout_s: u32,
    /// The most a step may ask for: `none`, `deployment` or `internet`.
    network: &'static str,
    /// `memory_mb`, `cpu`, `pids`; what is not set is the platform's.
    #[schema(value_type = Object)]
    resources: Value,
    /// Counts the changes: what `ETag` says.
    version: u64,
    created_by: String,
    created_at: Time,
    updated_at: Time,
}

impl From<Listed<PluginDeclaration>> for Plugin {
    fn from(listed: Listed<PluginDeclaration>) -> Self {
        let plugin = listed.entry;
        Self {
            name: plugin.name,
            description: plugin.description,
            image: plugin.repository,
            schema: plugin.schema,
            outputs: plugin.outputs.map(|names| names.into_iter().map(Into::into).collect()),
            destroys: plugin.destroys,
            timeout_s: plugin.timeout_s,
            network: match plugin.network {
                NetworkAccess::None => "none",
                NetworkAccess::Deployment => "deployment",
                NetworkAccess::Internet => "internet",
            },
            resources: serde_json::to_value(plugin.resources).unwrap_or_default(),
            version: listed.version,
            created_by: listed.created_by,
            created_at: listed.created_at.into(),
            updated_at: listed.updated_at.into(),
        }
    }
}

/// A plugin as it is registered: `name`, `image` without a tag, `description`, `schema`, `outputs`, `destroys`, `timeout_s`,
/// `network`, `resources`. YAML is understood too.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "plugin",
    "image": "ghcr.io/acme/create-database",
    "description": "Creates a PostgreSQL database",
    "schema": {
        "type": "object",
        "required": ["host", "name"],
        "properties": { "host": { "type": "string" }, "name": { "type": "string" } }
    },
    "outputs": ["url"],
    "destroys": true,
    "timeout_s": 60,
    "network": "deployment"
}))]
#[expect(dead_code, reason = "describes a document that is read further in")]
pub(crate) struct PluginDocument {
    name: String,
    image: String,
    #[schema(value_type = Object, additional_properties)]
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// List plugins
#[utoipa::path(get, path = "/plugins", operation_id = "plugin_list", tag = "catalogue",
    params(WholeList), responses((status = 200, description = "By name", body = List<Plugin>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Plugin>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.catalogue.plugins(&caller.principal).await?))
}

/// Register a plugin
///
/// For admins.
#[utoipa::path(post, path = "/plugins", operation_id = "plugin_create", tag = "catalogue",
    request_body = PluginDocument, responses((status = 201, description = "Registered", body = Plugin)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let Document { text, format } = readable(document);
    let made = app.services.catalogue.create_plugin(&caller.principal, &text, format).await?;
    let location = location(&format!("plugins/{}", made.name));
    Ok((location, tagged(StatusCode::CREATED, made.version, Plugin::from(made))).into_response())
}

/// Show a plugin
#[utoipa::path(get, path = "/plugins/{plugin}", operation_id = "plugin_get", tag = "catalogue",
    responses((status = 200, description = "`ETag` is its version", body = Plugin)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(plugin): Path<String>,
) -> Result<Response, Problem> {
    let found = app.services.catalogue.plugin(&caller.principal, &plugin).await?;
    Ok(tagged(StatusCode::OK, found.version, Plugin::from(found)))
}

/// Change a plugin
///
/// For admins. Pipelines are checked against it when they are saved and again when they run.
#[utoipa::path(put, path = "/plugins/{plugin}", operation_id = "plugin_replace", tag = "catalogue",
    request_body = PluginDocument, responses((status = 200, description = "As it is now", body = Plugin)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(plugin): Path<String>,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let (version, Document { text, format }) = (if_match(&headers)?, readable(document));
    let catalogue = &app.services.catalogue;
    let changed = catalogue.replace_plugin(&caller.principal, &plugin, &text, format, version).await?;
    Ok(tagged(StatusCode::OK, changed.version, Plugin::from(changed)))
}

/// Remove a plugin
///
/// For admins. Pipelines that use it cannot be saved or run any more.
#[utoipa::path(delete, path = "/plugins/{plugin}", operation_id = "plugin_delete", tag = "catalogue",
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(plugin): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.catalogue.delete_plugin(&caller.principal, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}
