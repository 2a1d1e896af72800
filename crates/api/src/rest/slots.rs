//! Slots: the stable places of a project.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{NewClone, SlotView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Deployment;
use super::deployments::{Accepted, accepted};
use super::list::{List, WholeList};
use super::projects::location;
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A stable place with a hostname; at most one deployment is live in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Slot {
    name: String,
    environment: String,
    url: String,
    /// The deployment that is live.
    live: Option<String>,
    /// The newest deployment, whatever became of it.
    latest: Option<String>,
    /// Seconds without activity after which it is deleted; `null` for never.
    lifetime_s: Option<u32>,
    /// When it is deleted unless it is needed again; `null` for never.
    expires_at: Option<Time>,
    deleting: bool,
}

impl From<SlotView> for Slot {
    fn from(view: SlotView) -> Self {
        Self {
            name: view.name.to_string(),
            environment: view.environment.to_string(),
            url: view.url,
            live: view.live.map(|id| id.to_string()),
            latest: view.latest.map(|id| id.to_string()),
            lifetime_s: view.lifetime_s,
            expires_at: view.expires_at.map(Into::into),
            deleting: view.deleting,
        }
    }
}

/// List the slots of a project
#[utoipa::path(get, path = "/projects/{project}/slots", operation_id = "slot_list", tag = "slots",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Slot>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Slot>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.slots.list(&caller.principal, &project).await?))
}

/// Show a slot
#[utoipa::path(get, path = "/projects/{project}/slots/{slot}", operation_id = "slot_get", tag = "slots",
    responses((status = 200, description = "The slot", body = Slot)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, slot)): Path<(String, String)>,
) -> Result<Answer<Slot>, Problem> {
    Ok(Answer(app.services.slots.get(&caller.principal, &project, &slot).await?.into()))
}

/// Delete a slot with what is live in it
#[utoipa::path(delete, path = "/projects/{project}/slots/{slot}", operation_id = "slot_delete", tag = "slots",
    responses((status = 202, description = "Begun; watch `Location`")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, slot)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let view = app.services.slots.get(&caller.principal, &project, &slot).await?;
    let project = app.services.projects.get(&caller.principal, &project).await?.name;
    app.services.slots.delete(&caller.principal, project.as_str(), &slot).await?;
    let path = format!("projects/{project}/slots/{}", view.name);
    Ok((StatusCode::ACCEPTED, location(&path)).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "lifetime_s": 259_200 }))]
pub(crate) struct ExtendRequest {
    /// Another lifetime from now on, in seconds; 0 for ever. Without it, the one it has begins anew.
    lifetime_s: Option<u32>,
}

/// Keep a slot for longer
///
/// Its lifetime begins anew. 409 when it is being deleted already.
#[utoipa::path(post, path = "/projects/{project}/slots/{slot}/extend", operation_id = "slot_extend", tag = "slots",
    request_body = ExtendRequest, responses((status = 200, description = "With the new `expires_at`", body = Slot)))]
pub(crate) async fn extend(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, slot)): Path<(String, String)>,
    Json(Object(body)): Json<Object<ExtendRequest>>,
) -> Result<Answer<Slot>, Problem> {
    let slots = &app.services.slots;
    Ok(Answer(slots.extend(&caller.principal, &project, &slot, body.lifetime_s).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "slot": "checkout-bugfix", "tags": { "api": "v3" } }))]
pub(crate) struct CloneRequest {
    /// The name of the copy; there must be no slot of that name.
    slot: String,
    /// Image tags by service, instead of those of the slot that is copied.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Values of parameters, instead of those of the slot that is copied.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// Make a copy of a slot
///
/// A new deployment in a new slot beside it: the latest version of the pipeline with what was chosen in the slot, or the commit
/// that it has. Its volumes begin empty.
#[utoipa::path(post, path = "/projects/{project}/slots/{slot}/clone", operation_id = "slot_clone", tag = "slots",
    request_body = CloneRequest, responses((status = 202, description = "Accepted; watch `Location`", body = Deployment)))]
pub(crate) async fn clone(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, slot)): Path<(String, String)>,
    Json(Object(body)): Json<Object<CloneRequest>>,
) -> Result<Accepted, Problem> {
    let inputs = pierhead_control::inputs(&body.tags, &body.parameters)?;
    let clone = NewClone { slot: body.slot, inputs };
    let deployments = &app.services.deployments;
    Ok(accepted(deployments.clone_slot(&caller.principal, &project, &slot, clone).await?))
}
