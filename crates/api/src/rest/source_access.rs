//! How a project's repository is entered: a deploy key, a token, the keys of ssh servers.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::AccessView;
use pierhead_model::git_access::HostKey;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::sources::{Following, following};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// How a repository is entered. What is secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceAccess {
    /// `token` or `key`; `null` when nothing is shown to the server.
    credential: Option<String>,
    /// The server that the credential is for; no other one gets it.
    server: Option<String>,
    /// What is sent beside a token.
    username: Option<String>,
    /// Of a deploy key: what belongs into the repository's settings.
    public_key: Option<String>,
    /// Where to paste that, when the service's pages are known.
    settings_url: Option<String>,
    created_by: Option<String>,
    created_at: Option<Time>,
    /// Why it is not used.
    unused: Option<String>,
    /// Keys of ssh servers that somebody approved.
    host_keys: Vec<SourceHostKey>,
}

impl From<AccessView> for SourceAccess {
    fn from(view: AccessView) -> Self {
        Self {
            credential: view.kind,
            server: view.authority,
            username: view.username,
            public_key: view.public_key,
            settings_url: view.settings_url,
            created_by: view.created_by,
            created_at: view.created_at.map(Time),
            unused: view.unused,
            host_keys: view.host_keys.iter().map(Into::into).collect(),
        }
    }
}

/// A key by which an ssh server is known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceHostKey {
    server: String,
    algorithm: String,
    /// As ssh and the server's operator show it.
    fingerprint: String,
    /// Its operator publishes it, and Pierhead knows it: it needs no approval.
    published: bool,
}

impl From<&HostKey> for SourceHostKey {
    fn from(key: &HostKey) -> Self {
        Self {
            server: key.host.clone(),
            algorithm: key.algorithm.clone(),
            fingerprint: key.fingerprint(),
            published: key.is_published(),
        }
    }
}

/// A token for a repository over https.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "glpat-0123456789" }))]
pub(crate) struct SourceToken {
    /// Most servers take any name beside a token; theirs is used when it is left out.
    username: Option<String>,
    /// It is kept sealed and never shown.
    #[schema(value_type = String, write_only)]
    token: SecretString,
}

/// Give a project a token for its repository
///
/// For an https address. It is sent to the server that the repository is on now and to no other one; a new one takes the place
/// of what was there.
#[utoipa::path(put, path = "/projects/{project}/source/token", operation_id = "source_token_put", tag = "sources",
    request_body = SourceToken, responses((status = 200, description = "As it is now", body = Following)))]
pub(crate) async fn put_token(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<SourceToken>>,
) -> Result<Answer<Following>, Problem> {
    let SourceToken { username, token } = body;
    let view = app.services.sources.put_token(&caller.principal, &project, (username, token)).await?;
    Ok(Answer(following(&project, view)))
}

/// Make a deploy key for a project's repository
///
/// For an ssh address. The private half stays here, sealed; the public half belongs into the repository's settings. The key that
/// was there is good no longer.
#[utoipa::path(post, path = "/projects/{project}/source/deploy-key", operation_id = "source_deploy_key_make", tag = "sources",
    responses((status = 201, description = "The public half is in `access`", body = Following)))]
pub(crate) async fn make_deploy_key(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<(StatusCode, Answer<Following>), Problem> {
    let view = app.services.sources.make_deploy_key(&caller.principal, &project).await?;
    Ok((StatusCode::CREATED, Answer(following(&project, view))))
}

/// Forget a project's token or deploy key
///
/// Nothing happens when there is none. It stays good at the server until it is taken away there too.
#[utoipa::path(delete, path = "/projects/{project}/source/credential", operation_id = "source_credential_delete", tag = "sources",
    responses((status = 204, description = "There is none any more")))]
pub(crate) async fn delete_credential(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.sources.delete_credential(&caller.principal, &project).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show the keys of a repository's ssh server
///
/// Asks the server now. Compare them with what its operator publishes before one is approved.
#[utoipa::path(get, path = "/projects/{project}/source/host-keys", operation_id = "source_host_key_list", tag = "sources",
    params(WholeList), responses((status = 200, description = "The strongest first", body = List<SourceHostKey>)))]
pub(crate) async fn host_keys(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<SourceHostKey>, Problem> {
    query.check()?;
    let shown = app.services.sources.shown_host_keys(&caller.principal, &project).await?;
    Ok(List::whole(&shown))
}

/// The key that is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "fingerprint": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" }))]
pub(crate) struct HostKeyApproval {
    fingerprint: String,
}

/// Approve a key of a repository's ssh server
///
/// The server must show it now. It takes the place of the one that was approved before; it counts for this project only.
#[utoipa::path(post, path = "/projects/{project}/source/host-keys", operation_id = "source_host_key_approve", tag = "sources",
    request_body = HostKeyApproval, responses((status = 200, description = "As it is now", body = Following)))]
pub(crate) async fn approve_host_key(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<HostKeyApproval>>,
) -> Result<Answer<Following>, Problem> {
    let view = app.services.sources.approve_host_key(&caller.principal, &project, &body.fingerprint).await?;
    Ok(Answer(following(&project, view)))
}
