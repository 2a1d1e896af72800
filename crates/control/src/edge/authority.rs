//! One order at a certificate authority (RFC 8555): who we are there, what it asks for, how it is answered.
//!
//! Hostnames are proved by what the ingresses answer without TLS (`HTTP-01`), wildcards by a record in DNS (`DNS-01`). Whatever
//! was put up as an answer is taken down again, also when the order fails or is given up.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt as _, Full};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use parking_lot::Mutex;
use pierhead_model::domain::Answer;
use secrecy::ExposeSecret as _;

use super::records::Records;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Of one call.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far more than any answer of an authority.
const LONGEST_ANSWER: usize = 1 << 20;
/// Until an authority has looked at an answer, or made a certificate.
const JUDGED_WITHIN: Duration = Duration::from_secs(120);
/// Until every ingress answers, and until a record is seen.
const PUT_UP_WITHIN: Duration = Duration::from_secs(20);
const SEEN_WITHIN: Duration = Duration::from_secs(90);

/// Where certificates are ordered.
#[derive(Debug, Clone)]
pub struct AcmeOptions {
    /// Of the directory.
    pub directory: String,
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// PEM certificates to trust beside the system's, when asking the authority.
    pub ca_bundle: Option<Vec<u8>>,
}

/// An authority, and the way to it.
pub(crate) struct Authority {
    options: AcmeOptions,
    http: reqwest::Client,
    /// What it said last about when to come back.
    retry_after: Arc<Mutex<Option<Duration>>>,
    account: tokio::sync::Mutex<Option<Account>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("directory", &self.options.directory).finish_non_exhaustive()
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct OrderError {
    pub(crate) detail: String,
    /// The authority wants nothing from us before this.
    pub(crate) limited_for: Option<Duration>,
}

impl OrderError {
    fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), limited_for: None }
    }
}

