//! Which addresses a clone may reach.
//!
//! A repository's address comes from a stranger. Whatever it is written like, and wherever a redirect or a submodule leads,
//! the host is resolved here once, every resulting address is judged, and the connection is pinned to what was judged: a
//! name that resolves differently the second time gains nothing. Everything that is not plain public unicast is refused,
//! unless the admin allows its range.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use pierhead_model::address::AddressRule;
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

/// The rule, and how hosts are judged by it.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressPolicy {
    rule: AddressRule,
}

impl AddressPolicy {
    pub(crate) const fn new(allowed: Vec<IpNet>) -> Self {
        Self { rule: AddressRule::new(allowed) }
    }

    /// Whether a connection to this address may be made.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        self.rule.permits(address)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
