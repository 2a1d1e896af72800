//! Environments.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{EnvironmentChange, NewEnvironment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::location;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// Where deployments run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Environment {
    id: String,
    name: String,
    /// Hostnames end in it.
    base_domain: String,
    /// `docker`.
    driver: &'static str,
    /// How long slots live that nobody extends, in seconds, unless their project says otherwise; `null` is for ever.
    lifetime_s: Option<u32>,
    /// Whether everybody who is signed in may deploy there; otherwise only teams that were granted it.
    open: bool,
}

impl From<pierhead_control::EnvironmentView> for Environment {
    fn from(view: pierhead_control::EnvironmentView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            base_domain: view.base_domain.to_string(),
            driver: "docker",
            lifetime_s: view.lifetime_s,
            open: view.open,
        }
    }
}

/// List environments
#[utoipa::path(get, path = "/environments", operation_id = "environment_list", tag = "environments",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Environment>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Environment>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.environments.list(&caller.principal).await?))
}

/// Show an environment
#[utoipa::path(get, path = "/environments/{environment}", operation_id = "environment_get", tag = "environments",
    responses((status = 200, description = "The environment", body = Environment)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
) -> Result<Answer<Environment>, Problem> {
    Ok(Answer(app.services.environments.get(&caller.principal, &environment).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "qa", "base_domain": "qa.example.com", "lifetime_s": 86400 }))]
pub(crate) struct NewEnvironmentRequest {
    /// Part of hostnames: small letters, digits and `-`.
    name: String,
    /// Hostnames end in it.
    base_domain: String,
    /// How long slots live that nobody extends, in seconds; without it, or with 0, for ever.
    #[serde(default)]
    lifetime_s: Option<u32>,
    /// Whether everybody who is signed in may deploy there; otherwise only teams that are granted it.
    #[serde(default)]
    open: bool,
}

/// Make an environment
///
/// It runs nothing until it has a node.
#[utoipa::path(post, path = "/environments", operation_id = "environment_create", tag = "environments",
    request_body = NewEnvironmentRequest, responses((status = 201, description = "Made", body = Environment)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<NewEnvironmentRequest>>,
) -> Result<Response, Problem> {
    let NewEnvironmentRequest { name, base_domain, lifetime_s, open } = body;
    let new = NewEnvironment { name, base_domain, lifetime_s, open };
    let made = app.services.environments.create(&caller.principal, new).await?;
    let place = location(&format!("environments/{}", made.name));
    Ok((StatusCode::CREATED, place, Answer(Environment::from(made))).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "lifetime_s": 86400 }))]
pub(crate) struct EnvironmentPatch {
    /// How long slots live that nobody extends, in seconds; 0 for ever. Slots that are there keep their time until they are
    /// deployed into or extended.
    lifetime_s: Option<u32>,
    /// Whether everybody who is signed in may deploy there.
    open: Option<bool>,
}

/// Change an environment
#[utoipa::path(patch, path = "/environments/{environment}", operation_id = "environment_update", tag = "environments",
    request_body = EnvironmentPatch, responses((status = 200, description = "Changed", body = Environment)))]
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Json(Object(body)): Json<Object<EnvironmentPatch>>,
) -> Result<Answer<Environment>, Problem> {
    let change = EnvironmentChange { lifetime_s: body.lifetime_s, open: body.open };
    let changed = app.services.environments.update(&caller.principal, &environment, change).await?;
    Ok(Answer(changed.into()))
}
