//! Which addresses Pierhead may connect to on somebody's behalf.
//!
//! Loopback, link-local (the metadata services of clouds), private and otherwise special ranges are refused unless the
//! administrator allowed them. All addresses of a name are checked, and the connection is then made to those, not to what
//! the name says later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// An address that must not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to {address}, which is not a public address")]
pub(crate) struct Refused {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
}

/// Whether an address may be connected to.
pub(crate) fn may_reach(address: IpAddr, allow: &[IpNet]) -> bool {
    let address = canonical(address);
    allow.iter().any(|net| net.contains(&address)) || is_public(address)
}

/// The address that is really meant: IPv4 written as IPv6 is IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    // ::ffff:a.b.c.d, ::a.b.c.d, 64:ff9b::a.b.c.d (NAT64), 2002:a.b.c.d:: (6to4)
    let embedded = match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => {
            Some((high, low))
        }
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    embedded.map_or(address, |(high, low)| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    })
}

const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                // Shared address space of carriers, IETF protocol assignments, benchmarking.
                || (a == 100 && b >= 64 && b < 128)
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                // Unique local, link-local, documentation, discard.
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || (first & 0xffc0) == 0xfec0
                || (first == 0x2001 && v6.segments()[1] == 0xdb8)
                || (first == 0x2001 && v6.segments()[1] < 0x200)
                || first == 0x100)
        }
    }
}

/// The addresses of a host, every one of them allowed.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    allow: &[IpNet],
) -> std::io::Result<Result<Vec<SocketAddr>, Refused>> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await?.collect();
    let forbidden = addresses.iter().find(|address| !may_reach(address.ip(), allow));
    Ok(match forbidden {
        Some(address) => Err(Refused { host: host.to_owned(), address: address.ip() }),
        None => Ok(addresses),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_in_every_form_are_refused() {
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!may_reach(text.parse().unwrap(), &[]), "{text}");
        }
        for text in
            ["1.1.1.1", "140.82.121.4", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(may_reach(text.parse().unwrap(), &[]), "{text}");
        }
    }

    #[test]
    fn an_allowed_range_is_allowed_in_every_form_and_no_more() {
        let allow = ["10.0.0.0/8".parse().unwrap()];
        assert!(may_reach("10.1.2.3".parse().unwrap(), &allow));
        assert!(may_reach("::ffff:10.1.2.3".parse().unwrap(), &allow));
        assert!(!may_reach("127.0.0.1".parse().unwrap(), &allow));
    }
}
