//! The platform itself: health, figures, invariants, the document of its API.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{Check as CheckView, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::access::Caller;
use crate::problem::Problem;

/// Say whether the process runs
#[utoipa::path(get, path = "/healthz", operation_id = "live", tag = "platform",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Whether the parts answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    ready: bool,
    database: bool,
    ingress: bool,
}

/// Say whether it can do its work
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "platform",
    responses((status = 200, description = "It can", body = Ready), (status = 503, description = "A part does not answer", body = Ready)))]
pub(crate) async fn ready(State(app): State<Shared>) -> (StatusCode, Answer<Ready>) {
    let health = app.services.health().await;
    let ready = health.database && health.ingress;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Answer(Ready { ready, database: health.database, ingress: health.ingress }))
}

/// Figures for Prometheus
///
/// With an administrator's token also what visitors were answered, by hostname (the first two thousand; the rest is one line).
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "platform",
    responses((status = 200, description = "In its text format", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Shared>, headers: HeaderMap) -> Response {
    let mut page = app.metrics.page(app.services.health().await);
    // The page is there for everybody, also for who has a token that is not good.
    if let Some(token) = crate::access::bearer(&headers)
        && let Ok(caller) = Caller::of(&app, token, Scope::Read, None).await
    {
        crate::metrics::traffic(&mut page, &app.services.traffic(&caller.principal));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "platform",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn document(State(app): State<Shared>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, app.document.clone()).into_response()
}

/// What must be true at every moment, and whether it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    ok: bool,
    checks: Vec<Check>,
}

/// One invariant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    id: &'static str,
    name: &'static str,
    ok: bool,
    /// What is wrong.
    detail: Option<String>,
}

impl From<CheckView> for Check {
    fn from(check: CheckView) -> Self {
        let CheckView { id, name, violation } = check;
        Self { id, name, ok: violation.is_none(), detail: violation }
    }
}

/// Check the server's invariants
#[utoipa::path(get, path = "/verify", operation_id = "verify", tag = "platform",
    responses((status = 200, description = "Each with what is wrong, if anything is", body = Verdict)))]
pub(crate) async fn verify(State(app): State<Shared>, caller: Caller) -> Result<Answer<Verdict>, Problem> {
    let checks = app.services.verification.verify(&caller.principal).await?;
    let checks: Vec<Check> = checks.into_iter().map(Into::into).collect();
    Ok(Answer(Verdict { ok: checks.iter().all(|check| check.ok), checks }))
}
