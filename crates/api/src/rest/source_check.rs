//! Whether a project's provider reaches us.

use axum::Json as Answer;
use axum::extract::State;
use pierhead_control::Reach;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::access::Caller;
use crate::extract::Path;
use crate::problem::Problem;

/// What a check of a project's webhooks came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceCheck {
    reach: SourceReach,
    /// What happened, and what to do about it.
    #[schema(example = "GitHub reached us: its `ping` was here 340 ms after we asked for it.")]
    detail: String,
}

/// Whether a provider's webhooks arrive.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceReach {
    Reached,
    Unreached,
    /// Nobody can be asked: the project is not connected, or its provider does not answer.
    Unknown,
}

/// Find out whether a project's provider reaches us
///
/// Its service is asked to send something by the webhook, and either that arrives or the answer says why it could not be
/// delivered. It may take some seconds.
#[utoipa::path(post, path = "/projects/{project}/source/check", operation_id = "source_check", tag = "sources",
    responses((status = 200, description = "What it came to", body = SourceCheck)))]
pub(crate) async fn check(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Answer<SourceCheck>, Problem> {
    let pierhead_control::SourceCheck { reach, detail } =
        app.services.sources.check(&caller.principal, &project).await?;
    let reach = match reach {
        Reach::Reached => SourceReach::Reached,
        Reach::Unreached => SourceReach::Unreached,
        Reach::Unknown => SourceReach::Unknown,
    };
    Ok(Answer(SourceCheck { reach, detail }))
}