/// A certificate as it came.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(options: AcmeOptions) -> Result<Self, Error> {
        let mut http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("pierhead/", env!("CARGO_PKG_VERSION")));
        if let Some(bundle) = &options.ca_bundle {
            let certificates = reqwest::Certificate::from_pem_bundle(bundle).map_err(Error::internal)?;
            http = http.tls_certs_merge(certificates);
        }
        Ok(Self {
            options,
            http: http.build().map_err(Error::internal)?,
            retry_after: Arc::default(),
            account: tokio::sync::Mutex::default(),
        })
    }

    /// Orders a certificate for one name and waits for it.
    pub(crate) async fn order(&self, core: &Core, name: &str) -> Result<Issued, OrderError> {
        self.ordered(core, name).await.map_err(|error| match error {
            Failed::Ours(error) => error,
            Failed::Theirs(error) => self.refused(&error),
        })
    }

    async fn ordered(&self, core: &Core, name: &str) -> Result<Issued, Failed> {
        if !name.starts_with("*.") && core.edge.names.addresses(name).await == Answer::Nothing {
            return Err(OrderError::new(format!(
                "`{name}` has no address in DNS: point it at an ingress, and the certificate is ordered"
            ))
            .into());
        }
        let account = self.account(core).await?;
        let identifiers = [Identifier::Dns(name.to_owned())];
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let mut put_up = Vec::new();
        let judged = self.prove(core, name, &mut order, &mut put_up).await;
        for answer in put_up {
            answer.take_down(core).await;
        }
        judged?;
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&RetryPolicy::new().timeout(JUDGED_WITHIN)).await?;
        Ok(Issued { chain, key })
    }

    async fn prove(
        &self,
        core: &Core,
        name: &str,
        order: &mut Order,
        put_up: &mut Vec<PutUp>,
    ) -> Result<(), Failed> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                status => return Err(OrderError::new(format!("the authority calls it {status:?}")).into()),
            }
            let kind = if authorization.wildcard { ChallengeType::Dns01 } else { ChallengeType::Http01 };
            let offered = authorization.challenge(kind);
            let mut challenge =
                offered.ok_or_else(|| OrderError::new("the authority offers no challenge that fits"))?;
            let answer = challenge.key_authorization();
            if name.starts_with("*.") {
                let record = format!("_acme-challenge.{}", name.trim_start_matches("*."));
                let Some(records) = &core.edge.records else {
                    return Err(
                        OrderError::new("a wildcard needs a DNS provider: set `cloudflare.token`").into()
                    );
                };
                let value = answer.dns_value();
                let id = records.put_txt(&record, &value).await.map_err(OrderError::new)?;
                put_up.push(PutUp::Record(Arc::clone(records), id));
                self.until_seen(core, &record, &value).await?;
            } else {
                put_up.push(PutUp::Answer(challenge.token.clone()));
                let answering = core.ingresses.answer(&challenge.token, answer.as_str().to_owned());
                if tokio::time::timeout(PUT_UP_WITHIN, answering).await.is_err() {
                    return Err(OrderError::new("not every ingress took the answer to the challenge").into());
                }
            }
            challenge.set_ready().await?;
        }
        let status = order.poll_ready(&RetryPolicy::new().timeout(JUDGED_WITHIN)).await?;
        if matches!(status, OrderStatus::Ready | OrderStatus::Valid) {
            return Ok(());
        }
        Err(OrderError::new(self.why(order).await.unwrap_or_else(|| format!("the order is {status:?}")))
            .into())
    }

    /// What the authority found wrong.
    async fn why(&self, order: &mut Order) -> Option<String> {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let state = authorization.refresh().await.ok()?;
            if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return Some(problem.detail.clone().unwrap_or_else(|| problem.to_string()));
            }
        }
        None
    }

    async fn until_seen(&self, core: &Core, record: &str, value: &str) -> Result<(), OrderError> {
        let seen = async {
            loop {
                match core.edge.names.txt(record).await {
                    Answer::Records(texts) if texts.iter().any(|text| text == value) => return,
                    Answer::Records(_) | Answer::Nothing | Answer::Silence(_) => {}
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        };
        let within = tokio::time::timeout(SEEN_WITHIN, seen).await;
        within.map_err(|_| OrderError::new(format!("the record {record} was made, but DNS does not show it")))
    }

    /// Who we are there: made once, and kept.
    async fn account(&self, core: &Core) -> Result<Account, Failed> {
        let mut account = self.account.lock().await;
        if let Some(account) = &*account {
            return Ok(account.clone());
        }
        let directory = &self.options.directory;
        let place = format!("acme-account/{directory}");
        let stored = |error: Error| OrderError::new(error.to_string());
        if core.store.acme_account(directory).await.stored().map_err(stored)?.is_none() {
            let contact = self.options.email.as_ref().map(|email| format!("mailto:{email}"));
            let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
            let new =
                NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
            let (_, credentials) = self.builder().create(&new, directory.clone(), None).await?;
            let text = serde_json::to_string(&credentials).map_err(instant_acme::Error::Json)?;
            let sealed = core.key.seal(&place, &text, &*core.outside);
            let sealed = sealed.map_err(|error| OrderError::new(error.to_string()))?;
            let now = core.outside.now();
            core.store.acme_account_ensure(directory, &sealed, now).await.stored().map_err(stored)?;
        }
        // What is stored counts: somebody may have been faster.
        let sealed = core.store.acme_account(directory).await.stored().map_err(stored)?.unwrap_or_default();
        let opened = core
            .key
            .open(&place, &sealed)
            .map_err(|error| OrderError::new(format!("our account: {error}")))?;
        let credentials: AccountCredentials =
            serde_json::from_str(opened.expose_secret()).map_err(instant_acme::Error::Json)?;
        let opened = self.builder().from_credentials(credentials).await?;
        Ok(account.insert(opened).clone())
    }

    fn builder(&self) -> instant_acme::AccountBuilder {
        let http = Http { client: self.http.clone(), retry_after: Arc::clone(&self.retry_after) };
        Account::builder_with_http(Box::new(http))
    }

    fn refused(&self, error: &instant_acme::Error) -> OrderError {
        let told = self.retry_after.lock().take();
        let limited = match error {
            instant_acme::Error::Api(problem) => {
                let kind = problem.r#type.as_deref().unwrap_or_default();
                kind.ends_with(":rateLimited") || problem.status == Some(429) || problem.status == Some(503)
            }
            _ => false,
        };
        let limited_for = limited.then(|| told.unwrap_or(Duration::from_secs(3600)));
        OrderError { detail: format!("the authority: {error}"), limited_for }
    }
}

/// Something that waits for an authority to look at it.
enum PutUp {
    Answer(String),
    Record(Arc<dyn Records>, String),
}

impl PutUp {
    async fn take_down(self, core: &Core) {
        match self {
            Self::Answer(token) => core.ingresses.answer_no_more(&token),
            Self::Record(records, id) => {
                if let Err(error) = records.remove(&id).await {
                    tracing::warn!(error, id, "a record of a challenge stays in the zone");
                }
            }
        }
    }
}

enum Failed {
    Ours(OrderError),
    Theirs(instant_acme::Error),
}

impl From<OrderError> for Failed {
    fn from(error: OrderError) -> Self {
        Self::Ours(error)
    }
}

impl From<instant_acme::Error> for Failed {
    fn from(error: instant_acme::Error) -> Self {
        Self::Theirs(error)
    }
}

/// The client's way to the network: ours, with its limits.
struct Http {
    client: reqwest::Client,
    retry_after: Arc<Mutex<Option<Duration>>>,
}

impl HttpClient for Http {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let (client, retry_after) = (self.client.clone(), Arc::clone(&self.retry_after));
        let other = |error: Box<dyn std::error::Error + Send + Sync>| instant_acme::Error::Other(error);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|error| other(Box::new(error)))?.to_bytes();
            let sent = client
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers)
                .body(body)
                .send()
                .await
                .map_err(|error| other(Box::new(error)))?;
            let seconds = sent.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            if !sent.status().is_success() {
                *retry_after.lock() = seconds.map(Duration::from_secs);
            }
            let (status, headers) = (sent.status(), sent.headers().clone());
            let body = super::bounded(sent, LONGEST_ANSWER).await.map_err(|error| other(error.into()))?;
            let mut response = http::Response::new(Full::new(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(BytesResponse::from(response))
        })
    }
}
