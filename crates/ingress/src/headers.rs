//! What a request's headers may say, and what is passed on.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, header};

/// Belong to one connection and end there (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

/// Only we say these: a visitor's own would be believed.
const OURS: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded"];

/// The host a request is for: lower case, without port and trailing dot.
pub(crate) fn host<B>(request: &Request<B>) -> Result<String, &'static str> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err("The request names more than one host.");
    }
    let said = first.and_then(|value| value.to_str().ok()).ok_or("The request names no host.")?;
    if let Some(authority) = request.uri().authority()
        && !authority.as_str().eq_ignore_ascii_case(said)
    {
        return Err("The request's target and its host differ.");
    }
    let name = match said.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some((_, _)) if !said.starts_with('[') => return Err("The host's port is not a number."),
        _ => said,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b']' | b':');
    if name.is_empty() || name.len() > 253 || !name.bytes().all(plain) {
        return Err("The request's host is not a host.");
    }
    Ok(name.to_ascii_lowercase())
}

/// Removes what ends at this connection.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Says who asked, and how.
pub(crate) fn set_forwarded(headers: &mut HeaderMap, visitor: std::net::IpAddr, host: &str) {
    for name in OURS {
        headers.remove(name);
    }
    let values = [("x-forwarded-for", visitor.to_string()), ("x-forwarded-host", host.to_owned())];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http"));
}

/// The protocol that a request wants to change to, when it really asks for it.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(header::UPGRADE).filter(|_| asks).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str, hosts: &[&str]) -> Result<String, &'static str> {
        let mut request = Request::get(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        host(&request.body(()).unwrap())
    }

    #[test]
    fn one_host_in_one_form() {
        for said in ["app.a", "APP.A", "app.a.", "app.a:443", "App.A.:80"] {
            assert_eq!(of("/", &[said]).as_deref(), Ok("app.a"), "{said}");
        }
        assert_eq!(of("http://app.a/x", &["app.a"]).as_deref(), Ok("app.a"));
        assert!(of("http://169.254.169.254/", &["app.a"]).is_err());
        assert!(of("/", &[]).is_err());
        assert!(of("/", &["app.a", "app.b"]).is_err());
        for bad in ["", "a b", "a/b", "a:x", "a`b", &"a".repeat(300)] {
            assert!(of("/", &[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_ends_here_is_not_passed_on_and_who_asked_is_ours_to_say() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("accept", "*/*"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        set_forwarded(&mut headers, "1.2.3.4".parse().unwrap(), "app.a");
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4");
        assert_eq!(headers["accept"], "*/*");
    }
}
