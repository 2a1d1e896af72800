//! What a browser sees besides the console: where to read on, the API's reference, a page per error code.
//!
//! Everything is made here and served from here: no other host is asked, and the policy of the pages allows none. They work
//! without scripts; the one script filters the reference.

mod html;
mod markdown;
mod reference;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use pierhead_model::code::Code;
use strum::IntoEnumIterator as _;

use self::html::{escaped, page};
pub(crate) use self::reference::reference;
use crate::extract::Path;
use crate::problem::Problem;
use crate::{Shared, console};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";

fn html(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// The start page
///
/// The console, or what there is to read where it was not built.
#[utoipa::path(get, path = "/", operation_id = "home", tag = "pages",
    responses((status = 303, description = "See `Location`")))]
pub(crate) async fn home(State(app): State<Shared>) -> Redirect {
    Redirect::to(if console::is_there(app.options.console) { console::HOME } else { "/docs" })
}

/// What there is to read
#[utoipa::path(get, path = "/docs", operation_id = "docs", tag = "pages",
    responses((status = 200, description = "Where to go from here", body = String, content_type = "text/html")))]
pub(crate) async fn docs() -> Response {
    let body = format!(
        "<h1>Pierhead</h1>\
         <p>This server turns git repositories into live URLs. It is version {}.</p>\
         <h2>From the command line</h2>\
         <pre><code>pierhead login --email you@example.com\npierhead deploy https://host/team/repository</code></pre>\
         <p>With another address than <code>http://127.0.0.1:8400</code>, set <code>PIERHEAD_URL</code>.</p>\
         <h2>From programs</h2>\
         <ul><li><a href=\"/api/docs\">Reference of the API</a></li>\
         <li><a href=\"/api/v1/openapi.json\">The same as an OpenAPI document</a></li></ul>\
         <h2>What errors mean</h2><ul>{}</ul>",
        env!("CARGO_PKG_VERSION"),
        Code::iter().map(error_link).collect::<String>(),
    );
    html(page("Pierhead", &body))
}

/// In place of the console where it was not built.
pub(crate) fn without_console() -> Response {
    let body = "<h1>Pierhead</h1><p>This program was built without its console. <code>make build</code> makes one with it; it needs \
                Node.js, and says so when it is missing.</p><p><a href=\"/docs\">What there is besides</a></p>";
    (StatusCode::NOT_FOUND, html(page("Pierhead", body))).into_response()
}

fn error_link(code: Code) -> String {
    let (path, title) = (code.as_str().replace('_', "-"), escaped(code.title()));
    format!("<li><a href=\"/docs/problems/{path}\"><code>{}</code></a> {title}</li>", code.as_str())
}

/// The reference of this API
#[utoipa::path(get, path = "/api/docs", operation_id = "api_docs", tag = "pages",
    responses((status = 200, description = "Every call, with examples", body = String, content_type = "text/html")))]
pub(crate) async fn api_docs(State(app): State<Shared>) -> Response {
    html(app.reference.clone())
}

/// What an error code means
///
/// `{code}` is the code, or the last segment of a problem's `type`.
#[utoipa::path(get, path = "/docs/problems/{code}", operation_id = "problem_page", tag = "pages",
    responses((status = 200, description = "What it means, why, what to do", body = String, content_type = "text/html")))]
pub(crate) async fn problem(Path(code): Path<String>) -> Result<Response, Problem> {
    let wanted = code.replace('-', "_");
    let code = Code::iter().find(|code| code.as_str() == wanted);
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "There is no such error code."))?;
    let body = format!(
        "{}<p class=\"quiet\">Answered with status {}. <a href=\"/docs\">Other errors</a></p>",
        markdown::html(code.page()),
        code.status()
    );
    Ok(html(page(code.title(), &body)))
}

/// A file that the pages use
#[utoipa::path(get, path = "/docs/assets/{file}", operation_id = "page_asset", tag = "pages",
    responses((status = 200, description = "A style sheet or a script", body = String, content_type = "text/css")))]
pub(crate) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match file.as_str() {
        "pages.css" => ("text/css; charset=utf-8", include_str!("pages.css")),
        "filter.js" => ("text/javascript; charset=utf-8", include_str!("filter.js")),
        _ => return Err(Problem::new(Code::NotFound, "There is no such file.")),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, text).into_response())
}
