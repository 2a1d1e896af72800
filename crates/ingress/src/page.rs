//! Pages of our own: when there is nothing of the project's to show, say why and what comes next.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use pierhead_wire::route::Page;

use crate::table::InFlight;

pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;

const STYLE: &str = "color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Whether the one who asks wants a page or data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    json: bool,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let accept =
            request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        Self { json: accept.contains("json") && !accept.contains("html") }
    }
}

/// What a host shows while there is nothing of its own.
pub(crate) fn of<B>(request: &Request<B>, page: Page, host: &str) -> Response<Body> {
    let asked = Asked::of(request);
    match page {
        Page::Starting => {
            let detail =
                format!("The first deployment of {host} is on its way. This page looks again by itself.");
            waiting(write(asked, StatusCode::SERVICE_UNAVAILABLE, "Nearly there", &detail, true))
        }
        Page::Failed => {
            let detail =
                format!("The deployment of {host} has failed. Its log says why: pierhead logs --build.");
            write(asked, StatusCode::SERVICE_UNAVAILABLE, "Not deployed", &detail, false)
        }
        Page::Offline => {
            let detail = format!(
                "{host} is deployed, but its process is not running right now. It is being restarted."
            );
            waiting(write(asked, StatusCode::SERVICE_UNAVAILABLE, "Be right back", &detail, true))
        }
        Page::Stopped => {
            write(asked, StatusCode::NOT_FOUND, "Stopped", &format!("{host} was stopped."), false)
        }
    }
}

pub(crate) fn unknown<B>(request: &Request<B>, host: &str) -> Response<Body> {
    let detail = format!("Nothing is deployed at {host}. Is the address right?");
    write(Asked::of(request), StatusCode::NOT_FOUND, "Nothing here", &detail, false)
}

/// Before the first table has arrived.
pub(crate) fn starting_up<B>(request: &Request<B>) -> Response<Body> {
    let detail = "Pierhead is just starting. This page looks again by itself.";
    waiting(write(Asked::of(request), StatusCode::SERVICE_UNAVAILABLE, "One moment", detail, true))
}

pub(crate) fn problem<B>(request: &Request<B>, status: StatusCode, detail: &str) -> Response<Body> {
    write(Asked::of(request), status, "That did not work", detail, false)
}

pub(crate) fn failed(asked: &Asked, status: StatusCode, detail: &str) -> Response<Body> {
    let response = write(*asked, status, "That did not work", detail, false);
    if status == StatusCode::SERVICE_UNAVAILABLE { waiting(response) } else { response }
}

fn write(asked: Asked, status: StatusCode, title: &str, detail: &str, again: bool) -> Response<Body> {
    let (kind, text) = if asked.json {
        let body = serde_json::json!({ "title": title, "status": status.as_u16(), "detail": detail });
        ("application/problem+json", body.to_string())
    } else {
        let (title, detail) = (escape(title), escape(detail));
        let refresh = if again { "<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        let text = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\">{refresh}<title>{title}</title><body style=\"{STYLE}\"><h1>{title}</h1>\
             <p>{detail}</p><p style=\"opacity:.6\">{status} · Pierhead</p></body></html>"
        );
        ("text/html; charset=utf-8", text)
    };
    let mut response = Response::new(full(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn waiting(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(crate) fn full(content: Bytes) -> Body {
    Full::new(content).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Counts an answer as in flight until its last byte is on its way.
pub(crate) fn held(response: Response<Body>, in_flight: InFlight) -> Response<Body> {
    response.map(|body| {
        body.map_frame(move |frame| {
            let _held = &in_flight;
            frame
        })
        .boxed_unsync()
    })
}
