//! What happens to every request, whatever it asks for: its id, its limits, what every answer says.
//!
//! From the outside in: [`answered`] (id, headers, problem documents, figures) → the limit on bodies → access → idempotency →
//! panics become answers → the handler.

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use pierhead_model::code::Code;
use tower_http::catch_panic::CatchPanicLayer;

use crate::Shared;
use crate::problem::{self, Problem};
use crate::rest::list::NextCursor;
use crate::{access, console, idempotency};

const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Said by every answer that does not say something else itself.
const HEADERS: [(HeaderName, &str); 8] = [
    (HeaderName::from_static("pierhead-version"), env!("CARGO_PKG_VERSION")),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub(crate) fn around(router: Router<Shared>, app: &Shared) -> Router<Shared> {
    let app = || Shared::clone(app);
    router
        .fallback(no_call)
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::Malformed, "This call does not take that method; see `Allow`.")
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::new(Code::Internal, "Something went wrong inside Pierhead.").into_response()
        }))
        .layer(from_fn_with_state(app(), idempotency::once))
        .layer(from_fn_with_state(app(), access::check))
        .layer(DefaultBodyLimit::max(app().options.body_limit))
        .layer(from_fn_with_state(app(), answered))
}

/// What is no call may be an address of the console.
async fn no_call(State(app): State<Shared>, request: Request) -> Response {
    let console = app.options.console;
    console::answer(console, request.method(), request.uri(), request.headers()).unwrap_or_else(|| {
        Problem::new(Code::NotFound, "There is no such call; /api/docs lists those there are.")
            .into_response()
    })
}

/// A request id in, the same one out; problems become documents; every answer says what every answer says.
async fn answered(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    let given = request.headers().get(&REQUEST_ID).filter(sane).and_then(|id| id.to_str().ok());
    let id = given.map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), ToOwned::to_owned);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = problem::written(next.run(request).await, uri.path(), &id);
    let following = response.extensions_mut().remove::<NextCursor>();
    let headers = response.headers_mut();
    if let Some(link) = following.and_then(|NextCursor(cursor)| next_page(&uri, &cursor)) {
        headers.insert(header::LINK, link);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    app.metrics.answered(&method, response.status(), begun.elapsed());
    response
}

/// `Link` to the next page of a list: the same address with another cursor.
fn next_page(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let others = uri.query().unwrap_or_default().split('&');
    let mut query: Vec<&str> =
        others.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let cursor = format!("cursor={cursor}");
    query.push(&cursor);
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
}
