//! What would be built of a repository.

use axum::Json as Answer;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::plan::Plan;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "repository": "https://github.com/team/shop", "branch": "main" }))]
pub(crate) struct Detect {
    /// `https://host/path` or `ssh://user@host/path`.
    repository: String,
    /// The repository's default branch when nothing is said.
    branch: Option<String>,
    /// A folder inside the repository.
    root_directory: Option<String>,
}

/// Say what would be built of a repository
///
/// Fetches it and looks at its files; nothing is built or stored.
#[utoipa::path(post, path = "/detect", operation_id = "detect", tag = "deployments",
    request_body = Detect, responses((status = 200, description = "The plan, with a reason for each value", body = Plan)))]
pub(crate) async fn detect(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<Detect>>,
) -> Result<Answer<Plan>, Problem> {
    let (branch, root) = (body.branch.as_deref(), body.root_directory.as_deref());
    let plan = app.services.detection.detect(&caller.principal, &body.repository, branch, root).await?;
    Ok(Answer(plan.into()))
}
