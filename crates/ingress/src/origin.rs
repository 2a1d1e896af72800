//! Who a request comes from, and how it came: what the connection says, or what a proxy says that we trust.
//!
//! Anybody can write `X-Forwarded-For`. It is believed only from an address in `trusted_proxies`, and only as far back as such
//! addresses go: the first from the right that is none is the visitor. What is left of it was written by the visitor, and is dropped.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// How the visitor speaks to us, or to the proxy before us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As in `X-Forwarded-Proto`.
    pub(crate) const fn value(self) -> HeaderValue {
        match self {
            Self::Http => HeaderValue::from_static("http"),
            Self::Https => HeaderValue::from_static("https"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) client: IpAddr,
    pub(crate) scheme: Scheme,
    /// The client as in `X-Forwarded-For`.
    pub(crate) forwarded_for: HeaderValue,
}

impl Origin {
    pub(crate) fn new(client: IpAddr, scheme: Scheme) -> Self {
        let client = client.to_canonical();
        let text = Bytes::from(client.to_string());
        let forwarded_for =
            HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("unknown"));
        Self { client, scheme, forwarded_for }
    }

    /// What a trusted proxy says of a request. Without a word of it, the proxy itself is the visitor.
    pub(crate) fn told(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut client = self.client;
        // What cannot be read ends what can be believed.
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops.map(str::trim) {
            let Some(address) = address_of(hop) else { break };
            client = address.to_canonical();
            if !is_trusted(client, trusted) {
                break;
            }
        }
        let scheme = headers.get_all("x-forwarded-proto").iter().next_back();
        let scheme = match scheme.and_then(|value| value.to_str().ok()?.rsplit(',').next()).map(str::trim) {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) | None => self.scheme,
        };
        Self::new(client, scheme)
    }
}

pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|range| range.contains(&address))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse() {
        return Some(address);
    }
    hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn proxies_are_believed_as_far_back_as_they_are_trusted() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        for (lines, client) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (&["192.0.2.7", "10.0.0.2"], "192.0.2.7"),
            // The visitor wrote the first: the proxy saw 192.0.2.7.
            (&["1.1.1.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (&["1.1.1.1", "192.0.2.7:4444"], "192.0.2.7"),
            (&["192.0.2.7, [2001:db8::9]:80"], "192.0.2.7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["garbage"], "10.0.0.1"),
        ] {
            let name = HeaderName::from_static("x-forwarded-for");
            let headers: HeaderMap =
                lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect();
            let origin = Origin::new("10.0.0.1".parse().unwrap(), Scheme::Http).told(&headers, &trusted);
            assert_eq!(origin.client.to_string(), client, "{lines:?}");
            assert_eq!(origin.forwarded_for, client);
        }
    }

    #[test]
    fn the_scheme_is_the_last_that_was_said() {
        for (line, scheme) in [
            ("https", Scheme::Https),
            ("http, https", Scheme::Https),
            ("https,http", Scheme::Http),
            ("x", Scheme::Http),
        ] {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-proto"),
                HeaderValue::from_str(line).unwrap(),
            )]);
            assert_eq!(Origin::new([127, 0, 0, 1].into(), Scheme::Http).told(&headers, &[]).scheme, scheme);
        }
    }
}
