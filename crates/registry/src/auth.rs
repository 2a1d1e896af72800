//! Who we say we are, and to whom.
//!
//! A registry names what it wants in the answer to a question that lacked it (`challenge`), and gets
//!
//! - a token from its token server, fetched with the credentials or without any, kept until it expires and fetched once
//!   however many ask at the same time; or
//! - the credentials themselves, if it asks for `Basic`.
//!
//! **Where credentials may go.** To the registry's own origin; and to its token server if that is on the same host, is the one
//! this registry is known to use ([`KNOWN_TOKEN_SERVERS`]), or was named by whoever set the registry up
//! ([`crate::Access::token_servers`]). The list goes by registry: that Docker Hub's tokens come from `auth.docker.io` does not
//! let another registry have credentials sent there. A token server elsewhere is asked for an anonymous token when there are
//! no credentials, and is an error when there are. Nothing is ever sent from HTTPS to plain HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::challenge::{self, Challenge};
use crate::error::RegistryError;
use crate::reference::Repository;
use crate::transport::{Question, Transport};

/// Registries whose token server is on another host, by their documentation.
pub const KNOWN_TOKEN_SERVERS: &[(&str, &str)] = &[
    ("docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
    ("registry.connect.redhat.com", "sso.redhat.com"),
];

/// A token that is about to expire is not used any more.
const EARLY: Duration = Duration::from_secs(10);
/// What a token without `expires_in` lasts, by the specification.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
const MAX_TOKEN_ANSWER: usize = 256 * 1024;
const MAX_TOKENS: u64 = 500;

/// A user name and a password, or a token used as one.
#[derive(Clone)]
pub struct Credentials {
    pub user: String,
    pub password: SecretString,
}

impl Credentials {
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: SecretString::from(password.into()) }
    }

    fn header(&self) -> Option<HeaderValue> {
        let pair = format!("{}:{}", self.user, self.password.expose_secret());
        sensitive(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

/// Neither name nor password: a name is often an account id that is nobody's business either.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To see whether the credentials are good; as `docker login`, without a scope.
    Greet,
    Read,
}

/// A token's place: empty until somebody needed one. Locked while it is fetched, so that it is fetched once.
type Place = Arc<tokio::sync::Mutex<Option<Token>>>;

/// What is known of how one registry wants to be asked.
pub(crate) struct Authenticator {
    /// For errors.
    registry: String,
    /// Where the API is.
    base: Url,
    token_servers: Vec<String>,
    credentials: Option<Credentials>,
    /// By repository; the empty name is the registry itself.
    tokens: moka::sync::Cache<String, Place>,
    /// The registry asked for credentials themselves, so they are sent without being asked for again.
    basic: Mutex<bool>,
}

impl Authenticator {
    pub(crate) fn new(
        name: &crate::RegistryName,
        base: Url,
        token_servers: Vec<String>,
        credentials: Option<Credentials>,
    ) -> Self {
        let known = KNOWN_TOKEN_SERVERS.iter().filter(|(registry, _)| *registry == name.as_str());
        let token_servers = known.map(|(_, host)| (*host).to_owned()).chain(token_servers).collect();
        let tokens = moka::sync::Cache::builder().max_capacity(MAX_TOKENS).build();
        let registry = name.to_string();
        Self { registry, base, token_servers, credentials, tokens, basic: Mutex::new(false) }
    }

    pub(crate) const fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    fn place(&self, repository: Option<&Repository>) -> Place {
        let key = repository.map(ToString::to_string).unwrap_or_default();
        self.tokens.get_with(key, Place::default)
    }

    /// What is sent without having been asked for, because it was asked for before.
    pub(crate) async fn known(&self, repository: Option<&Repository>) -> Option<HeaderValue> {
        if *self.basic.lock() {
            return self.credentials.as_ref().and_then(Credentials::header);
        }
        let place = self.place(repository);
        let token = place.lock().await;
        token.as_ref().filter(|token| token.until > Instant::now()).map(|token| token.header.clone())
    }

    /// What to send after a 401 whose challenges are in `headers`; `rejected` is what was sent before.
    pub(crate) async fn answer(
        &self,
        transport: &Transport,
        headers: &HeaderMap,
        repository: Option<&Repository>,
        rejected: Option<&HeaderValue>,
        deadline: Instant,
        purpose: Purpose,
    ) -> Result<HeaderValue, RegistryError> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<Challenge> = values.flat_map(challenge::parse).collect();
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        if let Some(Challenge::Bearer { realm, service, scope }) = bearer {
            let place = self.place(repository);
            let mut token = place.lock().await;
            let of_another = |token: &&Token| token.until > Instant::now() && Some(&token.header) != rejected;
            if let Some(token) = token.as_ref().filter(of_another) {
                return Ok(token.header.clone());
            }
            // Some registries name a made-up repository in the challenge of their greeting.
            let scope = scope.as_deref().filter(|_| purpose == Purpose::Read);
            let url = self.token_url(realm, service.as_deref(), scope, repository)?;
            let fresh = self.fetch(transport, url, repository, deadline).await?;
            let header = fresh.header.clone();
            *token = Some(fresh);
            return Ok(header);
        }
        if challenges.contains(&Challenge::Basic) {
            let refused = rejected.is_some();
            if let Some(header) = self.credentials.as_ref().and_then(Credentials::header).filter(|_| !refused)
            {
                *self.basic.lock() = true;
                return Ok(header);
            }
            return Err(self.unauthorized(None));
        }
        let why = "it wants a kind of authentication that no registry uses".to_owned();
        Err(RegistryError::NotARegistry { registry: self.registry.clone(), why })
    }

    /// Nobody knows us.
    fn unauthorized(&self, repository: Option<&Repository>) -> RegistryError {
        let registry = self.registry.clone();
        match repository {
            _ if self.has_credentials() => RegistryError::CredentialsRefused { registry },
            // Who asks without credentials is not told whether a repository is private or does not exist.
            Some(repository) => {
                RegistryError::RepositoryNotFound { registry, repository: repository.clone() }
            }
            None => RegistryError::CredentialsMissing { registry },
        }
    }

    /// What it means that the registry refused what was sent with the last request.
    pub(crate) fn refused(&self, repository: Option<&Repository>, status: StatusCode) -> RegistryError {
        let known = status == StatusCode::FORBIDDEN || !*self.basic.lock();
        match repository.filter(|_| self.has_credentials() && known) {
            // The credentials were good for a token, or are known; they are not good for this.
            Some(repository) => {
                RegistryError::Forbidden { registry: self.registry.clone(), repository: repository.clone() }
            }
            None => self.unauthorized(repository),
        }
    }

    /// The token server's URL with its query, if it may be asked.
    fn token_url(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        repository: Option<&Repository>,
    ) -> Result<Url, RegistryError> {
        let not_a_registry =
            |why: &str| RegistryError::NotARegistry { registry: self.registry.clone(), why: why.to_owned() };
        // A path alone is met behind reverse proxies.
        let mut url = self.base.join(realm).map_err(|_| not_a_registry("its token server has no address"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(not_a_registry("its token server is not an HTTP address"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(not_a_registry("its token server's address has credentials in it"));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let secure_enough = url.scheme() == "https" || self.base.scheme() == "http";
        let ours = url.host() == self.base.host() || self.token_servers.contains(&host);
        if self.has_credentials() && !(ours && secure_enough) {
            return Err(RegistryError::TokenServerElsewhere {
                registry: self.registry.clone(),
                realm: format!("{}://{host}", url.scheme()),
            });
        }
        let scope = scope.map(str::to_owned);
        let scope = scope.or_else(|| repository.map(|repository| format!("repository:{repository}:pull")));
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        for scope in scope.as_deref().unwrap_or_default().split_whitespace() {
            query.append_pair("scope", scope);
        }
        if let Some(credentials) = &self.credentials {
            query.append_pair("account", &credentials.user);
        }
        drop(query);
        Ok(url)
    }

    async fn fetch(
        &self,
        transport: &Transport,
        url: Url,
        repository: Option<&Repository>,
        deadline: Instant,
    ) -> Result<Token, RegistryError> {
        let reply = transport
            .ask(Question {
                registry: &self.registry,
                method: Method::GET,
                url,
                accept: Some("application/json"),
                authorization: self.credentials.as_ref().and_then(Credentials::header),
                what: "token",
                limit: MAX_TOKEN_ANSWER,
                deadline,
            })
            .await?;
        let registry = || self.registry.clone();
        match reply.status.as_u16() {
            200 => {}
            403 => return Err(self.refused(repository, reply.status)),
            400 | 401 | 404 => return Err(self.unauthorized(repository)),
            429 => {
                let retry_after = crate::transport::retry_after(&reply.headers);
                return Err(RegistryError::RateLimited { registry: registry(), retry_after });
            }
            status => return Err(RegistryError::ServerFault { registry: registry(), status }),
        }
        let not_a_token = || RegistryError::NotARegistry {
            registry: registry(),
            why: "its token server does not answer with a token".to_owned(),
        };
        let answer: TokenAnswer = serde_json::from_slice(&reply.body).map_err(|_| not_a_token())?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let header = token.and_then(|token| sensitive(&format!("Bearer {token}"))).ok_or_else(not_a_token)?;
        // `issued_at` is by the server's clock; what counts here is when it came.
        let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME);
        Ok(Token { header, until: Instant::now() + lifetime.saturating_sub(EARLY.min(lifetime / 2)) })
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticator(name: &str, base: &str, credentials: bool) -> Authenticator {
        Authenticator::new(
            &name.parse().unwrap(),
            Url::parse(base).unwrap(),
            vec!["login.example.com".to_owned()],
            credentials.then(|| Credentials::new("ann", "hunter2")),
        )
    }

    #[test]
    fn credentials_go_to_no_stranger() {
        let hub = ("docker.io", "https://registry-1.docker.io/");
        let own = ("registry.example.com", "https://registry.example.com:5000/");
        let plain = ("localhost:5000", "http://localhost:5000/");
        for ((name, base), realm, allowed) in [
            (hub, "https://auth.docker.io/token", true),
            (hub, "http://auth.docker.io/token", false),
            (hub, "https://auth.docker.io.evil.example/token", false),
            (own, "https://registry.example.com/token", true),
            (own, "/token", true),
            (own, "http://registry.example.com/token", false),
            (own, "https://auth.docker.io/token", false),
            (own, "https://login.example.com/token", true),
            (own, "https://evil.example/token?x=login.example.com", false),
            (plain, "http://localhost:5001/token", true),
            (plain, "http://127.0.0.1:5001/token", false),
        ] {
            let with = authenticator(name, base, true).token_url(realm, None, None, None);
            assert_eq!(with.is_ok(), allowed, "{realm} for {name}");
            if !allowed {
                assert!(matches!(with, Err(RegistryError::TokenServerElsewhere { .. })), "{realm}");
            }
            let without = authenticator(name, base, false).token_url(realm, None, None, None);
            assert!(without.is_ok(), "an anonymous token can be asked for: {realm}");
        }
    }

    #[test]
    fn a_token_is_asked_for_what_the_registry_wants_or_else_for_pulling() {
        let own = authenticator("registry.example.com", "https://registry.example.com/", true);
        let repository = "acme/api".parse().unwrap();
        let url =
            |scope| own.token_url("https://registry.example.com/t", Some("a b"), scope, Some(&repository));
        assert_eq!(
            url(None).unwrap().query(),
            Some("service=a+b&scope=repository%3Aacme%2Fapi%3Apull&account=ann")
        );
        assert_eq!(
            url(Some("repository:x:pull repository:y:pull")).unwrap().query(),
            Some("service=a+b&scope=repository%3Ax%3Apull&scope=repository%3Ay%3Apull&account=ann")
        );
    }

    #[test]
    fn realms_that_are_no_address_are_refused() {
        let own = authenticator("registry.example.com", "https://registry.example.com/", false);
        for realm in ["file:///etc/passwd", "javascript:x", "https://", "https://u:p@registry.example.com/t"]
        {
            let refused = own.token_url(realm, None, None, None);
            assert!(matches!(refused, Err(RegistryError::NotARegistry { .. })), "{realm}");
        }
    }

    #[test]
    fn nothing_of_the_credentials_is_printed() {
        let credentials = Credentials::new("ann", "hunter2");
        let header = credentials.header().unwrap();
        let printed = format!("{credentials:?} {header:?}");
        assert!(!printed.contains("ann") && !printed.contains("hunter2"), "{printed}");
        assert!(!printed.contains("YW5u"), "{printed}");
    }
}
