//! A registry as the rest of Pierhead sees it.
//!
//! The protocol is the OCI distribution specification 1.1, with what registries really do where it is silent: no `Link` on a
//! page that is not the last, `"tags": null`, no digest in the answer's head, errors without a body.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pierhead_model::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::auth::{Authenticator, Credentials, Purpose};
use crate::challenge;
use crate::error::RegistryError;
use crate::manifest::{self, Config, ImageInfo, Manifest, Platform};
use crate::page::next_query;
use crate::reference::{ImageDigest, RegistryName, Repository, Selector, Tag};
use crate::transport::{Question, Reply, Transport, retry_after};

/// Tags asked for at once; what registries allow at most.
const PAGE: usize = 1000;
/// The specification has registries accept manifests of 4 MiB.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;
const MAX_CONFIG: usize = 4 * 1024 * 1024;
const MAX_PAGE: usize = 4 * 1024 * 1024;
const MAX_PING: usize = 64 * 1024;
const CREATED_KEPT: u64 = 5_000;

/// How a registry is reached and who we are there.
#[derive(Debug, Clone)]
pub struct Access {
    pub name: RegistryName,
    pub credentials: Option<Credentials>,
    /// Without TLS. The credentials are then readable on the way.
    pub plain_http: bool,
    /// Hosts other than the registry's own to which the credentials may be sent for a token.
    pub token_servers: Vec<String>,
}

impl Access {
    pub const fn anonymous(name: RegistryName) -> Self {
        Self { name, credentials: None, plain_http: false, token_servers: Vec::new() }
    }
}

/// What a test of the connection found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// The credentials are good.
    Authenticated,
    /// There are no credentials, and none are needed to ask.
    Anonymous,
}

/// The tags of a repository, in the registry's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagList {
    pub tags: Vec<Tag>,
    /// There are more than are read.
    pub truncated: bool,
}

struct Inner {
    name: RegistryName,
    base: Url,
    auth: Authenticator,
    transport: Transport,
    id: u64,
    /// When images were made, by digest: that never changes.
    created: moka::sync::Cache<ImageDigest, Option<Timestamp>>,
}

/// One registry with one set of credentials. Cheap to clone; what it learnt (tokens, dates) is shared by the clones and by
/// nobody else, so what one account may see is never shown to another.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.0.name).finish()
    }
}

/// What one request is about.
struct Ask<'a> {
    method: Method,
    path: String,
    query: Option<&'a str>,
    accept: Option<&'static str>,
    repository: Option<&'a Repository>,
    what: &'static str,
    limit: usize,
    deadline: Instant,
}

impl Registry {
    pub fn new(transport: &Transport, access: Access) -> Result<Self, RegistryError> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let scheme = if access.plain_http { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/", access.name.api_host()));
        let base = base.map_err(|_| RegistryError::Unresolved { host: access.name.to_string() })?;
        let auth = Authenticator::new(&access.name, base.clone(), access.token_servers, access.credentials);
        Ok(Self(Arc::new(Inner {
            name: access.name,
            base,
            auth,
            transport: transport.clone(),
            id: IDS.fetch_add(1, Ordering::Relaxed),
            created: moka::sync::Cache::builder().max_capacity(CREATED_KEPT).build(),
        })))
    }

    pub fn name(&self) -> &RegistryName {
        &self.0.name
    }

