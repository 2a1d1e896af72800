//! Events: every transition of every deployment, as a list and as it happens.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection};
use axum::http::HeaderMap;
use axum::response::Response;
use futures::StreamExt as _;
use pierhead_control::{Client, EventView, Scope};
use pierhead_model::code::Code;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::{List, WholeList};
use super::values::{State as StateName, Time};
use crate::Shared;
use crate::access::{Caller, Visitor, is_own_page};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// How long a browser may take to say who it is.
const FIRST_MESSAGE_LIMIT: Duration = Duration::from_secs(10);
/// Messages that callers send are short.
const LONGEST_MESSAGE: usize = 16 * 1024;
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Of the range that applications choose from.
const SIGN_IN_FIRST: u16 = 4401;
const AGAIN: u16 = 1012;

/// A transition of a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransitionEvent {
    /// Grows over all events.
    sequence: u64,
    at: Time,
    /// `deployment.queued`, `deployment.building`, `deployment.provisioning`, `deployment.production`,
    /// `deployment.inactive` or `deployment.failed`.
    r#type: String,
    deployment: String,
    project: String,
    slot: String,
    /// `null` when it was made.
    from: Option<StateName>,
    to: StateName,
    /// The code of the reason, when it failed.
    reason: Option<&'static str>,
    /// The reason for people.
    detail: Option<String>,
}

impl From<EventView> for TransitionEvent {
    fn from(event: EventView) -> Self {
        Self {
            sequence: event.sequence,
            at: event.at.into(),
            r#type: format!("deployment.{}", event.to.to_string().to_lowercase()),
            deployment: event.deployment.to_string(),
            project: event.project.to_string(),
            slot: event.slot.to_string(),
            from: event.from.map(Into::into),
            to: event.to.into(),
            reason: event.failure.as_ref().map(|failure| failure.reason.code()),
            detail: event.failure.map(|failure| failure.detail),
        }
    }
}

/// Show what happened to a deployment
#[utoipa::path(get, path = "/deployments/{id}/events", operation_id = "deployment_events", tag = "deployments",
    params(WholeList), responses((status = 200, description = "Its transitions, in order", body = List<TransitionEvent>)))]
pub(crate) async fn of_deployment(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<TransitionEvent>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.deployments.events(&caller.principal, &id).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Following {
    /// Begin with the events after this sequence number; otherwise with what happens from now on.
    after: Option<u64>,
}

/// The first message of a caller that sent no header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstMessage {
    token: SecretString,
}

/// Follow all events
///
/// A WebSocket with the events of the deployments that one may see. The token is in the `Authorization` header, or, since browsers cannot set it, the first message is
/// `{"token": "…"}`. Each message is one event. Closed with 4401 when the token is not good (any more), with 1012 when
/// the server cannot go on: connect again with `?after=`. Pages of other origins are refused.
#[utoipa::path(get, path = "/events", operation_id = "event_follow", tag = "events",
    params(Following), responses((status = 101, description = "Then one message per event", body = TransitionEvent)))]
pub(crate) async fn follow(
    State(app): State<Shared>,
    caller: Option<Caller>,
    Visitor(Client { ip, .. }): Visitor,
    headers: HeaderMap,
    Query(query): Query<Following>,
    upgrade: Result<WebSocketUpgrade, rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(Code::Malformed, "This call is a WebSocket: connect with `Upgrade: websocket`.")
    })?;
    if !is_own_page(&headers, app.options.public_url.as_deref()) {
        return Err(Problem::new(Code::Forbidden, "This stream is for pages of this server only."));
    }
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, app, caller, ip, query.after)))
}

async fn serve(
    mut socket: WebSocket,
    app: Shared,
    caller: Option<Caller>,
    ip: Option<IpAddr>,
    after: Option<u64>,
) {
    let caller = match caller {
        Some(caller) => Ok(caller),
        None => introduced(&mut socket, &app, ip).await,
    };
    let (code, reason) = match caller {
        Ok(caller) => send_all(&mut socket, app, caller, after).await,
        Err(reason) => (SIGN_IN_FIRST, reason),
    };
    // A caller that is gone does not hear why.
    let _ =
        socket.send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))).await;
}

/// Reads the first message.
async fn introduced(
    socket: &mut WebSocket,
    app: &Shared,
    ip: Option<IpAddr>,
) -> Result<Caller, &'static str> {
    let first = tokio::time::timeout(FIRST_MESSAGE_LIMIT, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = first else {
        return Err("The first message must be {\"token\": \"…\"}.");
    };
    let Ok(FirstMessage { token }) = serde_json::from_str(&text) else {
        return Err("The first message must be {\"token\": \"…\"}.");
    };
    Caller::of(app, token, Scope::Read, ip).await.map_err(|_| "The token is not valid: sign in again.")
}

/// Sends every event until something ends it; says why.
async fn send_all(
    socket: &mut WebSocket,
    app: Shared,
    caller: Caller,
    after: Option<u64>,
) -> (u16, &'static str) {
    let Ok(mut events) = app.services.events.follow(&caller.principal, after).await else {
        return (AGAIN, "The server cannot read its events at the moment.");
    };
    let mut signed_out = std::pin::pin!(caller.signed_out(app));
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let message = tokio::select! {
            () = &mut signed_out => return (SIGN_IN_FIRST, "The token is not valid any more: sign in again."),
            _ = heartbeat.tick() => Message::Ping(bytes::Bytes::new()),
            heard = socket.recv() => match heard {
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Binary(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return (1000, "Goodbye."),
            },
            next = events.next() => match next {
                Some(event) => text(TransitionEvent::from(event)),
                None => return (AGAIN, "The server cannot read its events at the moment."),
            },
        };
        if socket.send(message).await.is_err() {
            return (1000, "Goodbye.");
        }
    }
}

fn text(event: TransitionEvent) -> Message {
    Message::Text(serde_json::to_string(&event).unwrap_or_default().into())
}
