//! Which addresses may be talked to, and that only those are.
//!
//! The caller says which ([`AddressFilter`]); this crate has no opinion, so that Pierhead has one in one place. The names of
//! hosts are resolved here, by the client's own resolver, and every resulting address is judged before a connection is made
//! to exactly that address: a name that resolves differently the second time gains nothing. Hosts that are written as
//! numbers never reach a resolver, so they are judged before the request ([`judge_literal`]).

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::error::RegistryError;

/// Says whether a connection to an address may be made.
pub trait AddressFilter: Send + Sync + 'static {
    fn permits(&self, address: IpAddr) -> bool;
}

impl<F: Fn(IpAddr) -> bool + Send + Sync + 'static> AddressFilter for F {
    fn permits(&self, address: IpAddr) -> bool {
        self(address)
    }
}

/// Why a name gave no address; travels through the HTTP client's errors and is found again by [`refusal`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("the host `{host}` may not be talked to")]
struct NoAddress {
    host: String,
    /// The address that was refused; `None` if the name does not resolve.
    refused: Option<IpAddr>,
}

/// Resolves names to addresses that the filter permits, all of them: which one is dialled is the dialler's choice.
#[derive(Clone)]
pub struct JudgingResolver(pub Arc<dyn AddressFilter>);

impl std::fmt::Debug for JudgingResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JudgingResolver").finish_non_exhaustive()
    }
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let filter = Arc::clone(&self.0);
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let addresses: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
            let refused = addresses.iter().map(SocketAddr::ip).find(|&address| !filter.permits(address));
            if refused.is_some() || addresses.is_empty() {
                return Err(Box::new(NoAddress { host, refused }) as Box<dyn StdError + Send + Sync>);
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Judges a host that is written as an address.
pub fn judge_literal(filter: &dyn AddressFilter, url: &Url) -> Result<(), RegistryError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if filter.permits(address) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Err(RegistryError::AddressRefused { host, address })
}

/// What the resolver said, if that is why a request failed.
pub fn refusal(error: &(dyn StdError + 'static)) -> Option<RegistryError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(no_address) = error.downcast_ref::<NoAddress>() {
            let host = no_address.host.clone();
            return Some(match no_address.refused {
                Some(address) => RegistryError::AddressRefused { host, address },
                None => RegistryError::Unresolved { host },
            });
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_however_it_is_written() {
        let filter = |address: IpAddr| !address.is_loopback();
        for text in [
            "http://127.0.0.1/v2/",
            "http://0x7f.1/v2/",
            "http://2130706433/v2/",
            "http://0177.0.0.1/v2/",
            "http://[::1]:5000/v2/",
        ] {
            let refused = judge_literal(&filter, &Url::parse(text).unwrap());
            assert!(matches!(refused, Err(RegistryError::AddressRefused { .. })), "{text}");
        }
        for text in ["http://1.1.1.1/v2/", "http://localhost/v2/"] {
            assert_eq!(judge_literal(&filter, &Url::parse(text).unwrap()), Ok(()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_refused_for_what_it_leads_to() {
        let resolver = JudgingResolver(Arc::new(|_: IpAddr| false));
        let refused = resolver.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(matches!(refusal(refused.as_ref()), Some(RegistryError::AddressRefused { .. })));
        let resolver = JudgingResolver(Arc::new(|_: IpAddr| true));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
        let unknown = resolver.resolve("nowhere.invalid".parse().unwrap()).await.err().unwrap();
        assert!(matches!(refusal(unknown.as_ref()), Some(RegistryError::Unresolved { .. })));
    }
}
