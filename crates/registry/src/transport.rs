//! One question to a registry: judged, pinned, limited, followed and asked again when that helps.
//!
//! Redirects are followed here and not by the HTTP client, because each hop has rules: its address is judged, encryption is
//! never given up, and what was sent to authenticate stays with the origin it was meant for.
//!
//! Asked again are refused or broken connections, 429 and the passing 5xx, with a doubling pause of which a random part is
//! waited (so that many nodes do not come back at once), or as long as `Retry-After` says. All of it happens before one
//! deadline; a wait that would pass it is not begun.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::address::{AddressFilter, JudgingResolver, judge_literal, refusal};
use crate::error::RegistryError;

const USER_AGENT: &str = concat!("pierhead/", env!("CARGO_PKG_VERSION"));
/// What is read of an answer that is an error.
const ERROR_BODY: usize = 64 * 1024;
/// Longer waits are a mistake (a point in time instead of a number of seconds is one that is made).
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds of every question.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// For one request and its whole answer.
    pub request: Duration,
    /// For everything that one call does: pages, tokens, redirects, pauses.
    pub total: Duration,
    /// How often one request is made at most.
    pub attempts: u32,
    /// The first pause before asking again; doubles each time.
    pub pause: Duration,
    pub redirects: usize,
    /// Pages of tags.
    pub pages: usize,
    /// Tags of one repository.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(20),
            total: Duration::from_secs(45),
            attempts: 4,
            pause: Duration::from_millis(250),
            redirects: 5,
            pages: 100,
            tags: 20_000,
        }
    }
}

/// The connection to all registries: one pool, one rule for addresses.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    filter: Arc<dyn AddressFilter>,
    pub(crate) limits: Arc<Limits>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A request and what bounds it.
pub(crate) struct Question<'a> {
    /// Who is asked, for errors.
    pub(crate) registry: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) accept: Option<&'static str>,
    /// Marked sensitive by who made it.
    pub(crate) authorization: Option<HeaderValue>,
    /// What is asked for and how many bytes of it are believable.
    pub(crate) what: &'static str,
    pub(crate) limit: usize,
    pub(crate) deadline: Instant,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the origin that was asked answered, and not one it redirected to.
    pub(crate) own: bool,
}

impl Transport {
    /// `ca_bundle`: PEM certificates of authorities to trust beside the system's.
    pub fn new(
        filter: impl AddressFilter,
        limits: Limits,
        ca_bundle: Option<&[u8]>,
    ) -> Result<Self, RegistryError> {
        let filter: Arc<dyn AddressFilter> = Arc::new(filter);
        let setup = |error: &dyn std::error::Error| RegistryError::Setup { why: innermost(error) };
        // No proxy: it would resolve the names, and what it resolves them to would be judged by nobody.
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .dns_resolver(Arc::new(JudgingResolver(Arc::clone(&filter))))
            .connect_timeout(limits.connect)
            .pool_idle_timeout(Duration::from_secs(30));
        if let Some(bundle) = ca_bundle {
            let certificates =
                reqwest::Certificate::from_pem_bundle(bundle).map_err(|error| setup(&error))?;
            client = client.tls_certs_merge(certificates);
        }
        let client = client.build().map_err(|error| setup(&error))?;
        Ok(Self { client, filter, limits: Arc::new(limits) })
    }

    /// When a call that begins now has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.limits.total
    }

    /// Asks until there is an answer that asking again would not better.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Reply, RegistryError> {
        let mut attempt = 1;
        loop {
            let outcome = self.follow(&question).await;
            let Some(wait) = self.wait_before_next(&outcome, attempt) else { return outcome };
            let waits_too_long = Instant::now() + wait >= question.deadline;
            if attempt >= self.limits.attempts || waits_too_long {
                return outcome;
            }
            tracing::debug!(registry = question.registry, attempt, ?wait, "asking the registry again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// How long to wait before asking again; `None` if that would change nothing.
    fn wait_before_next(&self, outcome: &Result<Reply, RegistryError>, attempt: u32) -> Option<Duration> {
        let asked = match outcome {
            Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS || is_passing(reply.status) => {
                retry_after(&reply.headers)
            }
            Err(RegistryError::Unreachable { .. }) => None,
            _ => return None,
        };
        let longest = self.limits.pause * 2_u32.saturating_pow(attempt - 1);
        let jittered = longest.mul_f64(rand::random_range(0.5..=1.0));
        Some(asked.map_or(jittered, |asked| asked + jittered / 4))
    }

    async fn follow(&self, question: &Question<'_>) -> Result<Reply, RegistryError> {
        let mut url = question.url.clone();
        let mut own = true;
        for _ in 0..=self.limits.redirects {
            let authorization = question.authorization.as_ref().filter(|_| own);
            let response = self.once(question, &url, authorization).await?;
            let status = response.status();
            let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect(status)) else {
                let headers = response.headers().clone();
                let body = read(question, response).await?;
                return Ok(Reply { status, headers, body, own });
            };
            let next = next_hop(&url, location).map_err(|why| RegistryError::RedirectRefused {
                registry: question.registry.to_owned(),
                why,
            })?;
            own = own && next.origin() == url.origin();
            url = next;
        }
        let why = format!("more than {} times", self.limits.redirects);
        Err(RegistryError::RedirectRefused { registry: question.registry.to_owned(), why })
    }

    async fn once(
        &self,
        question: &Question<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<reqwest::Response, RegistryError> {
        judge_literal(self.filter.as_ref(), url)?;
        let left = question.deadline.saturating_duration_since(Instant::now()).min(self.limits.request);
        if left.is_zero() {
            return Err(self.timeout(question.registry));
        }
        let mut request = self.client.request(question.method.clone(), url.clone()).timeout(left);
        if let Some(accept) = question.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| failure(question, &error, left))
    }

    fn timeout(&self, registry: &str) -> RegistryError {
        RegistryError::Timeout { registry: registry.to_owned(), seconds: self.limits.total.as_secs() }
    }
}

