//! Where a repository really is: the host judged, redirects followed here.
//!
//! Git follows redirects without asking anybody, so it is not allowed to. The first request of a fetch (`info/refs`) is
//! made here instead, at most five hops, each host resolved and judged by the same rule; git then gets the last address and
//! the connection is pinned to what was judged.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::source::RepositoryUrl;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use url::{Host, Url};

use super::classify::{classify, sentence};
use super::entry::{self, Entry};
use super::{CloneError, host_keys};
use crate::address::{AddressError, AddressPolicy};

const MAX_REDIRECTS: usize = 5;
const SERVICE: &str = "service=git-upload-pack";
/// Hosting services answer git's protocol only to git.
const USER_AGENT: &str = "git/2.40.0 (pierhead)";

/// A repository that can be fetched from.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) url: String,
    /// `http.curloptResolve`: the name, the port and the judged addresses.
    pub(super) pin: Option<String>,
    /// Whether the server speaks git's own protocol; plain files over HTTP cannot be fetched shallowly.
    pub(super) smart: bool,
    pub(super) entry: Arc<Entry>,
    /// For ssh: the host, and the keys that it may show.
    known: Option<(String, Vec<HostKey>)>,
}

impl Remote {
    /// What belongs on git's command line before the command.
    pub(super) fn settings(&self) -> Vec<String> {
        let pin = self.pin.as_ref().map(|pin| format!("http.curloptResolve={pin}"));
        let settings = pin.into_iter().chain(self.entry.settings.iter().cloned());
        settings.flat_map(|setting| ["-c".to_owned(), setting]).collect()
    }

    /// A failure of git's, with what is known of this remote.
    pub(super) fn explained(&self, stderr: &str, what: &str) -> CloneError {
        let kind = classify(stderr);
        match &self.known {
            Some((host, keys)) if kind == CloneFailure::HostKeyChanged => host_keys::changed(host, keys),
            _ => CloneError::new(kind, format!("{what}: {}{}", sentence(stderr), remedy(kind))),
        }
    }
}

pub(super) fn remedy(kind: CloneFailure) -> &'static str {
    match kind {
        CloneFailure::NoCredentials => {
            ". Check the address, or give the project a deploy key or a token that may read the repository"
        }
        CloneFailure::RepositoryNotFound => {
            ". Check the address, and that the project's credential may read it"
        }
        CloneFailure::Timeout | CloneFailure::Unreachable => ". Try again later",
        CloneFailure::CertificateInvalid => ". Renew the certificate, or add its authority to the CA bundle",
        CloneFailure::AddressRefused
        | CloneFailure::HostKeyUnknown
        | CloneFailure::HostKeyChanged
        | CloneFailure::NoSuchReference
        | CloneFailure::CommitGone
        | CloneFailure::EmptyRepository
        | CloneFailure::TooLarge
        | CloneFailure::Submodule
        | CloneFailure::Other => "",
    }
}

/// Opens repositories.
#[derive(Debug)]
pub(super) struct Remotes {
    pub(super) policy: AddressPolicy,
    ca_bundle: Option<PathBuf>,
    /// Where credentials lie on a machine that has no memory for files.
    entries: PathBuf,
}

impl Remotes {
    pub(super) fn new(policy: AddressPolicy, ca_bundle: Option<PathBuf>, entries: PathBuf) -> Self {
        entry::sweep(&entries);
        Self { policy, ca_bundle, entries }
    }

    pub(super) async fn open(
        &self,
        repository: &RepositoryUrl,
        access: &GitAccess,
    ) -> Result<Remote, CloneError> {
        let url = Url::parse(repository.as_str()).map_err(|_| {
            CloneError::new(CloneFailure::Unreachable, format!("`{repository}` is not an address"))
        })?;
        if repository.is_ssh() {
            self.open_ssh(&url, repository, access).await
        } else {
            self.open_http(url, access.token_for(repository)).await
        }
    }

