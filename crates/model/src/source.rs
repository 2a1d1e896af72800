//! Where source comes from: repository addresses, references, folders. Each is checked once, before any program sees it.
//!
//! Addresses and references end up on git's command line, so none may start with `-`, and only transports that cannot run a
//! program or read the host's files are let through (`https`, `http`, `ssh`).

use serde::{Deserialize, Serialize};

/// Why a source was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    #[error("`{0}` is not a repository address: use https://host/path or ssh://user@host/path")]
    Address(String),
    #[error("`{0}:` addresses are not allowed: use https or ssh")]
    Transport(String),
    #[error("the address holds a password: remove it and store the credential with the project instead")]
    Credentials,
    #[error("`{0}` is not a branch, tag or commit")]
    Reference(String),
    #[error("`{0}` is not a folder inside the repository: use a relative path without `..`")]
    Folder(String),
}

/// A repository's address, safe to hand to git after `--`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryUrl(String);

impl RepositoryUrl {
    /// Accepts `https://`, `http://`, `ssh://` and the short form `user@host:path`.
    pub fn parse(text: &str) -> Result<Self, InvalidSource> {
        let invalid = || InvalidSource::Address(text.chars().take(200).collect());
        if text.is_empty() || text.len() > 2048 || text.starts_with('-') {
            return Err(invalid());
        }
        if text.bytes().any(|b| b.is_ascii_control() || b == b' ' || b == b'\\') || !text.is_ascii() {
            return Err(invalid());
        }
        if text.contains("::") && !text.contains("[") {
            return Err(InvalidSource::Transport(text.split("::").next().unwrap_or_default().to_owned()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::parse_short_ssh(text).ok_or_else(invalid);
        };
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https" | "http" | "ssh") {
            return Err(InvalidSource::Transport(scheme));
        }
        let (authority, path) = rest.split_once('/').ok_or_else(invalid)?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) || (user.is_some() && scheme != "ssh") {
            return Err(InvalidSource::Credentials);
        }
        let user_is_valid = user.is_none_or(is_plain_word);
        if !user_is_valid || !is_host_and_port(host) || path.is_empty() || path.starts_with('-') {
            return Err(invalid());
        }
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        Ok(Self(format!("{scheme}://{user}{}/{path}", host.to_ascii_lowercase())))
    }

    /// `git@host:team/repository.git`, as hosting services print it.
    fn parse_short_ssh(text: &str) -> Option<Self> {
        let (user, rest) = text.split_once('@')?;
        let (host, path) = rest.split_once(':')?;
        let valid = is_plain_word(user)
            && is_host_and_port(host)
            && !path.is_empty()
            && !path.starts_with(['-', '/']);
        valid.then(|| Self(format!("ssh://{user}@{}/{path}", host.to_ascii_lowercase())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the path without `.git`: what a project made from this address is called.
    pub fn short_name(&self) -> &str {
        let path = self.0.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        last.strip_suffix(".git").unwrap_or(last)
    }

    pub fn is_ssh(&self) -> bool {
        self.0.starts_with("ssh:")
    }

    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The host, and the port when it is not the scheme's own: whom a credential is shown to.
    pub fn authority(&self) -> &str {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        host.strip_suffix(usual_port(scheme)).unwrap_or(host)
    }

    /// Host and path, however the address is written: what two addresses of one repository have in common.
    ///
    /// Hosting services take no notice of case, and neither does this: it finds candidates and proves nothing.
    pub fn place(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = host.strip_suffix(usual_port(scheme)).unwrap_or(host);
        let path = path.trim_matches('/').to_ascii_lowercase();
        let path = path.strip_suffix(".git").unwrap_or(&path);
        format!("{host}/{path}")
    }
}

/// The port that is meant when there is none.
fn usual_port(scheme: &str) -> &'static str {
    match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => ":22",
    }
}

fn is_plain_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_is_valid = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_valid = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_plain_word(host),
    };
    port_is_valid && host_is_valid
}

impl std::fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch, tag or commit, safe to hand to git.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GitReference(String);

