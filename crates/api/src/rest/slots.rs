//! Slots: the stable places of a project.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::SlotView;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::location;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, Query};
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
