//! Notifications: who is told when something happens to a project's deployments, and what was told.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{NewNoticeEndpoint, NoticeEndpointView, StoredNotice};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// Somebody who is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notification {
    name: String,
    /// `standard`, `slack`, `discord` or `email`.
    format: String,
    /// Where it is sent; the rest of the address is as good as a password and not shown.
    host: String,
    /// `deployment.started`, `deployment.live`, `deployment.failed`.
    events: Vec<String>,
    created_by: String,
    created_at: Time,
}

impl From<NoticeEndpointView> for Notification {
    fn from(view: NoticeEndpointView) -> Self {
        Self {
            name: view.name.to_string(),
            format: view.format.to_string(),
            host: view.host,
            events: view.events.iter().map(ToString::to_string).collect(),
            created_by: view.created_by,
            created_at: view.created_at.into(),
        }
    }
}

/// Somebody who shall be told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "team-chat", "format": "slack", "url": "https://hooks.example.com/services/1" }))]
pub(crate) struct NotificationRequest {
    name: String,
    /// `standard` is a signed [Standard Webhook](https://www.standardwebhooks.com).
    format: String,
    /// An e-mail address for `email`. It is kept sealed.
    #[schema(value_type = String, write_only)]
    url: SecretString,
    /// Everything when it is left out.
    #[serde(default)]
    events: Vec<String>,
}

/// A notification that was added.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationMade {
    name: String,
    format: String,
    host: String,
    events: Vec<String>,
    /// Of a standard one: what it is signed with. It is not shown again.
    secret: Option<String>,
}

/// Something that was told, or will be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentNotification {
    id: String,
    event: String,
    deployment: Option<String>,
    /// `pending`, `delivered` or `failed`.
    state: String,
    attempts: u32,
    /// What the last attempt came to.
    answer: Option<String>,
    created_at: Time,
    next_attempt_at: Option<Time>,
    ended_at: Option<Time>,
    /// What is sent; `null` before the first attempt.
    body: Option<String>,
}

impl From<StoredNotice> for SentNotification {
    fn from(stored: StoredNotice) -> Self {
        Self {
            id: stored.id,
            event: stored.notice.kind.to_string(),
            deployment: stored.notice.deployment.map(|id| id.to_string()),
            state: stored.state.to_string(),
            attempts: stored.attempts,
            answer: stored.answer,
            created_at: stored.created_at.into(),
            next_attempt_at: stored.next_at.map(Time),
            ended_at: stored.ended_at.map(Time),
            body: stored.body,
        }
    }
}

/// Which one was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationBegun {
    id: String,
}

/// List a project's notifications
#[utoipa::path(get, path = "/projects/{project}/notifications", operation_id = "notification_list", tag = "notifications",
    params(WholeList), responses((status = 200, description = "By name", body = List<Notification>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Notification>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.notices.list(&caller.principal, &project).await?))
}

/// Add a notification to a project
///
/// Whoever it is for is told of every deployment from now on: at least once, tried again for a day when that fails, each attempt
/// with the same `webhook-id` and the same body.
#[utoipa::path(post, path = "/projects/{project}/notifications", operation_id = "notification_create", tag = "notifications",
    request_body = NotificationRequest, responses((status = 201, description = "The secret is not shown again", body = NotificationMade)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<NotificationRequest>>,
) -> Result<(StatusCode, Answer<NotificationMade>), Problem> {
    let NotificationRequest { name, format, url, events } = body;
    let new = NewNoticeEndpoint { name, format, url, events };
    let (view, secret) = app.services.notices.create(&caller.principal, &project, new).await?;
    let Notification { name, format, host, events, .. } = view.into();
    Ok((StatusCode::CREATED, Answer(NotificationMade { name, format, host, events, secret })))
}

/// Delete a notification
///
/// With all that is known of what was sent, and without sending what waits.
#[utoipa::path(delete, path = "/projects/{project}/notifications/{notification}", operation_id = "notification_delete",
    tag = "notifications", responses((status = 204, description = "Nobody is told there any more")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.notices.delete(&caller.principal, &project, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a test
#[utoipa::path(post, path = "/projects/{project}/notifications/{notification}/test", operation_id = "notification_test",
    tag = "notifications", responses((status = 202, description = "It is sent now; `deliveries` shows what it came to",
    body = NotificationBegun)))]
pub(crate) async fn test(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<(StatusCode, Answer<NotificationBegun>), Problem> {
    let id = app.services.notices.test(&caller.principal, &project, &name).await?;
    Ok((StatusCode::ACCEPTED, Answer(NotificationBegun { id })))
}

/// List what was sent
///
/// The newest hundred of the last thirty days.
#[utoipa::path(get, path = "/projects/{project}/notifications/{notification}/deliveries",
    operation_id = "notification_delivery_list", tag = "notifications",
    params(WholeList), responses((status = 200, description = "The newest first", body = List<SentNotification>)))]
pub(crate) async fn sent(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    Query(query): Query<WholeList>,
) -> Result<List<SentNotification>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.notices.sent(&caller.principal, &project, &name).await?))
}

/// Send something again
///
/// With the same id and the same body.
#[utoipa::path(post, path = "/projects/{project}/notifications/{notification}/deliveries/{delivery}/replay",
    operation_id = "notification_replay", tag = "notifications",
    responses((status = 202, description = "It is sent now", body = NotificationBegun)))]
pub(crate) async fn replay(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name, delivery)): Path<(String, String, String)>,
) -> Result<(StatusCode, Answer<NotificationBegun>), Problem> {
    app.services.notices.replay(&caller.principal, &project, &name, &delivery).await?;
    Ok((StatusCode::ACCEPTED, Answer(NotificationBegun { id: delivery })))
}