    /// Tells this registry with these credentials from every other in the process.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    fn shown(&self) -> String {
        self.0.name.to_string()
    }

    fn not_a_registry(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::NotARegistry { registry: self.shown(), why: why.into() }
    }

    /// Whether this is a registry, and whether it accepts the credentials.
    ///
    /// Without credentials a registry that hands out tokens counts as reached: what its anonymous tokens are good for depends
    /// on the repository.
    pub async fn ping(&self) -> Result<Ping, RegistryError> {
        let deadline = self.0.transport.deadline();
        let ask = || Ask {
            method: Method::GET,
            path: "v2/".to_owned(),
            query: None,
            accept: None,
            repository: None,
            what: "greeting",
            limit: MAX_PING,
            deadline,
        };
        let first = self.send(ask(), None).await?;
        let reply = if first.status == StatusCode::UNAUTHORIZED && first.own {
            if !self.0.auth.has_credentials() && offers_tokens(&first.headers) {
                return Ok(Ping::Anonymous);
            }
            let header = self
                .0
                .auth
                .answer(&self.0.transport, &first.headers, None, None, deadline, Purpose::Greet)
                .await?;
            self.send(ask(), Some(header)).await?
        } else {
            first
        };
        if !reply.status.is_success() {
            return Err(self.problem(&reply, None, None));
        }
        let api = reply.headers.contains_key("docker-distribution-api-version");
        let json = serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok();
        if !(api || json || reply.body.is_empty()) {
            return Err(self.not_a_registry("it answers with a page for people"));
        }
        Ok(if self.0.auth.has_credentials() { Ping::Authenticated } else { Ping::Anonymous })
    }

    /// All tags of a repository, in the registry's order.
    ///
    /// Read until there are no more, up to the limits of pages and tags. Pages are followed by `Link`; a full page without one
    /// is followed by asking for what comes after its last tag, because some registries do not send it.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList, RegistryError> {
        let deadline = self.0.transport.deadline();
        let limits = &self.0.transport.limits;
        let mut tags = Vec::new();
        let mut seen: HashSet<Tag> = HashSet::new();
        let mut query = format!("n={PAGE}");
        for _ in 0..limits.pages {
            let reply = self.page(repository, &query, deadline).await?;
            let read: RawTags = serde_json::from_slice(&reply.body)
                .map_err(|_| self.not_a_registry("its list of tags is not one"))?;
            let names = read.tags.unwrap_or_default();
            let before = tags.len();
            for tag in names.iter().filter_map(|name| name.parse::<Tag>().ok()) {
                if tags.len() == limits.tags {
                    return Ok(TagList { tags, truncated: true });
                }
                if seen.insert(tag.clone()) {
                    tags.push(tag);
                }
            }
            // A page that brings nothing new would be followed for ever.
            let progressed = tags.len() > before;
            let last = names.last().filter(|_| names.len() == PAGE);
            let page = self.url(&format!("v2/{repository}/tags/list"), None)?;
            let next = next_query(&reply.headers, &page).or_else(|| last.map(|last| after(last)));
            match next.filter(|_| progressed) {
                Some(next) => query = next,
                None => return Ok(TagList { tags, truncated: false }),
            }
        }
        Ok(TagList { tags, truncated: true })
    }

    async fn page(
        &self,
        repository: &Repository,
        query: &str,
        deadline: Instant,
    ) -> Result<Reply, RegistryError> {
        let ask = |query| Ask {
            method: Method::GET,
            path: format!("v2/{repository}/tags/list"),
            query,
            accept: Some("application/json"),
            repository: Some(repository),
            what: "tags",
            limit: MAX_PAGE,
            deadline,
        };
        let mut reply = self.get(ask(Some(query))).await?;
        // Its maximum is lower than what was asked for, and it does not say what it is.
        if reply.status == StatusCode::BAD_REQUEST
            && codes(&reply).iter().any(|code| code.starts_with("PAGINATION"))
        {
            reply = self.get(ask(None)).await?;
        }
        if reply.status.is_success() { Ok(reply) } else { Err(self.problem(&reply, Some(repository), None)) }
    }

    /// The digest that a tag stands for now. Asked without reading the manifest, which registries that count pulls do not count.
    pub async fn digest(
        &self,
        repository: &Repository,
        selector: &Selector,
    ) -> Result<ImageDigest, RegistryError> {
        self.digest_before(repository, selector, self.0.transport.deadline()).await
    }

    async fn digest_before(
        &self,
        repository: &Repository,
        selector: &Selector,
        deadline: Instant,
    ) -> Result<ImageDigest, RegistryError> {
        let reply = self.get(manifest_ask(Method::HEAD, repository, selector, deadline)).await?;
        if !reply.status.is_success() {
            return Err(self.problem(&reply, Some(repository), Some(selector)));
        }
        match content_digest(&reply.headers) {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest_before(repository, selector, deadline).await?.digest().clone()),
        }
    }

    /// The manifest behind a tag or a digest, checked against the digest.
    pub async fn manifest(
        &self,
        repository: &Repository,
        selector: &Selector,
    ) -> Result<Manifest, RegistryError> {
        self.manifest_before(repository, selector, self.0.transport.deadline()).await
    }

    async fn manifest_before(
        &self,
        repository: &Repository,
        selector: &Selector,
        deadline: Instant,
    ) -> Result<Manifest, RegistryError> {
        let reply = self.get(manifest_ask(Method::GET, repository, selector, deadline)).await?;
        if !reply.status.is_success() {
            return Err(self.problem(&reply, Some(repository), Some(selector)));
        }
        let claimed = content_digest(&reply.headers);
        let digest = match (selector, claimed) {
            (Selector::Digest(digest), _) => digest.clone(),
            (Selector::Tag(_), Some(claimed)) => claimed,
            (Selector::Tag(_), None) => ImageDigest::of(&reply.body),
        };
        self.check(&digest, &reply.body)?;
        let kind = reply.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Manifest::parse(digest, kind, &reply.body)
            .ok_or_else(|| self.not_a_registry("what it calls a manifest is none that can be run"))
    }

    fn check(&self, digest: &ImageDigest, body: &[u8]) -> Result<(), RegistryError> {
        if digest.matches(body) {
            return Ok(());
        }
        Err(RegistryError::DigestMismatch { registry: self.shown(), digest: digest.clone() })
    }

    /// What an image is, for a platform. `None` takes whichever the image has first: for what does not depend on it.
    pub async fn image(
        &self,
        repository: &Repository,
        selector: &Selector,
        platform: Option<&Platform>,
    ) -> Result<ImageInfo, RegistryError> {
        self.image_before(repository, selector, platform, self.0.transport.deadline()).await
    }

    async fn image_before(
        &self,
        repository: &Repository,
        selector: &Selector,
        wanted: Option<&Platform>,
        deadline: Instant,
    ) -> Result<ImageInfo, RegistryError> {
        let missing = |offered: String| RegistryError::PlatformMissing {
            repository: repository.clone(),
            selector: selector.clone(),
            wanted: wanted.map_or_else(|| "any platform".to_owned(), ToString::to_string),
            offered,
        };
        let top = self.manifest_before(repository, selector, deadline).await?;
        let digest = top.digest().clone();
        let (image, offered) = match top {
            Manifest::Index { manifests, .. } => {
                let offered = manifest::offered(&manifests);
                let chosen = manifest::choose(&manifests, wanted).ok_or_else(|| missing(offered.clone()))?;
                let selector = Selector::Digest(chosen.digest.clone());
                (self.manifest_before(repository, &selector, deadline).await?, Some(offered))
            }
            image @ Manifest::Image { .. } => (image, None),
        };
        let Manifest::Image { config, layers, .. } = image else {
            return Err(self.not_a_registry("its index leads to another index"));
        };
        let reply = self
            .get(Ask {
                method: Method::GET,
                path: format!("v2/{repository}/blobs/{}", config.digest),
                query: None,
                accept: None,
                repository: Some(repository),
                what: "an image's configuration",
                limit: MAX_CONFIG,
                deadline,
            })
            .await?;
        if !reply.status.is_success() {
            return Err(self.problem(&reply, Some(repository), Some(selector)));
        }
        self.check(&config.digest, &reply.body)?;
        let config = Config::parse(&reply.body)
            .ok_or_else(|| self.not_a_registry("this image has no configuration that can be run"))?;
        if offered.is_none() && wanted.is_some_and(|wanted| !config.serves(wanted)) {
            return Err(missing(config.platform.to_string()));
        }
        let size = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
        let Config { platform, created, labels, ports } = config;
        Ok(ImageInfo { digest, platform, created, labels, ports, size })
    }

    /// When the image behind a tag was made, as far as it says. Three requests the first time, one after that.
    pub async fn created(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Timestamp>, RegistryError> {
        let deadline = self.0.transport.deadline();
        let digest = self.digest_before(repository, &Selector::Tag(tag.clone()), deadline).await?;
        if let Some(created) = self.0.created.get(&digest) {
            return Ok(created);
        }
        let by_digest = Selector::Digest(digest.clone());
        let created = self.image_before(repository, &by_digest, None, deadline).await?.created;
        self.0.created.insert(digest, created);
        Ok(created)
    }

    /// Asks, authenticating if that is wanted.
    async fn get(&self, ask: Ask<'_>) -> Result<Reply, RegistryError> {
        let (auth, transport) = (&self.0.auth, &self.0.transport);
        let again = Ask { path: ask.path.clone(), method: ask.method.clone(), ..ask };
        let (repository, deadline) = (ask.repository, ask.deadline);
        let sent = auth.known(repository).await;
        let reply = self.send(ask, sent.clone()).await?;
        // A 401 of a host that we were redirected to is not the registry's wish.
        if reply.status != StatusCode::UNAUTHORIZED || !reply.own {
            return Ok(reply);
        }
        let header = auth
            .answer(transport, &reply.headers, repository, sent.as_ref(), deadline, Purpose::Read)
            .await?;
        self.send(again, Some(header)).await
    }

    async fn send(
        &self,
        ask: Ask<'_>,
        authorization: Option<reqwest::header::HeaderValue>,
    ) -> Result<Reply, RegistryError> {
        let url = self.url(&ask.path, ask.query)?;
        let registry = self.shown();
        let question = Question {
            registry: &registry,
            method: ask.method,
            url,
            accept: ask.accept,
            authorization,
            what: ask.what,
            limit: ask.limit,
            deadline: ask.deadline,
        };
        self.0.transport.ask(question).await
    }

    fn url(&self, path: &str, query: Option<&str>) -> Result<Url, RegistryError> {
        let mut url =
            self.0.base.join(path).map_err(|_| self.not_a_registry("its address cannot be used"))?;
        url.set_query(query);
        Ok(url)
    }

    /// What an answer means that is none.
    fn problem(
        &self,
        reply: &Reply,
        repository: Option<&Repository>,
        selector: Option<&Selector>,
    ) -> RegistryError {
        let registry = self.shown();
        let codes = codes(reply);
        let status = reply.status;
        match (reply.status.as_u16(), repository, selector) {
            (401 | 403, ..) => self.0.auth.refused(repository, status),
            (404, Some(repository), _) if codes.iter().any(|code| code == "NAME_UNKNOWN") => {
                RegistryError::RepositoryNotFound { registry, repository: repository.clone() }
            }
            (404, Some(repository), Some(selector)) => RegistryError::ManifestNotFound {
                registry,
                repository: repository.clone(),
                selector: selector.clone(),
            },
            (404, Some(repository), None) if !codes.is_empty() => {
                RegistryError::RepositoryNotFound { registry, repository: repository.clone() }
            }
            (429, ..) => RegistryError::RateLimited { registry, retry_after: retry_after(&reply.headers) },
            (status @ 500.., ..) => RegistryError::ServerFault { registry, status },
            (400, ..) if String::from_utf8_lossy(&reply.body).contains("HTTPS server") => {
                self.not_a_registry("it speaks HTTPS, and is set up as plain HTTP")
            }
            _ => self.not_a_registry(format!("it answers {}", reply.status)),
        }
    }
}

