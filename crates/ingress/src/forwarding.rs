//! What is changed about a request on its way to a service, and about the answer on its way back.
//!
//! Headers that concern one connection stay there (RFC 9110, section 7.6.1). What a visitor says about itself or about
//! proxies before us is not passed on, in any spelling that a service might read as the same header: frameworks that turn
//! `X_Forwarded_For` and `X-Forwarded-For` into the same variable would believe it. We say it ourselves.

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, TE, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::options::Limits;
use crate::origin::Origin;
use crate::request_body::RequestBody;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request as it will be written to a service.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) request: Request<RequestBody>,
    /// The visitor's side of the tunnel it asks for.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// Makes a request of HTTP/2 look like one of HTTP/1.1: the host is a header, and cookies are one (RFC 9113, section 8).
pub(crate) fn as_http1<B>(request: &mut Request<B>) {
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    let headers = request.headers_mut();
    if let (Some(Ok(authority)), false) = (authority, headers.contains_key(HOST)) {
        headers.insert(HOST, authority);
    }
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (cookies.next(), cookies.next()) {
        let mut joined = first.as_bytes().to_vec();
        for crumb in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(crumb.as_bytes());
        }
        if let Ok(cookie) = HeaderValue::from_bytes(&joined) {
            headers.insert(COOKIE, cookie);
        }
    }
}

/// Makes a visitor's request ours.
pub(crate) fn outgoing(
    mut request: Request<Incoming>,
    origin: &Origin,
    request_id: &HeaderValue,
    limits: &Limits,
) -> Outgoing {
    let wanted = wanted_upgrade(&request);
    let upgrade = wanted.is_some().then(|| hyper::upgrade::on(&mut request));
    let (mut parts, incoming) = request.into_parts();
    if parts.uri.authority().is_some() {
        parts.uri = origin_form(&parts.uri);
    }
    parts.version = Version::HTTP_11;
    let headers = &mut parts.headers;
    let trailers = accepts_trailers(headers);
    strip(headers, |name| is_hop_by_hop(name) || is_answered_here(name) || is_ours(name));
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = wanted {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_FOR, origin.forwarded_for.clone());
    headers.insert(FORWARDED_PROTO, origin.scheme.value());
    headers.insert(REQUEST_ID, request_id.clone());
    Outgoing { request: Request::from_parts(parts, RequestBody::new(incoming, limits)), upgrade }
}

/// Makes a service's answer ours.
pub(crate) fn returning(headers: &mut HeaderMap, request_id: &HeaderValue) {
    strip(headers, is_hop_by_hop);
    headers.insert(REQUEST_ID, request_id.clone());
}

/// The protocol that a request asks to switch to, if it is one that can be tunnelled.
fn wanted_upgrade<B: http_body::Body>(request: &Request<B>) -> Option<HeaderValue> {
    if request.version() != Version::HTTP_11 || !request.body().is_end_stream() {
        return None;
    }
    let protocol = request.headers().get(UPGRADE)?;
    let says_so = tokens(request.headers()).any(|token| token.eq_ignore_ascii_case("upgrade"));
    // HTTP/2 in a tunnel would be requests that nobody has looked at.
    let is_http = protocol.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("h2c"));
    (says_so && !is_http).then(|| protocol.clone())
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get(TE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
}

/// Takes away what `stays` says, and what `Connection` names. Looks at each header once, because most messages have nothing
/// to take away.
fn strip(headers: &mut HeaderMap, stays: impl Fn(&str) -> bool) {
    let stripped: Vec<HeaderName> = headers.keys().filter(|name| stays(name.as_str())).cloned().collect();
    if stripped.contains(&CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers)
            .filter(|token| {
                !["keep-alive", "close", "upgrade"].iter().any(|known| token.eq_ignore_ascii_case(known))
            })
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            // What decides where a message goes and where it ends is not anybody's to take away.
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in stripped {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What is said to whoever takes the request, which is us.
fn is_answered_here(name: &str) -> bool {
    matches!(name, "expect" | "te")
}

/// Whether a header, in whatever spelling, is one that only a proxy may set.
fn is_ours(name: &str) -> bool {
    let is = |expected: &str| {
        name.len() == expected.len()
            && name
                .bytes()
                .zip(expected.bytes())
                .all(|(byte, wanted)| byte == wanted || (byte == b'_' && wanted == b'-'))
    };
    let prefix = name.get(..12);
    prefix.is_some_and(|prefix| {
        matches!(prefix, "x-forwarded-" | "x_forwarded_" | "x-forwarded_" | "x_forwarded-")
    }) || [
        "forwarded",
        "x-real-ip",
        "x-request-id",
        "x-client-ip",
        "x-original-url",
        "x-rewrite-url",
        "proxy",
    ]
    .iter()
    .any(|ours| is(ours))
}

fn origin_form(uri: &Uri) -> Uri {
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    Uri::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn what_concerns_one_connection_stays_there() {
        let mut headers = headers(&[
            ("connection", "close, X-Hop, Host, content-length"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "secret"),
            ("transfer-encoding", "chunked"),
            ("host", "a"),
            ("content-length", "3"),
            ("x-kept", "1"),
        ]);
        strip(&mut headers, is_hop_by_hop);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-kept"]);
    }

    #[test]
    fn nobody_else_says_what_proxies_say() {
        for name in [
            "x-forwarded-for",
            "X_Forwarded_For",
            "x-forwarded-anything",
            "Forwarded",
            "X-Real-IP",
            "x_real_ip",
            "X-Request-Id",
            "Proxy",
        ] {
            assert!(is_ours(&name.to_ascii_lowercase()), "{name}");
        }
        for name in ["x-forward", "x-api-key", "api_key", "proxy-status", "x-real-ipx", "via"] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_request_of_http2_has_a_host_and_one_cookie() {
        let mut request = Request::builder().uri("https://a.test/x?y").body(()).unwrap();
        *request.headers_mut() = headers(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        as_http1(&mut request);
        assert_eq!(request.headers()[HOST], "a.test");
        let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn tunnels_websockets_but_not_another_http() {
        let request = |lines: &[(&str, &str)]| {
            let mut request = Request::new(http_body_util::Empty::<bytes::Bytes>::new());
            *request.headers_mut() = headers(lines);
            wanted_upgrade(&request).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            request(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]).as_deref(),
            Some("websocket")
        );
        assert_eq!(request(&[("upgrade", "websocket")]), None);
        assert_eq!(request(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]), None);
    }
}
