//! What happens to every request, whatever it asks for.

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};
use pierhead_control::Begun;
use pierhead_model::code::Code;
use pierhead_model::digest::Digest;
use tower_http::catch_panic::CatchPanicLayer;

use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;

const BODY_LIMIT: usize = 1 << 20;
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

pub(crate) fn around(router: Router<Shared>, services: &Shared) -> Router<Shared> {
    router
        .fallback(|| async { Problem::new(Code::NotFound, "There is no such call. See /api/docs.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::Malformed, "This call does not take that method.")
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(from_fn_with_state(Shared::clone(services), once))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::new(Code::Internal, "Something went wrong inside Pierhead.").into_response()
        }))
        .layer(from_fn(headers))
}

/// A request id in, the same one out; and what every answer says.
async fn headers(request: Request, next: Next) -> Response {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    let sane = |value: &&HeaderValue| {
        value.len() <= 64 && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    let id = request.headers().get(&REQUEST_ID).filter(sane).cloned();
    let id = id.or_else(|| HeaderValue::from_str(&uuid::Uuid::now_v7().simple().to_string()).ok());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        HeaderName::from_static("pierhead-version"),
        HeaderValue::from_static(env!("CARGO_PKG_VERSION")),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    response
}

/// A POST with an `Idempotency-Key` is carried out once; repeated, it gets the same answer.
async fn once(State(services): State<Shared>, request: Request, next: Next) -> Response {
    let key =
        request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(ToOwned::to_owned);
    let (Some(key), Method::POST) = (key, request.method().clone()) else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    // Strangers have no keys: the call itself refuses them.
    let Ok(Caller(principal)) = Caller::from_request_parts(&mut parts, &services).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await.map(http_body_util::Collected::to_bytes)
    else {
        return Problem::new(Code::BodyTooLarge, "The request is larger than this call takes (1 MiB).")
            .into_response();
    };
    let mut identity = format!("{} ", parts.uri).into_bytes();
    identity.extend_from_slice(&body);
    match services.idempotency.begin(&principal, &key, &Digest::of(&identity)).await {
        Ok(Begun::Fresh) => {}
        Ok(Begun::Replay { status, body }) => return replay(status, body),
        Err(error) => return Problem::from(error).into_response(),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let streams = body.size_hint().upper().is_none();
    let content =
        if streams { None } else { body.collect().await.ok().map(http_body_util::Collected::to_bytes) };
    let Some(content) = content else {
        return Problem::new(Code::Internal, "The answer cannot be repeated.").into_response();
    };
    let stored = if parts.status.is_server_error() {
        services.idempotency.abandon(&principal, &key).await
    } else {
        let text = String::from_utf8_lossy(&content);
        services.idempotency.finish(&principal, &key, parts.status.as_u16(), &text).await
    };
    match stored {
        Ok(()) => Response::from_parts(parts, Body::from(content)),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = HeaderName::from_static("idempotency-replayed");
    response.headers_mut().insert(name, HeaderValue::from_static("true"));
    response
}
