//! Requests to addresses that people of projects chose: the server must not become their hand in its own network.
//!
//! Names are resolved here and every address is judged before a connection is made to exactly that address; redirects are not
//! followed; what is read of an answer is bounded.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use pierhead_model::address::AddressRule;
use pierhead_registry::RegistryError;
use pierhead_registry::address::{AddressFilter, JudgingResolver, judge_literal, refusal};
use reqwest::Method;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use crate::error::Error;

const CONNECT: Duration = Duration::from_secs(5);
/// For a whole request: whoever is told something says only that it was heard.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longer waits that a receiver asks for are a mistake.
const LONGEST_WAIT_S: u64 = 24 * 3600;
const USER_AGENT: &str = concat!("Pierhead/", env!("CARGO_PKG_VERSION"));

/// The way out.
pub(crate) struct Outgoing {
    client: reqwest::Client,
    filter: Arc<dyn AddressFilter>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// How long it wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// What a service said, as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A page of a hundred repositories of GitHub has about 600 KiB.
const LONGEST_REPLY: usize = 8 << 20;

impl Outgoing {
    /// `ca_bundle`: PEM certificates of authorities to trust beside the system's.
    pub(crate) fn new(allowed: Vec<IpNet>, ca_bundle: Option<&[u8]>) -> Result<Self, Error> {
        let rule = AddressRule::new(allowed);
        let filter: Arc<dyn AddressFilter> = Arc::new(move |address: IpAddr| rule.permits(address));
        // No proxy: it would resolve the names, and nobody would judge what they lead to.
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .dns_resolver(Arc::new(JudgingResolver(Arc::clone(&filter))))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE);
        if let Some(bundle) = ca_bundle {
            let certificates = reqwest::Certificate::from_pem_bundle(bundle).map_err(Error::internal)?;
            client = client.tls_certs_merge(certificates);
        }
        Ok(Self { client: client.build().map_err(Error::internal)?, filter })
    }

    /// Sends a JSON document. An error is a sentence for people.
    pub(crate) async fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Answered, String> {
        judge_literal(&*self.filter, url).map_err(|error| sentence(&error))?;
        let mut request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        // What it says beyond its status is nobody's business.
        let response = request.send().await.map_err(|error| explained(&error))?;
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = after.and_then(|seconds| seconds.trim().parse::<u64>().ok());
        let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT_S)));
        Ok(Answered { status: response.status().as_u16(), retry_after })
    }

    /// A request that is about to be asked.
    pub(crate) fn request(&self, method: Method, url: &Url) -> reqwest::RequestBuilder {
        self.client.request(method, url.clone())
    }

    /// Asks a service, and reads what it says, within bounds. An error is a sentence for people.
    pub(crate) async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Reply, String> {
        let request = request.build().map_err(|error| explained(&error))?;
        judge_literal(&*self.filter, request.url()).map_err(|error| sentence(&error))?;
        let mut response = self.client.execute(request).await.map_err(|error| explained(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explained(&error))? {
            if body.len() + chunk.len() > LONGEST_REPLY {
                return Err(format!("it answered with more than {} MiB", LONGEST_REPLY >> 20));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

/// The innermost cause, without the address: there may be a secret in its path.
fn explained(error: &reqwest::Error) -> String {
    if let Some(refused) = refusal(error) {
        return sentence(&refused);
    }
    if error.is_timeout() {
        return format!("it did not answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.downcast_ref::<reqwest::Error>().is_some() {
        return "the request could not be sent".to_owned();
    }
    format!("it cannot be reached: {}", cause.to_string().chars().take(200).collect::<String>())
}

/// Why an address was not reached.
fn sentence(error: &RegistryError) -> String {
    match error {
        // Registries advise to look at their own address.
        RegistryError::Unresolved { host } => format!("the host `{host}` does not resolve"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_of_this_network_is_not_reached_however_it_is_written() {
        let outgoing = Outgoing::new(Vec::new(), None).unwrap();
        for url in
            ["http://127.0.0.1:9/a", "http://[::1]:9/a", "http://localhost:9/a", "http://2130706433:9/a"]
        {
            let sent = outgoing.post(&Url::parse(url).unwrap(), &[], "{}".into()).await;
            let said = sent.unwrap_err();
            assert!(said.contains("must not reach"), "{url}: {said}");
        }
    }
}
