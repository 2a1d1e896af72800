//! Small answers of the platform's own.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};

use crate::body::Body;

/// Caches may keep it, and must ask every time whether it still holds.
pub(crate) const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
pub(crate) const NOSNIFF: (http::HeaderName, HeaderValue) =
    (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn redirect(status: StatusCode, location: HeaderValue) -> Response<Body> {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, REVALIDATE);
    response
}

pub(crate) fn method_not_allowed() -> Response<Body> {
    let mut response =
        Response::new(Body::whole(bytes::Bytes::from_static(b"Only GET and HEAD are possible here.\n")));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(NOSNIFF.0, NOSNIFF.1);
    response
}