fn manifest_ask<'a>(
    method: Method,
    repository: &'a Repository,
    selector: &Selector,
    deadline: Instant,
) -> Ask<'a> {
    Ask {
        method,
        path: format!("v2/{repository}/manifests/{selector}"),
        query: None,
        accept: Some(manifest::ACCEPT),
        repository: Some(repository),
        what: "manifest",
        limit: MAX_MANIFEST,
        deadline,
    }
}

fn content_digest(headers: &HeaderMap) -> Option<ImageDigest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

fn offers_tokens(headers: &HeaderMap) -> bool {
    let values = headers.get_all(reqwest::header::WWW_AUTHENTICATE).iter();
    let mut challenges = values.filter_map(|value| value.to_str().ok()).flat_map(challenge::parse);
    challenges.any(|challenge| matches!(challenge, challenge::Challenge::Bearer { .. }))
}

/// The query for what comes after a tag.
fn after(last: &str) -> String {
    url::form_urlencoded::Serializer::new(format!("n={PAGE}")).append_pair("last", last).finish()
}

#[derive(Deserialize)]
struct RawTags {
    tags: Option<Vec<String>>,
}

/// The specification's error codes in an answer.
fn codes(reply: &Reply) -> Vec<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Code>,
    }
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let errors = serde_json::from_slice::<Errors>(&reply.body);
    errors.map(|errors| errors.errors.into_iter().map(|error| error.code).collect()).unwrap_or_default()
}
