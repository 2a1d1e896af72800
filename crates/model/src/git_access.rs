//! How a repository is entered: a credential that is good for one server, and the keys by which servers are known.
//!
//! A credential is bound to the authority it was given for, so that neither a redirect, nor a submodule, nor somebody who
//! changes the project's repository carries it elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::source::RepositoryUrl;

/// Everything that is needed to enter a repository that not everybody may read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAccess {
    pub credential: Option<GitCredential>,
    /// Keys of servers that somebody approved, beside those that their operators publish.
    pub host_keys: Vec<HostKey>,
    /// Submodules on the same server are entered with the credential too. Not for what strangers wrote: a submodule says
    /// which repository it wants.
    pub submodules: bool,
}

/// What proves to a server that one may read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCredential {
    /// Host and port, as [`RepositoryUrl::authority`] says them: it is shown to nobody else.
    pub authority: String,
    pub secret: GitSecret,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GitSecret {
    /// For `https`.
    Token { username: String, token: String },
    /// For `ssh`: a private key, as OpenSSH writes it.
    Key { private_key: String },
}

/// Shows nothing secret.
impl std::fmt::Debug for GitCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.secret {
            GitSecret::Token { .. } => "token",
            GitSecret::Key { .. } => "key",
        };
        write!(f, "GitCredential({kind} for {}, [secret])", self.authority)
    }
}

impl std::fmt::Debug for GitSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GitSecret([secret])")
    }
}

impl GitAccess {
    /// Nothing but the public keys of well-known servers.
    pub const fn none() -> Self {
        Self { credential: None, host_keys: Vec::new(), submodules: false }
    }

    /// The name and the token for a repository over `https`.
    pub fn token_for(&self, repository: &RepositoryUrl) -> Option<(&str, &str)> {
        let credential = self.credential.as_ref()?;
        let GitSecret::Token { username, token } = &credential.secret else { return None };
        let fits = repository.is_https() && repository.authority() == credential.authority;
        fits.then_some((username.as_str(), token.as_str()))
    }

    /// The private key for a repository over `ssh`.
    pub fn key_for(&self, repository: &RepositoryUrl) -> Option<&str> {
        let credential = self.credential.as_ref()?;
        let GitSecret::Key { private_key } = &credential.secret else { return None };
        let fits = repository.is_ssh() && repository.authority() == credential.authority;
        fits.then_some(private_key.as_str())
    }

    /// The keys that a server may show: approved ones, and published ones.
    pub fn host_keys_of(&self, authority: &str) -> Vec<HostKey> {
        let approved = self.host_keys.iter().filter(|key| key.host == authority).cloned();
        let published = published(authority).filter(|key| !self.host_keys.contains(key));
        approved.chain(published).collect()
    }

    /// What a submodule is entered with.
    #[must_use]
    pub fn for_submodules(&self) -> Self {
        let credential = self.credential.clone().filter(|_| self.submodules);
        Self { credential, ..self.clone() }
    }
}

/// A key by which an ssh server is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// Host and port, as [`RepositoryUrl::authority`] says them.
    pub host: String,
    /// As ssh calls it: `ssh-ed25519`.
    pub algorithm: String,
    /// In base64.
    pub key: String,
}

impl HostKey {
    /// `None` when it is not a key of that algorithm.
    pub fn new(host: &str, algorithm: &str, key: &str) -> Option<Self> {
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let blob =
            STANDARD.decode(key).ok().filter(|_| plain(host) && plain(algorithm) && key.len() < 4096)?;
        // A key begins with its algorithm's name and the length of that.
        let length = u32::try_from(algorithm.len()).ok()?.to_be_bytes();
        let named = blob.strip_prefix(&length)?.strip_prefix(algorithm.as_bytes()).is_some();
        named.then(|| Self { host: host.to_owned(), algorithm: algorithm.to_owned(), key: key.to_owned() })
    }

    /// As ssh and the operators of servers show it: `SHA256:` and base64 without padding.
    pub fn fingerprint(&self) -> String {
        let blob = STANDARD.decode(&self.key).unwrap_or_default();
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
    }