/// The body, as far as it is believable. Of an error, what fits.
async fn read(question: &Question<'_>, mut response: reqwest::Response) -> Result<Bytes, RegistryError> {
    let good = response.status().is_success();
    let limit = if good { question.limit } else { question.limit.min(ERROR_BODY) };
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) if body.len() + piece.len() <= limit => body.extend_from_slice(&piece),
            Ok(Some(_)) if good => {
                let registry = question.registry.to_owned();
                return Err(RegistryError::TooLarge { registry, what: question.what, limit });
            }
            Err(error) if good => {
                return Err(failure(question, &error, question.deadline - Instant::now()));
            }
            Ok(_) | Err(_) => return Ok(body.into()),
        }
    }
}

fn failure(question: &Question<'_>, error: &reqwest::Error, allowed: Duration) -> RegistryError {
    if let Some(refused) = refusal(error) {
        return refused;
    }
    let registry = question.registry.to_owned();
    if error.is_timeout() {
        return RegistryError::Timeout { registry, seconds: allowed.as_secs().max(1) };
    }
    let why = innermost(error);
    let lower = why.to_lowercase();
    let about_tls = ["certificate", "corrupt message", "handshake", "tls", "invalid peer", "fatal alert"];
    if about_tls.iter().any(|sign| lower.contains(sign)) {
        return RegistryError::Tls { registry, why };
    }
    RegistryError::Unreachable { registry, why }
}

/// The innermost cause: the outer ones repeat the URL, whose query is nobody's business.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(200).collect()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// `Retry-After`, in either of its forms.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(text).ok()?;
            until.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    (wait <= LONGEST_WAIT).then_some(wait)
}

/// Where a redirect leads, if it may be followed.
fn next_hop(url: &Url, location: &HeaderValue) -> Result<Url, String> {
    let next = location.to_str().ok().and_then(|location| url.join(location).ok());
    let next = next.filter(|next| next.host().is_some()).ok_or("to something that is no address")?;
    match (url.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return Err("from HTTPS to plain HTTP".to_owned()),
        _ => return Err("to something that is not HTTP".to_owned()),
    }
    if !next.username().is_empty() || next.password().is_some() {
        return Err("to an address with credentials in it".to_owned());
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_that_are_followed() {
        for (from, location, expected) in [
            ("https://a/v2/x", "/v2/y", Ok("https://a/v2/y")),
            ("https://a/v2/x", "https://b/c?sig=1", Ok("https://b/c?sig=1")),
            ("http://a/v2/x", "https://a/v2/x", Ok("https://a/v2/x")),
            ("http://a/", "http://b/", Ok("http://b/")),
            ("https://a/", "http://a/", Err("from HTTPS to plain HTTP")),
            ("https://a/", "file:///etc/passwd", Err("to something that is no address")),
            ("https://a/", "ftp://b/x", Err("to something that is not HTTP")),
            ("https://a/", "https://user@b/x", Err("to an address with credentials in it")),
            ("https://a/", "https://:p@b/x", Err("to an address with credentials in it")),
        ] {
            let next = next_hop(&Url::parse(from).unwrap(), &HeaderValue::from_static(location));
            assert_eq!(next.as_ref().map(Url::as_str).map_err(String::as_str), expected, "{location}");
        }
    }

    #[test]
    fn retry_after_has_two_forms() {
        let parsed = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(parsed("7"), Some(Duration::from_secs(7)));
        assert_eq!(parsed(" 0 "), Some(Duration::ZERO));
        assert_eq!(parsed("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(parsed(&soon).is_some_and(|wait| (90..=100).contains(&wait.as_secs())));
        for nonsense in ["", "soon", "-1", "1.5", "1700000000"] {
            assert_eq!(parsed(nonsense), None, "{nonsense}");
        }
    }
}
