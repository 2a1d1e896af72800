//! Deployments: made, looked at, cancelled, repeated, rolled back, deleted.

use std::time::Duration;

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{DeploymentFilter, DeploymentView, NewDeployment, QuickDeployment};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::deployment::Deployment;
use super::list::{List, page};
use super::projects::location;
use super::settings::Build;
use super::values::State as StateName;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query, object};
use crate::problem::Problem;

/// Longest that a call may wait for a deployment, in seconds.
const LONGEST_WAIT_S: u64 = 60;

pub(super) type Accepted = (StatusCode, [(HeaderName, String); 1], Answer<Deployment>);

pub(super) fn accepted(view: DeploymentView) -> Accepted {
    let location = location(&format!("deployments/{}", view.id));
    (StatusCode::ACCEPTED, location, Answer(view.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "repository": "https://github.com/team/shop", "branch": "main" }))]
pub(crate) struct QuickDeploymentRequest {
    /// `https://host/path` or `ssh://user@host/path`.
    repository: String,
    /// The repository's default branch when nothing is said.
    branch: Option<String>,
    /// A folder inside the repository.
    root_directory: Option<String>,
    /// Of the project that is made when there is none.
    name: Option<String>,
    #[serde(default, deserialize_with = "object")]
    build: Build,
}

/// Deploy a repository
///
/// The quick way: finds the project of this repository, branch and folder, or makes one, and deploys it.
#[utoipa::path(post, path = "/deployments", operation_id = "deploy", tag = "deployments",
    request_body = QuickDeploymentRequest, responses((status = 202, description = "Accepted; watch `Location`", body = Deployment)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<QuickDeploymentRequest>>,
) -> Result<Accepted, Problem> {
    let QuickDeploymentRequest { repository, branch, root_directory, name, build } = body;
    let new = QuickDeployment { repository, branch, root_directory, name, build: build.into() };
    Ok(accepted(app.services.deployments.deploy_repository(&caller.principal, new).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "slot": "production", "ref": "main", "no_cache": false }))]
pub(crate) struct DeploymentRequest {
    /// `local` when nothing is said.
    environment: Option<String>,
    /// `production` when nothing is said.
    slot: Option<String>,
    /// A branch, tag or commit instead of the project's branch.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Build without what earlier builds kept.
    #[serde(default)]
    no_cache: bool,
    /// Of a pipeline: the tag of each service that lets it be chosen; the others run their default.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Of a pipeline: the values of its parameters.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    /// Files that were handed over with `POST /projects/{project}/uploads`, instead of the repository's.
    upload: Option<String>,
    /// An image that is run as it is, instead of what the repository would be built to.
    image: Option<String>,
}

/// Deploy a project
#[utoipa::path(post, path = "/projects/{project}/deployments", operation_id = "project_deploy", tag = "deployments",
    request_body = DeploymentRequest, responses((status = 202, description = "Accepted; watch `Location`", body = Deployment)))]
