//! Questions to providers: bounded in size and time, without redirects, and only to addresses that may be reached.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use pierhead_model::address::AddressRule;
use pierhead_registry::address::{AddressFilter, JudgingResolver, judge_literal, refusal};
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::Error;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than any document of a provider has.
const MAXIMUM_BYTES: usize = 256 << 10;

/// Why a provider could not be used: for the log, and for whoever administers this installation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(pub(crate) String);

impl Failed {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The way to providers.
pub(crate) struct Web {
    http: reqwest::Client,
    filter: Arc<dyn AddressFilter>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}

impl Web {
    /// `allowed`: ranges that are not public and may be reached all the same. `ca_bundle`: PEM certificates of authorities to
    /// trust beside the system's.
    pub(crate) fn new(allowed: Vec<IpNet>, ca_bundle: Option<&[u8]>) -> Result<Self, Error> {
        let rule = AddressRule::new(allowed);
        let filter: Arc<dyn AddressFilter> = Arc::new(move |address: IpAddr| rule.permits(address));
        // No proxy: it would resolve the names, and what it resolves them to would be judged by nobody.
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("pierhead/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(JudgingResolver(Arc::clone(&filter))))
            .connect_timeout(TIMEOUT / 2)
            .timeout(TIMEOUT);
        if let Some(bundle) = ca_bundle {
            http =
                http.tls_certs_merge(reqwest::Certificate::from_pem_bundle(bundle).map_err(Error::internal)?);
        }
        Ok(Self { http: http.build().map_err(Error::internal)?, filter })
    }

    pub(crate) fn get(&self, url: &Url) -> reqwest::RequestBuilder {
        self.http.get(url.clone())
    }

    pub(crate) fn post(&self, url: &Url) -> reqwest::RequestBuilder {
        self.http.post(url.clone())
    }

    /// Sends a question and reads the JSON of a good answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        question: reqwest::RequestBuilder,
    ) -> Result<T, Failed> {
        let request = question
            .header(reqwest::header::ACCEPT, "application/json")
            .build()
            .map_err(|error| Failed::new(error.to_string()))?;
        let url = request.url().clone();
        let place = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
        judge_literal(&*self.filter, &url).map_err(|error| Failed::new(error.to_string()))?;
        let mut answer = self.http.execute(request).await.map_err(|error| match refusal(&error) {
            Some(refused) => Failed::new(refused.to_string()),
            None => Failed::new(format!("{place} did not answer: {}", innermost(&error))),
        })?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| Failed::new(format!("{place}: {}", innermost(&error))))?
        {
            if body.len() + chunk.len() > MAXIMUM_BYTES {
                return Err(Failed::new(format!("{place} answered with more than {MAXIMUM_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(Failed::new(format!("{place} answered {status}{}", said(&body))));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failed::new(format!("{place} answered something else than expected: {error}")))
    }
}

/// The error of RFC 6749, when there is one: its code has a small alphabet, everything else may be anything.
pub(crate) fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        error: String,
    }
    let said = serde_json::from_slice::<Said>(body).map(|said| said.error);
    let plain =
        said.ok().filter(|it| it.len() < 64 && it.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    plain.map_or_else(String::new, |error| format!(" with the error `{error}`"))
}

/// The innermost cause: the outer ones repeat the URL.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_issuer_on_this_machine_is_asked_only_where_an_administrator_allows_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"] {
            let web = Web::new(Vec::new(), None).unwrap();
            let url: Url = format!("http://{host}:{port}/.well-known/openid-configuration").parse().unwrap();
            let failed = web.json::<serde_json::Value>(web.get(&url)).await.unwrap_err();
            assert!(failed.0.contains("must not reach"), "{host}: {failed}");
        }
        let nobody_called = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
        assert!(nobody_called.is_err(), "a refused address is never connected to");
    }

    #[test]
    fn only_codes_of_errors_are_repeated() {
        assert_eq!(said(br#"{"error":"invalid_grant"}"#), " with the error `invalid_grant`");
        for body in [&br#"{"error":"<b>"}"#[..], b"{}", b"<html>", br#"{"error":"secret=1"}"#] {
            assert_eq!(said(body), "");
        }
    }
}
