//! The console in a browser: the files that `console/` is built into, compiled into this program.
//!
//! - Files below `assets/` have the hash of their contents in their names, so browsers keep them for ever; the page that names
//!   them is asked for again each time, so that an upgrade shows at once.
//! - Every other path is the console's own address (`/console/projects/shop`) and gets that page.
//! - Each file lies there compressed as well, made once when the console is built.
//! - No script, style or address but our own is allowed: log lines, commit messages and names are hostile input. The one form that
//!   goes elsewhere asks GitHub to make the app of this installation.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::pages;

/// Finds a file of the console.
pub type Files = fn(&str) -> Option<Cow<'static, [u8]>>;

/// Where the console is.
pub(crate) const HOME: &str = "/console/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
connect-src 'self'; base-uri 'none'; form-action https://github.com; frame-ancestors 'none'";
const PAGE: &str = "index.html";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Empty where the console was not built: the folder is there in every clone, so that Rust compiles without Node.
#[derive(rust_embed::Embed)]
#[folder = "../../console/dist"]
struct Built;

/// The files that were there when this program was compiled; in debug builds, those that are there now.
pub fn embedded(path: &str) -> Option<Cow<'static, [u8]>> {
    Built::get(path).map(|file| file.data)
}

/// Whether there is a console to show.
pub(crate) fn is_there(files: Files) -> bool {
    files(PAGE).is_some()
}

/// Answers for the console's addresses; `None` for all others.
pub(crate) fn answer(files: Files, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    if uri.path() == HOME.trim_end_matches('/') {
        return Some(Redirect::permanent(HOME).into_response());
    }
    let path = uri.path().strip_prefix(HOME)?;
    let encodings = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let file = file(files, path, encodings.unwrap_or_default());
    // A tab that is older than this program may ask for what is gone; a page instead of a script would only confuse it.
    if file.is_none() && path.starts_with("assets/") {
        return None;
    }
    let page = || self::file(files, PAGE, encodings.unwrap_or_default());
    Some(file.or_else(page).unwrap_or_else(pages::without_console))
}

fn file(files: Files, path: &str, encodings: &str) -> Option<Response> {
    let kind = kind(path)?;
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter().filter(|(name, _)| takes(encodings, name));
    let packed =
        packed.filter_map(|(name, ending)| Some((files(&format!("{path}{ending}"))?, Some(name)))).next();
    let (contents, encoding) = match packed {
        Some(packed) => packed,
        None => (files(path)?, None),
    };
    let lasting = if path.starts_with("assets/") { FOR_EVER } else { "no-cache" };
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, lasting)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::VARY, "Accept-Encoding");
    if let Some(encoding) = encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    response.body(Body::from(contents.into_owned())).ok()
}

/// The kinds of files that the console has. Whatever else lies in its folder is not served.
fn kind(path: &str) -> Option<&'static str> {
    let safe = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if !safe || path.contains("..") {
        return None;
    }
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// Whether an `Accept-Encoding` names an encoding and does not rule it out.
fn takes(encodings: &str, wanted: &str) -> bool {
    encodings.split(',').any(|part| {
        let mut part = part.split(';').map(str::trim);
        let named = part.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let quality = part.find_map(|parameter| parameter.strip_prefix("q="));
        named && quality.and_then(|quality| quality.parse::<f32>().ok()).is_none_or(|quality| quality > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn some(path: &str) -> Option<Cow<'static, [u8]>> {
        let contents: &[u8] = match path {
            "index.html" => b"<!doctype html>",
            "theme.js" | "assets/app-a1b2.js" => b"plain",
            "assets/app-a1b2.js.br" => b"brotli",
            "assets/app-a1b2.js.gz" => b"gzip",
            "secret.map" | ".gitkeep" => b"not for browsers",
            _ => return None,
        };
        Some(Cow::Borrowed(contents))
    }

    fn none(_: &str) -> Option<Cow<'static, [u8]>> {
        None
    }

    fn get(files: Files, path: &'static str, encodings: &'static str) -> Option<Response> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings));
        answer(files, &Method::GET, &Uri::from_static(path), &headers)
    }

    fn said(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn hashed_files_are_kept_for_ever_and_the_page_is_asked_for_again() {
        let asset = get(some, "/console/assets/app-a1b2.js", "").unwrap();
        assert_eq!(said(&asset, header::CACHE_CONTROL), FOR_EVER);
        assert_eq!(said(&asset, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        for path in
            ["/console/", "/console/projects/shop", "/console/projects/shop.example", "/console/theme.js"]
        {
            let page = get(some, path, "").unwrap();
            assert_eq!(said(&page, header::CACHE_CONTROL), "no-cache", "{path}");
            assert!(said(&page, header::CONTENT_SECURITY_POLICY).contains("script-src 'self'"), "{path}");
        }
    }

    #[test]
    fn a_browser_gets_the_smallest_form_that_it_can_read() {
        for (encodings, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("br;q=0, GZIP;q=0.5", "gzip"),
            ("identity", ""),
            ("brotli", ""),
        ] {
            let asset = get(some, "/console/assets/app-a1b2.js", encodings).unwrap();
            assert_eq!(said(&asset, header::CONTENT_ENCODING), expected, "{encodings}");
            assert_eq!(said(&asset, header::VARY), "Accept-Encoding");
        }
    }

    #[test]
    fn only_its_own_addresses_and_kinds_are_answered() {
        assert!(get(some, "/consoles", "").is_none());
        assert!(get(some, "/api/v1/unknown", "").is_none());
        assert!(get(some, "/console/assets/gone-ffff.js", "").is_none());
        assert!(answer(some, &Method::POST, &Uri::from_static("/console/"), &HeaderMap::new()).is_none());
        for path in
            ["/console/secret.map", "/console/.gitkeep", "/console/%2e%2e/secret.map", "/console/../x.js"]
        {
            let page = get(some, path, "").unwrap();
            assert_eq!(said(&page, header::CONTENT_TYPE), "text/html; charset=utf-8", "{path}");
        }
        let moved = get(some, "/console", "").unwrap();
        assert_eq!((moved.status(), said(&moved, header::LOCATION)), (StatusCode::PERMANENT_REDIRECT, HOME));
    }

    #[test]
    fn a_program_that_was_built_without_it_says_so() {
        assert!(!is_there(none) && is_there(some));
        let page = get(none, "/console/projects", "").unwrap();
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
    }
}