impl GitReference {
    /// The rules of `git check-ref-format`, and no leading `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidSource> {
        let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
        let bad_byte =
            |b: u8| b.is_ascii_control() || b" ~^:?*[\\'\"`$;&|<>(){}!#%,".contains(&b) || !b.is_ascii();
        let refused = text.is_empty()
            || text.len() > 255
            || text.starts_with(['-', '/', '@'])
            || text.ends_with(['/', '.'])
            || text.contains("..")
            || text.contains("@{")
            || text.bytes().any(bad_byte)
            || text.split('/').any(bad_part);
        if refused {
            return Err(InvalidSource::Reference(text.chars().take(200).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a full commit hash (SHA-1 or SHA-256).
    pub fn is_commit(&self) -> bool {
        matches!(self.0.len(), 40 | 64)
            && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl std::fmt::Display for GitReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder inside a repository, `.` for its root: relative and normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Folder(String);

impl Default for Folder {
    fn default() -> Self {
        Self(".".to_owned())
    }
}

impl Folder {
    pub fn parse(text: &str) -> Result<Self, InvalidSource> {
        let refused = || InvalidSource::Folder(text.chars().take(200).collect());
        if text.len() > 1024 || text.starts_with('/') || text.contains(['\\', '\0', '\n', '\r']) {
            return Err(refused());
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(refused()),
                _ if part.eq_ignore_ascii_case(".git") => return Err(refused()),
                _ => parts.push(part),
            }
        }
        Ok(Self(if parts.is_empty() { ".".to_owned() } else { parts.join("/") }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0 == "."
    }
}

impl std::fmt::Display for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidSource;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}

as_text!(RepositoryUrl, GitReference, Folder);

/// A commit, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub hash: String,
    /// The first line, at most 200 characters.
    pub message: String,
    pub author: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, parsed, name) in [
            ("https://example.com/team/shop.git", "https://example.com/team/shop.git", "shop"),
            ("HTTPS://Example.com/team/Shop", "https://example.com/team/Shop", "Shop"),
            ("git@example.com:team/shop.git", "ssh://git@example.com/team/shop.git", "shop"),
            ("ssh://git@example.com:2222/shop", "ssh://git@example.com:2222/shop", "shop"),
            ("http://127.0.0.1:8080/a.git", "http://127.0.0.1:8080/a.git", "a"),
            ("http://[::1]:8080/a.git", "http://[::1]:8080/a.git", "a"),
        ] {
            let url = RepositoryUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.short_name()), (parsed, name));
        }
    }

    #[test]
    fn hostile_addresses() {
        for text in [
            "",
            "-oProxyCommand=x",
            "--upload-pack=touch /tmp/p",
            "ext::sh -c x",
            "EXT::x",
            "file:///etc",
            "/var/lib/x",
            "../x",
            "git://h/x",
            "fd::17",
            "https::ext::x",
            "\\\\host\\x",
            "ssh://-oProxyCommand=x/y",
            "https://h",
            "https:///x",
            "https://h/x\n",
            "https://h/ x",
            "https://u:p@h/x",
            "https://u@h/x",
            "-x@host:y",
            "u@-h:y",
            "u@h:-y",
            "https://h:0/x",
            "https://h:99999/x",
            "ssh://u:p@h/x",
        ] {
            assert!(RepositoryUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references() {
        for good in ["main", "feature/x-1", "v1.0", &"a".repeat(40), "release_2"] {
            assert!(GitReference::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a\n",
            "a~1",
            "a^",
            "a:b",
            "@{1}",
            "/a",
            "a/",
            ".a",
            "a/.b",
            "a.lock",
            "$(x)",
            "`x`",
            "a;b",
            "é",
        ] {
            assert!(GitReference::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_addresses_of_one_repository_have_one_place() {
        for text in [
            "https://github.com/Team/Shop.git",
            "https://github.com:443/team/shop",
            "http://github.com:80/team/shop/",
            "ssh://git@github.com/team/shop.git",
            "ssh://git@github.com:22/team/shop",
            "git@github.com:team/shop.git",
        ] {
            assert_eq!(RepositoryUrl::parse(text).unwrap().place(), "github.com/team/shop", "{text}");
        }
        let other = RepositoryUrl::parse("http://127.0.0.1:8080/shop.git").unwrap();
        assert_eq!(other.place(), "127.0.0.1:8080/shop");
    }

    #[test]
    fn folders() {
        for (text, folder) in [("", "."), (".", "."), ("apps/web", "apps/web"), ("./a//b/", "a/b")] {
            assert_eq!(Folder::parse(text).unwrap().as_str(), folder);
        }
        for bad in ["..", "a/../../b", "/etc", "a\\b", "a\0", ".git", "a/.GIT/hooks"] {
            assert!(Folder::parse(bad).is_err(), "{bad}");
        }
    }
}