    /// The host is replaced by a judged address: ssh would resolve the name again.
    async fn open_ssh(
        &self,
        url: &Url,
        repository: &RepositoryUrl,
        access: &GitAccess,
    ) -> Result<Remote, CloneError> {
        let host = repository.authority().to_owned();
        let keys = access.host_keys_of(&host);
        if keys.is_empty() {
            return Err(host_keys::unknown(&host, &self.host_keys(repository).await?));
        }
        let entry = Entry::ssh(&keys, access.key_for(repository), &self.entries)
            .map_err(|error| CloneError::internal("writing the repository's key", &error))?;
        let addresses = self.policy.resolve(url).await.map_err(|error| refused(&error))?;
        let address = addresses.first().map(SocketAddr::ip);
        let address =
            address.ok_or_else(|| CloneError::new(CloneFailure::Unreachable, "the host has no address"))?;
        let ip = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let user = if url.username().is_empty() { String::new() } else { format!("{}@", url.username()) };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Remote {
            url: format!("ssh://{user}{ip}{port}{}", url.path()),
            pin: None,
            smart: true,
            entry: Arc::new(entry),
            known: Some((host, keys)),
        })
    }

    /// A token is shown to the server it is for, and to none that a redirect leads to.
    async fn open_http(&self, mut url: Url, token: Option<(&str, &str)>) -> Result<Remote, CloneError> {
        let origin = url.origin();
        for _ in 0..=MAX_REDIRECTS {
            let addresses = self.policy.resolve(&url).await.map_err(|error| refused(&error))?;
            let token = token.filter(|_| url.origin() == origin);
            let response = self.ask(&url, &addresses, token).await?;
            let status = response.status();
            if status.is_redirection() {
                url = next_hop(&url, &response)?;
                continue;
            }
            let kind =
                response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let smart = kind.starts_with("application/x-git-upload-pack-advertisement");
            check_status(&url, status, token.is_some())?;
            if !smart {
                check_dumb(&url, response).await?;
            }
            let entry = match token {
                Some((username, token)) => {
                    Entry::token(&url.origin().ascii_serialization(), username, token, &self.entries)
                        .map_err(|error| CloneError::internal("writing the repository's token", &error))?
                }
                None => Entry::default(),
            };
            let pin = pin(&url, &addresses);
            return Ok(Remote { pin, url: url.to_string(), smart, entry: Arc::new(entry), known: None });
        }
        Err(CloneError::new(
            CloneFailure::Unreachable,
            format!("the repository redirects more than {MAX_REDIRECTS} times: use its final address"),
        ))
    }

    async fn ask(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
        token: Option<(&str, &str)>,
    ) -> Result<reqwest::Response, CloneError> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .connect_timeout(Duration::from_secs(15))
            .timeout(Duration::from_secs(30));
        if let Some(Host::Domain(name)) = url.host() {
            client = client.resolve_to_addrs(name, addresses);
        }
        if let Some(bundle) = &self.ca_bundle {
            client = client.tls_certs_merge(certificates(bundle).await?);
        }
        let client =
            client.build().map_err(|error| CloneError::new(CloneFailure::Other, describe(&error)))?;
        let mut refs = url.clone();
        refs.set_path(&format!("{}/info/refs", url.path().trim_end_matches('/')));
        refs.set_query(Some(SERVICE));
        let mut request = client.get(refs).header("Git-Protocol", "version=2");
        if let Some((username, token)) = token {
            request = request.basic_auth(username, Some(token));
        }
        request.send().await.map_err(|error| unreachable(url, &error))
    }
}

async fn certificates(bundle: &std::path::Path) -> Result<Vec<reqwest::Certificate>, CloneError> {
    let unusable = |error: &dyn std::fmt::Display| {
        CloneError::new(
            CloneFailure::CertificateInvalid,
            format!("the bundle of certificates `{}` cannot be used: {error}", bundle.display()),
        )
    };
    let content = fs_err::tokio::read(bundle).await.map_err(|error| unusable(&error))?;
    reqwest::Certificate::from_pem_bundle(&content).map_err(|error| unusable(&error))
}

pub(super) fn refused(error: &AddressError) -> CloneError {
    let kind = match error {
        AddressError::Unresolved(_) => CloneFailure::Unreachable,
        AddressError::Refused { .. } | AddressError::Unusable(_) => CloneFailure::AddressRefused,
    };
    CloneError::new(kind, error.to_string())
}