    /// Whether the server's operator publishes it.
    pub fn is_published(&self) -> bool {
        published(&self.host).any(|key| key == *self)
    }
}

/// The keys that the operators of well-known servers publish. Sources, read 2026-11:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints>,
/// <https://docs.gitlab.com/user/gitlab_com/#ssh-host-keys-fingerprints>,
/// <https://bitbucket.org/site/ssh>, <https://docs.codeberg.org/security/ssh-fingerprint/>
const PUBLISHED: &[(&str, &str, &str)] = &[
    ("github.com", "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"),
    (
        "github.com",
        "ecdsa-sha2-nistp256",
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
    ),
    ("gitlab.com", "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf"),
    ("bitbucket.org", "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO"),
    ("codeberg.org", "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB"),
];

fn published(authority: &str) -> impl Iterator<Item = HostKey> {
    let of_host = PUBLISHED.iter().filter(move |(host, ..)| *host == authority);
    of_host.filter_map(|(host, algorithm, key)| HostKey::new(host, algorithm, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> RepositoryUrl {
        RepositoryUrl::parse(text).unwrap()
    }

    /// The fingerprints are those of the operators' pages.
    #[test]
    fn published_keys_are_those_that_are_published() {
        let fingerprints: Vec<(String, String)> = PUBLISHED
            .iter()
            .map(|(host, algorithm, key)| HostKey::new(host, algorithm, key).expect(key))
            .map(|key| (key.host.clone(), key.fingerprint()))
            .collect();
        let expected = [
            ("github.com", "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"),
            ("github.com", "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"),
            ("gitlab.com", "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8"),
            ("bitbucket.org", "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM"),
            ("codeberg.org", "SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g"),
        ];
        let expected = expected.map(|(host, print)| (host.to_owned(), print.to_owned()));
        assert_eq!(fingerprints, expected);
        assert_eq!(GitAccess::none().host_keys_of("github.com").len(), 2);
        assert!(GitAccess::none().host_keys_of("github.com:2222").is_empty(), "another server");
    }

    #[test]
    fn a_host_key_is_one() {
        let (.., key) = PUBLISHED[0];
        assert!(HostKey::new("h", "ssh-ed25519", key).is_some());
        for (host, algorithm, key) in
            [("h", "ssh-rsa", key), ("h x", "ssh-ed25519", key), ("h", "ssh-ed25519", "AAAA"), ("h", "", "")]
        {
            assert_eq!(HostKey::new(host, algorithm, key), None, "{host} {algorithm} {key}");
        }
    }

    #[test]
    fn a_credential_is_for_its_server_only() {
        let token = GitSecret::Token { username: "git".into(), token: "hunter2".into() };
        let key = GitSecret::Key { private_key: "hunter2".into() };
        let access = |authority: &str, secret: &GitSecret| GitAccess {
            credential: Some(GitCredential { authority: authority.to_owned(), secret: secret.clone() }),
            ..GitAccess::none()
        };
        for (authority, repository, with_token, with_key) in [
            ("example.com", "https://example.com/a/b", true, false),
            ("example.com", "https://example.com:443/a/b", true, false),
            ("example.com", "http://example.com/a/b", false, false),
            ("example.com", "https://example.com:8443/a/b", false, false),
            ("example.com:8443", "https://example.com:8443/a/b", true, false),
            ("example.com", "https://example.com.evil.net/a/b", false, false),
            ("example.com", "git@example.com:a/b.git", false, true),
            ("example.com", "ssh://git@example.com:22/a/b.git", false, true),
            ("example.com", "ssh://git@example.com:2222/a/b.git", false, false),
        ] {
            let found = access(authority, &token).token_for(&url(repository)).is_some();
            assert_eq!(found, with_token, "token {repository}");
            assert_eq!(
                access(authority, &key).key_for(&url(repository)).is_some(),
                with_key,
                "key {repository}"
            );
        }
        let access = access("example.com", &token);
        assert!(!format!("{access:?}").contains("hunter2"));
        assert_eq!(access.for_submodules().credential, None);
    }
}
