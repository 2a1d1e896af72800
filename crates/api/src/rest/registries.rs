//! Registries: where images come from, and with which account.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{NewRegistry, RegistryTest as TestView, RegistryView};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::{if_match, location, tagged};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// An OCI registry. Its password goes in and never comes out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registry {
    name: String,
    /// As images name it: `ghcr.io`, `registry.example.com:5000`.
    host: String,
    /// `null` for anonymous access.
    username: Option<String>,
    plain_http: bool,
    /// Hosts other than its own that may get the credentials for a token.
    token_servers: Vec<String>,
    /// Counts the changes: what `ETag` says.
    version: u64,
    created_at: Time,
    updated_at: Time,
}

impl From<RegistryView> for Registry {
    fn from(view: RegistryView) -> Self {
        Self {
            name: view.name.into(),
            host: view.host,
            username: view.username,
            plain_http: view.plain_http,
            token_servers: view.token_servers,
            version: view.version,
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "registry", "host": "registry.example.com:5000", "username": "ci", "password": "…"
}))]
pub(crate) struct RegistryRequest {
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: String,
    /// As images name it. A host has one registry: an image says by its host which account is used.
    host: String,
    /// `null` for anonymous access.
    username: Option<String>,
    /// A password or token. `null` keeps the one that there is for this account and host.
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// Without TLS: the credentials can then be read on the way.
    #[serde(default)]
    plain_http: bool,
    /// Hosts other than its own that may get the credentials for a token.
    #[serde(default)]
    token_servers: Vec<String>,
}

impl From<RegistryRequest> for NewRegistry {
    fn from(new: RegistryRequest) -> Self {
        let RegistryRequest { name, host, username, password, plain_http, token_servers } = new;
        Self { name, host, username, password, plain_http, token_servers }
    }
}

/// What a registry answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistryTest {
    ok: bool,
    /// Whether it accepts the credentials; `false` when there are none.
    authenticated: bool,
    problem: Option<RegistryProblem>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistryProblem {
    /// `unreachable`, `credentials_refused`, …: see `/docs/problems/registry-failed`.
    kind: &'static str,
    detail: String,
}

impl From<TestView> for RegistryTest {
    fn from(view: TestView) -> Self {
        let problem = view.problem.map(|it| RegistryProblem { kind: it.kind, detail: it.detail });
        Self { ok: problem.is_none(), authenticated: view.authenticated, problem }
    }
}

/// List registries
///
/// For admins.
#[utoipa::path(get, path = "/registries", operation_id = "registry_list", tag = "catalogue",
    params(WholeList), responses((status = 200, description = "By name", body = List<Registry>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Registry>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.registries.list(&caller.principal).await?))
}

/// Add a registry
///
/// For admins.
#[utoipa::path(post, path = "/registries", operation_id = "registry_create", tag = "catalogue",
    request_body = RegistryRequest, responses((status = 201, description = "Added", body = Registry)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(new)): Json<Object<RegistryRequest>>,
) -> Result<Response, Problem> {
    let view = app.services.registries.create(&caller.principal, new.into()).await?;
    let location = location(&format!("registries/{}", view.name));
    Ok((location, tagged(StatusCode::CREATED, view.version, Registry::from(view))).into_response())
}

/// Show a registry
///
/// For admins.
#[utoipa::path(get, path = "/registries/{registry}", operation_id = "registry_get", tag = "catalogue",
    responses((status = 200, description = "`ETag` is its version", body = Registry)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(registry): Path<String>,
) -> Result<Response, Problem> {
    let view = app.services.registries.get(&caller.principal, &registry).await?;
    Ok(tagged(StatusCode::OK, view.version, Registry::from(view)))
}

/// Change a registry
///
/// For admins. `If-Match` makes sure that nobody else changed it meanwhile.
#[utoipa::path(put, path = "/registries/{registry}", operation_id = "registry_replace", tag = "catalogue",
    request_body = RegistryRequest, responses((status = 200, description = "As it is now", body = Registry)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(registry): Path<String>,
    headers: HeaderMap,
    Json(Object(new)): Json<Object<RegistryRequest>>,
) -> Result<Response, Problem> {
    let version = if_match(&headers)?;
    let view = app.services.registries.replace(&caller.principal, &registry, new.into(), version).await?;
    Ok(tagged(StatusCode::OK, view.version, Registry::from(view)))
}

/// Remove a registry
///
/// For admins. Its images are then asked for without an account.
#[utoipa::path(delete, path = "/registries/{registry}", operation_id = "registry_delete", tag = "catalogue",
    responses((status = 204, description = "Removed, with its credentials")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(registry): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.registries.delete(&caller.principal, &registry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test the connection to a registry
///
/// For admins. The answer is 200 also when the test fails: `ok` says it.
#[utoipa::path(post, path = "/registries/{registry}/test", operation_id = "registry_test", tag = "catalogue",
    responses((status = 200, description = "What it answered", body = RegistryTest)))]
pub(crate) async fn test(
    State(app): State<Shared>,
    caller: Caller,
    Path(registry): Path<String>,
) -> Result<Answer<RegistryTest>, Problem> {
    Ok(Answer(app.services.registries.test(&caller.principal, &registry).await?.into()))
}