/// The base address that a redirect leads to.
fn next_hop(url: &Url, response: &reqwest::Response) -> Result<Url, CloneError> {
    let nowhere = || {
        CloneError::new(
            CloneFailure::RepositoryNotFound,
            format!("{} redirects to something that is not a repository: check the address", shown(url)),
        )
    };
    let location =
        response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).ok_or_else(nowhere)?;
    let refs = format!("{}/info/refs", url.as_str().trim_end_matches('/'));
    let mut next = Url::parse(&refs).and_then(|refs| refs.join(location)).map_err(|_| nowhere())?;
    let downgraded = url.scheme() == "https" && next.scheme() != "https";
    if !matches!(next.scheme(), "http" | "https") || downgraded || !next.username().is_empty() {
        return Err(CloneError::new(
            CloneFailure::AddressRefused,
            format!("{} redirects to an address that is not followed ({}:)", shown(url), next.scheme()),
        ));
    }
    let path = next.path().strip_suffix("/info/refs").ok_or_else(nowhere)?.to_owned();
    next.set_path(&path);
    next.set_query(None);
    next.set_fragment(None);
    Ok(next)
}

fn check_status(url: &Url, status: StatusCode, with_token: bool) -> Result<(), CloneError> {
    let shown = shown(url);
    let (kind, detail) = match status {
        status if status.is_success() => return Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_token => (
            CloneFailure::NoCredentials,
            format!(
                "{shown} does not accept the project's token ({status}): it has expired, was revoked, or may not read the \
                 repository. Give the project a new one"
            ),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            CloneFailure::NoCredentials,
            format!(
                "{shown} asks for credentials ({status}): the repository is private or does not exist. Check the address, \
                 or give the project access to it"
            ),
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => (
            CloneFailure::RepositoryNotFound,
            format!("there is no repository at {shown} ({status}): check the address"),
        ),
        status => (CloneFailure::Unreachable, format!("{shown} answers {status}: try again later")),
    };
    Err(CloneError::new(kind, detail))
}

/// A repository served as plain files lists its references as lines of a hash and a name.
async fn check_dumb(url: &Url, response: reqwest::Response) -> Result<(), CloneError> {
    let mut pieces = response.bytes_stream();
    let first = match pieces.next().await {
        Some(Ok(piece)) => piece,
        Some(Err(error)) => return Err(unreachable(url, &error)),
        None => return Err(CloneError::new(CloneFailure::EmptyRepository, empty_sentence())),
    };
    let line = first.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let hash = line.split(|&byte| byte == b'\t').next().unwrap_or_default();
    let is_hash = matches!(hash.len(), 40 | 64) && hash.iter().all(u8::is_ascii_hexdigit);
    if is_hash {
        return Ok(());
    }
    Err(CloneError::new(
        CloneFailure::RepositoryNotFound,
        format!("what answers at {} is not a git repository: check the address", shown(url)),
    ))
}

pub(super) fn empty_sentence() -> &'static str {
    "the repository is empty: push a first commit, then deploy again"
}

fn unreachable(url: &Url, error: &reqwest::Error) -> CloneError {
    let why = describe(error);
    let lower = why.to_lowercase();
    if error.is_timeout() {
        return CloneError::new(
            CloneFailure::Timeout,
            format!("{} did not answer in time: try again later", shown(url)),
        );
    }
    if lower.contains("certificate") {
        return CloneError::new(
            CloneFailure::CertificateInvalid,
            format!(
                "the certificate of {} is not trusted ({why}): renew it, or add its authority to the CA bundle",
                shown(url)
            ),
        );
    }
    CloneError::new(
        CloneFailure::Unreachable,
        format!("{} cannot be reached ({why}): check the address", shown(url)),
    )
}

/// The innermost cause: the outer ones repeat the address.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(200).collect()
}

/// Scheme, host and path: a query may hold what is nobody's business.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn pin(url: &Url, addresses: &[SocketAddr]) -> Option<String> {
    let Some(Host::Domain(name)) = url.host() else { return None };
    let port = url.port_or_known_default()?;
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| match address.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        })
        .collect();
    Some(format!("{name}:{port}:{}", addresses.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_pinned_to_all_judged_addresses() {
        let url = Url::parse("https://example.com/a.git").unwrap();
        let addresses = ["192.0.2.1:443".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap()];
        assert_eq!(pin(&url, &addresses).unwrap(), "example.com:443:192.0.2.1,[2001:db8::1]");
        assert_eq!(
            pin(&Url::parse("http://127.0.0.1:1/a").unwrap(), &addresses),
            None,
            "there is no name to resolve"
        );
    }

    #[test]
    fn what_is_shown_holds_no_query() {
        assert_eq!(shown(&Url::parse("https://h:1/a?token=x").unwrap()), "https://h:1/a");
    }
}
