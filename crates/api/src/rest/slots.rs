//! Slots.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pierhead_control::SlotView;
use serde::Serialize;

use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
pub(crate) struct Slot {
    name: String,
    environment: String,
    url: String,
    live: Option<String>,
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

#[derive(Debug, Serialize)]
pub(crate) struct SlotList {
    items: Vec<Slot>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
) -> Result<Answer<SlotList>, Problem> {
    let items = services.slots.list(&principal, &project).await?;
    Ok(Answer(SlotList { items: items.into_iter().map(Into::into).collect(), next_cursor: None }))
}

pub(crate) async fn get(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path((project, slot)): Path<(String, String)>,
) -> Result<Answer<Slot>, Problem> {
    Ok(Answer(services.slots.get(&principal, &project, &slot).await?.into()))
}

pub(crate) async fn delete(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path((project, slot)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    services.slots.delete(&principal, &project, &slot).await?;
    Ok(StatusCode::ACCEPTED)
}