pub(crate) async fn create_in_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<DeploymentRequest>>,
) -> Result<Accepted, Problem> {
    let DeploymentRequest { environment, slot, reference, no_cache, tags, parameters, upload, image } = body;
    let inputs = pierhead_control::inputs(&tags, &parameters)?;
    let new = NewDeployment { slot, reference, no_cache, environment, inputs, upload, image };
    Ok(accepted(app.services.deployments.deploy_project(&caller.principal, &project, new).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// Seconds to wait for the end before answering.
    #[param(maximum = 60)]
    wait: Option<u64>,
    /// What to wait for.
    #[param(inline)]
    until: Option<Until>,
}

/// What a call waits for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// Live, or ended: nothing more happens by itself.
    Terminal,
}

/// Show a deployment
///
/// With `?wait=60` the answer comes when it is live or has ended, at the latest after so many seconds.
#[utoipa::path(get, path = "/deployments/{id}", operation_id = "deployment_get", tag = "deployments",
    params(Waiting), responses((status = 200, description = "The deployment as it is now", body = Deployment)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<Waiting>,
) -> Result<Answer<Deployment>, Problem> {
    let Waiting { wait, until: None | Some(Until::Terminal) } = query;
    let wait = wait.unwrap_or(0);
    if wait > LONGEST_WAIT_S {
        return Err(Problem::invalid("/wait", format!("must be between 0 and {LONGEST_WAIT_S}")));
    }
    let at_most = Duration::from_secs(wait);
    Ok(Answer(app.services.deployments.wait(&caller.principal, &id, at_most).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    project: Option<String>,
    /// A slot of that project.
    slot: Option<String>,
    /// Repeated, any of them.
    #[serde(default)]
    state: Vec<StateName>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List deployments
#[utoipa::path(get, path = "/deployments", operation_id = "deployment_list", tag = "deployments",
    params(Listing), responses((status = 200, description = "Newest first", body = List<Deployment>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<List<Deployment>, Problem> {
    if query.slot.is_some() && query.project.is_none() {
        return Err(Problem::invalid(
            "/slot",
            "needs `project`: slots of two projects may be called the same",
        ));
    }
    let states = query.state.into_iter().map(Into::into).collect();
    let filter = DeploymentFilter { project: query.project, slot: query.slot, states };
    let page = page(query.cursor, query.limit);
    Ok(List::of(app.services.deployments.list(&caller.principal, &filter, &page).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListingOfProject {
    slot: Option<String>,
    /// Repeated, any of them.
    #[serde(default)]
    state: Vec<StateName>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List the deployments of a project
#[utoipa::path(get, path = "/projects/{project}/deployments", operation_id = "project_deployment_list",
    tag = "deployments", params(ListingOfProject), responses((status = 200, description = "Newest first", body = List<Deployment>)))]
pub(crate) async fn list_of_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<ListingOfProject>,
) -> Result<List<Deployment>, Problem> {
    let ListingOfProject { slot, state, cursor, limit } = query;
    list(State(app), caller, Query(Listing { project: Some(project), slot, state, cursor, limit })).await
}

/// Cancel a deployment that is on its way
///
/// It has happened when the deployment is FAILED with the reason `cancelled`.
#[utoipa::path(post, path = "/deployments/{id}/cancel", operation_id = "deployment_cancel", tag = "deployments",
    responses((status = 202, description = "Asked for", body = Deployment)))]
pub(crate) async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Accepted, Problem> {
    Ok(accepted(app.services.deployments.cancel(&caller.principal, &id).await?))
}

/// Build and deploy the same again
///
/// Of a deployment that has ended, with the variables it had.
#[utoipa::path(post, path = "/deployments/{id}/redeploy", operation_id = "deployment_redeploy", tag = "deployments",
    responses((status = 202, description = "A new deployment; watch `Location`", body = Deployment)))]
pub(crate) async fn redeploy(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Accepted, Problem> {
    Ok(accepted(app.services.deployments.redeploy(&caller.principal, &id).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackQuery {
    /// As `current_variables` in the body.
    #[serde(default)]
    current_variables: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "current_variables": false }))]
pub(crate) struct RollbackRequest {
    /// With the variables of today instead of those it had.
    #[serde(default)]
    current_variables: bool,
}

/// Make an earlier deployment's release live again
///
/// Nothing is built: the release is still there.
#[utoipa::path(post, path = "/deployments/{id}/rollback", operation_id = "deployment_rollback", tag = "deployments",
    request_body = RollbackRequest, params(RollbackQuery), responses((status = 202, description = "A new deployment; watch `Location`", body = Deployment)))]
pub(crate) async fn rollback(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<RollbackQuery>,
    Json(Object(body)): Json<Object<RollbackRequest>>,
) -> Result<Accepted, Problem> {
    let current = query.current_variables || body.current_variables;
    Ok(accepted(app.services.deployments.rollback(&caller.principal, &id, current).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InSlot {
    /// `production` when nothing is said.
    slot: Option<String>,
}

/// Go back to what was live before
#[utoipa::path(post, path = "/projects/{project}/rollback", operation_id = "project_rollback", tag = "deployments",
    params(InSlot), responses((status = 202, description = "A new deployment; watch `Location`", body = Deployment)))]
pub(crate) async fn rollback_slot(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<InSlot>,
) -> Result<Accepted, Problem> {
    let slot = query.slot.as_deref();
    let rolled_back = Box::pin(app.services.deployments.rollback_slot(&caller.principal, &project, slot));
    Ok(accepted(rolled_back.await?))
}

/// Delete a deployment that has ended
///
/// One that is on its way is cancelled instead (202); the live one is protected (409).
#[utoipa::path(delete, path = "/deployments/{id}", operation_id = "deployment_delete", tag = "deployments",
    responses((status = 204, description = "Gone"), (status = 202, description = "It is being cancelled; watch `Location`")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let before = app.services.deployments.get(&caller.principal, &id).await?;
    app.services.deployments.delete(&caller.principal, &id).await?;
    if before.state.is_in_progress() {
        let location = location(&format!("deployments/{}", before.id));
        return Ok((StatusCode::ACCEPTED, location).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
