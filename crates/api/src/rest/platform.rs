//! The platform itself: health, invariants, the stream of events.

use axum::Json as Answer;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use pierhead_model::code::Code;
use serde::Deserialize;
use serde_json::{Value, json};

use super::deployments::event;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::query::Query;

/// The process runs.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// It can do its work.
pub(crate) async fn ready(State(services): State<Shared>) -> (StatusCode, Answer<Value>) {
    let health = services.health().await;
    let ok = health.database && health.ingress;
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Answer(json!({ "ready": ok, "database": health.database, "ingress": health.ingress })))
}

pub(crate) async fn verify(
    State(services): State<Shared>,
    Caller(principal): Caller,
) -> Result<Answer<Value>, Problem> {
    let checks = services.verification.verify(&principal).await?;
    let ok = checks.iter().all(|check| check.violation.is_none());
    let checks: Vec<Value> = checks
        .into_iter()
        .map(|it| json!({ "id": it.id, "name": it.name, "ok": it.violation.is_none(), "detail": it.violation }))
        .collect();
    Ok(Answer(json!({ "ok": ok, "checks": checks })))
}

/// What an error code means, as text.
pub(crate) async fn problem_page(Path(code): Path<String>) -> Result<Response, Problem> {
    use strum::IntoEnumIterator as _;
    let wanted = code.replace('-', "_");
    let code = Code::iter().find(|code| code.as_str() == wanted);
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "There is no such error code."))?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], code.page()).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Following {
    after: Option<u64>,
}

/// Every transition as it happens, over a WebSocket. A page of another origin is refused: a browser sends no bearer token by
/// itself, but what it would send belongs to its user.
pub(crate) async fn events(
    State(services): State<Shared>,
    Caller(principal): Caller,
    headers: HeaderMap,
    Query(query): Query<Following>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(origin) = text(header::ORIGIN) {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        if text(header::HOST) != Some(host) {
            return Err(Problem::new(Code::Forbidden, "This stream is for pages of this server only."));
        }
    }
    let events = services.events.follow(&principal, query.after).await?;
    Ok(upgrade.on_upgrade(|socket| send_all(socket, events)))
}

async fn send_all(
    mut socket: WebSocket,
    mut events: futures::stream::BoxStream<'static, pierhead_control::EventView>,
) {
    loop {
        tokio::select! {
            next = events.next() => {
                let Some(next) = next else { return };
                if socket.send(Message::Text(event(&next).to_string().into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => {
                if !matches!(message, Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_)))) {
                    return;
                }
            }
        }
    }
}
