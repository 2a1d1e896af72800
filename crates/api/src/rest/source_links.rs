//! How a project is connected with the service that has its repository.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{LinkView, NewLink};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sources::{Following, following};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path};
use crate::problem::Problem;

/// How a project is connected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceConnection {
    /// `github_app`, `github`, `gitlab` or `gitea`.
    provider: String,
    /// As the service names it.
    repository: String,
    api_url: String,
    /// Whether Pierhead made a webhook there.
    webhook: bool,
    /// Why it is not used.
    unused: Option<String>,
    /// Why something was not told there.
    problem: Option<String>,
    created_by: String,
    created_at: Time,
}

impl From<LinkView> for SourceConnection {
    fn from(view: LinkView) -> Self {
        let LinkView { provider, repository, api_url, webhook, unused, problem, created_by, created_at } =
            view;
        let created_at = created_at.into();
        Self { provider, repository, api_url, webhook, unused, problem, created_by, created_at }
    }
}

/// How a project shall be connected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "github_app" }))]
pub(crate) struct SourceConnectionRequest {
    /// `github_app`, or with a token: `github`, `gitlab`, `gitea` (for Forgejo too).
    provider: String,
    /// It is kept sealed and never shown.
    #[schema(value_type = Option<String>, write_only)]
    token: Option<SecretString>,
    /// Where the API is, when it is not where the repository's server has it.
    api_url: Option<String>,
}

/// Connect a project with its repository's service
///
/// From then on the repository is entered through it, and statuses, deployments and a comment below pull requests are written
/// there. Who connects proves that they may write to the repository: by their own account, or by the token. It is for the
/// repository and the owner that the project has now.
#[utoipa::path(put, path = "/projects/{project}/source/connection", operation_id = "source_connect", tag = "sources",
    request_body = SourceConnectionRequest, responses((status = 200, description = "As it is now", body = Following)))]
pub(crate) async fn connect(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<SourceConnectionRequest>>,
) -> Result<Answer<Following>, Problem> {
    let SourceConnectionRequest { provider, token, api_url } = body;
    let (sources, github) = (&app.services.sources, &app.services.github);
    let new = NewLink { provider, token, api_url };
    let view = sources.connect(&caller.principal, github, &project, new).await?;
    Ok(Answer(following(&project, view)))
}

/// Disconnect a project from its repository's service
///
/// A webhook that Pierhead made there is taken away. Nothing happens when it is not connected.
#[utoipa::path(delete, path = "/projects/{project}/source/connection", operation_id = "source_disconnect", tag = "sources",
    responses((status = 204, description = "It is not connected")))]
pub(crate) async fn disconnect(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.sources.disconnect(&caller.principal, &project).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a project's webhook at its service
///
/// With the project's own secret, which is made if there is none. For projects that are connected with a token: an app has its
/// own webhook.
#[utoipa::path(post, path = "/projects/{project}/source/webhook", operation_id = "source_webhook_make", tag = "sources",
    responses((status = 201, description = "It is there", body = Following)))]
pub(crate) async fn make_hook(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<(StatusCode, Answer<Following>), Problem> {
    let view = app.services.sources.make_hook(&caller.principal, &project).await?;
    Ok((StatusCode::CREATED, Answer(following(&project, view))))
}

/// Take a project's webhook away at its service
///
/// The one that Pierhead made; nothing happens when there is none.
#[utoipa::path(delete, path = "/projects/{project}/source/webhook", operation_id = "source_webhook_remove", tag = "sources",
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove_hook(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.sources.remove_hook(&caller.principal, &project).await?;
    Ok(StatusCode::NO_CONTENT)
}
