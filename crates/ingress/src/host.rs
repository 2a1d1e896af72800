//! Which host a request is for.
//!
//! There must be exactly one `Host`; a request target in absolute form must name the same one; a port and a trailing dot are
//! cut off, upper case is lowered, and what is left must look like a name. Everything else is a bad request: a host that two
//! programs could read differently is how requests are smuggled to somebody else's application.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header};

/// Why there is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHost {
    Missing,
    Several,
    Malformed,
    Contradicted,
}

impl BadHost {
    /// For the visitor.
    pub(crate) const fn explanation(self) -> &'static str {
        match self {
            Self::Missing => "The request has no Host header.",
            Self::Several => "The request has more than one Host header.",
            Self::Malformed => "The request's Host header is not a hostname.",
            Self::Contradicted => "The request's target names another host than its Host header.",
        }
    }
}

/// The normalised host of a request.
pub(crate) fn of<'a>(headers: &'a HeaderMap, uri: &Uri) -> Result<Cow<'a, str>, BadHost> {
    let mut values = headers.get_all(header::HOST).iter();
    let value = values.next().ok_or(BadHost::Missing)?;
    if values.next().is_some() {
        return Err(BadHost::Several);
    }
    let text = value.to_str().map_err(|_| BadHost::Malformed)?;
    let host = normalise(text).ok_or(BadHost::Malformed)?;
    if let Some(authority) = uri.authority()
        && normalise(authority.as_str()).is_none_or(|named| named != host)
    {
        return Err(BadHost::Contradicted);
    }
    Ok(host)
}

/// `Shop.Example.com.:443` is `shop.example.com`. Nothing is allocated when there is nothing to lower.
fn normalise(text: &str) -> Option<Cow<'_, str>> {
    let host = match text.strip_prefix('[') {
        // An IPv6 address has no route, but asking for one is not malformed.
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            if !port.is_empty() {
                valid_port(port.strip_prefix(':')?)?;
            }
            return Some(Cow::Borrowed(address));
        }
        None => match text.split_once(':') {
            Some((host, port)) => {
                valid_port(port)?;
                host
            }
            None => text,
        },
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(valid) {
        return None;
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(Cow::Owned(host.to_ascii_lowercase()));
    }
    Some(Cow::Borrowed(host))
}

fn valid_port(port: &str) -> Option<()> {
    (port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn host(values: &[&str], uri: &str) -> Result<String, BadHost> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::HOST, HeaderValue::from_str(value).unwrap());
        }
        of(&headers, &uri.parse().unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn one_name_however_it_is_written() {
        for value in ["app.a", "APP.A", "app.a.", "app.a:443", "App.a.:8080", "app.a:"] {
            assert_eq!(host(&[value], "/").as_deref(), Ok("app.a"), "{value}");
        }
        assert_eq!(host(&["a.b.app.a"], "/").as_deref(), Ok("a.b.app.a"));
        assert_eq!(host(&["[::1]:80"], "/").as_deref(), Ok("::1"));
        assert_eq!(host(&["app.a"], "http://APP.a:80/x").as_deref(), Ok("app.a"));
    }

    #[test]
    fn nothing_that_could_be_read_in_two_ways() {
        assert_eq!(host(&[], "/"), Err(BadHost::Missing));
        assert_eq!(host(&["a", "a"], "/"), Err(BadHost::Several));
        for value in [
            "", ".", "a b", "a/b", "a@b", "a,b", "a:b", "a:80:80", "a:999999", "[::1", "[x]", "[::1]x",
            "ü.de",
        ] {
            assert_eq!(host(&[value], "/"), Err(BadHost::Malformed), "{value}");
        }
        assert_eq!(host(&["app.a"], "http://169.254.169.254/"), Err(BadHost::Contradicted));
        assert_eq!(host(&["app.a"], "http://app.a@evil/"), Err(BadHost::Contradicted));
        assert_eq!(host(&["app.a"], "http://user@app.a/"), Err(BadHost::Contradicted));
    }
}
