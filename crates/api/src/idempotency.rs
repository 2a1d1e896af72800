//! `Idempotency-Key`: a POST that is sent twice is carried out once, and the second gets the first one's answer.
//!
//! - Carried out to its end even when the caller hangs up; otherwise its key would stay "in progress".
//! - Only a good answer is kept. What was refused was not carried out, so a repetition may try again.
//! - A secret that is shown once is not kept: its handler says with [`Repeated`] what a repetition gets instead.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};
use pierhead_control::{Begun, Principal};
use pierhead_model::code::Code;
use pierhead_model::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::access::Caller;
use crate::extract::too_large;
use crate::problem::Problem;

/// On an answer: the body that a repetition gets.
#[derive(Debug, Clone)]
pub(crate) struct Repeated(pub(crate) String);

/// What is kept of an answer, besides its status.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    location: Option<String>,
    etag: Option<String>,
    body: String,
}

pub(crate) async fn once(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    let caller = request.extensions().get::<Caller>().cloned();
    let (Some(key), Some(caller), &Method::POST) = (key, caller, request.method()) else {
        return next.run(request).await;
    };
    let Ok(key) = key.to_str().map(ToOwned::to_owned) else {
        return Problem::new(Code::Malformed, "`Idempotency-Key` must be ASCII text.").into_response();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, app.options.body_limit).collect().await else {
        return too_large().into_response();
    };
    let content = body.to_bytes();
    let carried_out = tokio::spawn(async move {
        let outcome = carry_out(&app, &caller.principal, &key, parts, content, next).await;
        outcome.unwrap_or_else(|problem| problem.into_response())
    });
    carried_out.await.unwrap_or_else(|_| {
        Problem::new(Code::Internal, "Something went wrong inside Pierhead.").into_response()
    })
}

async fn carry_out(
    app: &Shared,
    principal: &Principal,
    key: &str,
    parts: Parts,
    content: bytes::Bytes,
    next: Next,
) -> Result<Response, Problem> {
    let idempotency = &app.services.idempotency;
    let mut identity = format!("{} ", parts.uri).into_bytes();
    identity.extend_from_slice(&content);
    match idempotency.begin(principal, key, &Digest::of(&identity)).await? {
        Begun::Fresh => {}
        Begun::Replay { status, body } => return Ok(replayed(status, &body)),
    }
    let response = next.run(Request::from_parts(parts, Body::from(content))).await;
    if !response.status().is_success() {
        idempotency.abandon(principal, key).await?;
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let body = body.map_err(|_| Problem::new(Code::Internal, "Something went wrong inside Pierhead."))?;
    let text =
        |name| parts.headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok().map(str::to_owned));
    let (location, etag) = (text(header::LOCATION), text(header::ETAG));
    let repeated = parts.extensions.remove::<Repeated>();
    let repeated = repeated.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), |Repeated(it)| it);
    let kept = serde_json::to_string(&Kept { location, etag, body: repeated }).unwrap_or_default();
    idempotency.finish(principal, key, parts.status.as_u16(), &kept).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(status: u16, kept: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let Ok(Kept { location, etag, body }) = serde_json::from_str(kept) else {
        return Problem::new(Code::Conflict, "It was carried out, but its answer is not kept any more.")
            .into_response();
    };
    let empty = body.is_empty();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    if empty {
        headers.remove(header::CONTENT_TYPE);
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in [(header::LOCATION, location), (header::ETAG, etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}
