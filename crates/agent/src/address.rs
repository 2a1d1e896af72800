//! Which addresses a clone may reach.
//!
//! A repository's address comes from a stranger. Whatever it is written like, and wherever a redirect or a submodule leads,
//! the host is resolved here once, every resulting address is judged, and the connection is pinned to what was judged: a
//! name that resolves differently the second time gains nothing. Everything that is not plain public unicast is refused,
//! unless the admin allows its range.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

/// Why a host cannot be talked to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("the host `{0}` does not resolve: check the address, and the node's DNS")]
    Unresolved(String),
    #[error(
        "the host `{host}` leads to {address}, which Pierhead must not reach: an admin can allow its range with \
         PIERHEAD_ALLOW_ADDRESSES"
    )]
    Refused { host: String, address: IpAddr },
    #[error("`{0}` is not an address that can be fetched from")]
    Unusable(String),
}

/// The ranges that are let through although they are not public.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    pub(crate) const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether a connection to this address may be made.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let address = effective(address);
        is_public(address) || self.allowed.iter().any(|range| range.contains(&address))
    }

    /// The addresses of a URL's host, all of them permitted. One bad address refuses the host: which of them would be
    /// dialled is the dialler's choice.
    pub(crate) async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, AddressError> {
        let unusable = || AddressError::Unusable(url.as_str().chars().take(200).collect());
        let host = url.host().ok_or_else(unusable)?;
        let port =
            url.port_or_known_default().or((url.scheme() == "ssh").then_some(22)).ok_or_else(unusable)?;
        let addresses = match host {
            Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Domain(name) => {
                let found = tokio::net::lookup_host((name, port)).await;
                found.map_err(|_| AddressError::Unresolved(name.to_owned()))?.collect()
            }
        };
        if addresses.is_empty() {
            return Err(AddressError::Unresolved(host.to_string()));
        }
        match addresses.iter().find(|address| !self.permits(address.ip())) {
            Some(refused) => Err(AddressError::Refused { host: host.to_string(), address: refused.ip() }),
            None => Ok(addresses),
        }
    }
}

/// The address that would really be reached: IPv6 forms that carry an IPv4 address are judged as that.
fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // ::ffff:a.b.c.d (mapped), ::ffff:0:a.b.c.d (translated), ::a.b.c.d (compatible; `::` and `::1` are themselves)
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => embedded(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => embedded(high, low),
        // 64:ff9b::/96 (NAT64)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 2002::/16 (6to4)
        [0x2002, high, low, ..] => embedded(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Public unicast, by the registry of special-purpose addresses (RFC 6890 and its updates).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

/// Global unicast (2000::/3) without what is carved out of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first & 0xe000) == 0x2000
        && !(first == 0x2001 && second < 0x200)
        && !(first == 0x2001 && second == 0xdb8)
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_public_is_refused_in_every_form() {
        let policy = AddressPolicy::default();
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:0:10.0.0.1",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(!policy.permits(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1"]
        {
            assert!(policy.permits(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_is_refused_however_it_is_written() {
        let policy = AddressPolicy::default();
        for url in [
            "http://127.0.0.1/x",
            "http://0x7f.1/x",
            "http://2130706433/x",
            "http://0177.0.0.1/x",
            "http://127.1/x",
            "http://[::ffff:127.0.0.1]:5432/x",
            "http://[::1]/x",
            "http://169.254.169.254/latest",
            "http://localhost/x",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(matches!(policy.resolve(&url).await, Err(AddressError::Refused { .. })), "{url}");
        }
    }

    #[tokio::test]
    async fn an_allowed_range_is_let_through_and_nothing_beside_it() {
        let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let allowed = policy.resolve(&Url::parse("http://127.0.0.1:8080/x").unwrap()).await.unwrap();
        assert_eq!(allowed, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(policy.permits("::ffff:127.0.0.1".parse().unwrap()), "judged as what it reaches");
        assert!(!policy.permits("10.0.0.1".parse().unwrap()));
        assert!(!policy.permits("::1".parse().unwrap()));
    }

    proptest! {
        /// The standard library's own classification, where it is stable, never disagrees.
        #[test]
        fn never_milder_than_the_standard_library(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_unspecified()
                || address.is_documentation();
            prop_assert!(!special || !is_public_v4(address));
        }

        #[test]
        fn a_mapped_address_is_judged_as_the_one_it_carries(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let policy = AddressPolicy::default();
            prop_assert_eq!(
                policy.permits(address.into()),
                policy.permits(address.to_ipv6_mapped().into())
            );
        }
    }
}
