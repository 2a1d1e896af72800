//! What an image is called: `registry/repository:tag@digest`, in the grammar that every engine shares.
//!
//! The rules are those of the distribution project's `reference` package. A first component is a registry only if it could
//! not be part of a repository's name (it has a dot or a port, or is `localhost`); without one the registry is Docker Hub,
//! where a name of one component is in `library/`.

use std::fmt;
use std::str::FromStr;

/// Docker Hub's name in references. Its API is at another host; see [`RegistryName::api_host`].
pub const DOCKER_HUB: &str = "docker.io";
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// Why a text is no reference. Each says which part is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    #[error("an image's name is missing")]
    Empty,
    #[error("`{0}` is not a registry: a host such as `ghcr.io` or `registry.example.com:5000` is expected")]
    Registry(String),
    #[error(
        "`{0}` is not a repository's name: lower-case letters, digits and single `.`, `_`, `-` between them, with `/` \
         between the parts"
    )]
    Repository(String),
    #[error(
        "`{0}` is not a tag: at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`"
    )]
    Tag(String),
    #[error("`{0}` is not a digest: `sha256:` and 64 lower-case hexadecimal digits are expected")]
    Digest(String),
}

fn excerpt(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A registry as references name it: a host, perhaps with a port, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryName(String);

impl RegistryName {
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host (and port) that answers the API: the name itself, except for Docker Hub.
    pub fn api_host(&self) -> &str {
        if self.0 == DOCKER_HUB { "registry-1.docker.io" } else { &self.0 }
    }

    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }
}

impl FromStr for RegistryName {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InvalidReference::Registry(excerpt(text));
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com") {
            return Ok(Self::docker_hub());
        }
        let (host, port) = split_port(&lower).ok_or_else(wrong)?;
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if lower.len() <= MAX_REPOSITORY && port_fits && is_host(host) {
            Ok(Self(lower))
        } else {
            Err(wrong())
        }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let end = text.find(']')? + 1;
        let (host, rest) = text.split_at(end);
        return if rest.is_empty() {
            Some((host, None))
        } else {
            Some((host, Some(rest.strip_prefix(':')?)))
        };
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// A repository's path inside its registry, such as `library/postgres`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);

impl Repository {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= MAX_REPOSITORY && text.split('/').all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidReference::Repository(excerpt(text)))
    }
}

/// Letters and digits, with `.`, `_`, `__` or any number of `-` between two of them.
fn is_component(text: &str) -> bool {
    let mut separator = String::new();
    let mut seen = false;
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                let fits = separator.is_empty()
                    || (seen
                        && (matches!(separator.as_str(), "." | "_" | "__")
                            || separator.bytes().all(|byte| byte == b'-')));
                if !fits {
                    return false;
                }
                separator.clear();
                seen = true;
            }
            '.' | '_' | '-' => separator.push(c),
            _ => return false,
        }
    }
    seen && separator.is_empty()
}

/// A tag, such as `16-alpine`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=MAX_TAG).contains(&text.len())
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidReference::Tag(excerpt(text))) }
    }
}

/// A digest of content, `sha256:…` or `sha512:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageDigest(String);

impl ImageDigest {
    /// The SHA-256 digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", pierhead_model::digest::Digest::of(bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether these bytes are what the digest stands for.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        use sha2::Digest as _;
        match self.0.split_once(':') {
            Some(("sha512", expected)) => hex::encode(sha2::Sha512::digest(bytes)) == expected,
            _ => Self::of(bytes) == *self,
        }
    }
}

impl FromStr for ImageDigest {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = match text.split_once(':') {
            Some(("sha256", digits)) if digits.len() == 64 => digits,
            Some(("sha512", digits)) if digits.len() == 128 => digits,
            _ => return Err(InvalidReference::Digest(excerpt(text))),
        };
        if digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidReference::Digest(excerpt(text)))
    }
}

/// What picks an image inside its repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    Tag(Tag),
    Digest(ImageDigest),
}

impl Selector {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

/// A whole reference.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    pub registry: RegistryName,
    pub repository: Repository,
    pub tag: Option<Tag>,
    pub digest: Option<ImageDigest>,
}

impl Reference {
    /// What is asked for: the digest if there is one (the tag beside it is then for people), else the tag, else `latest`.
    pub fn selector(&self) -> Selector {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(digest.clone()),
            (None, Some(tag)) => Selector::Tag(tag.clone()),
            (None, None) => Selector::Tag(Tag::latest()),
        }
    }

    /// Whether it always means the same content.
    pub const fn is_pinned(&self) -> bool {
        self.digest.is_some()
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before belongs to the registry's port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(rest[last + colon + 1..].parse()?)),
            None => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if names_registry(first) => (first.parse()?, path.to_owned()),
            _ => (RegistryName::docker_hub(), name.to_owned()),
        };
        let path =
            if registry.is_docker_hub() && !path.contains('/') { format!("library/{path}") } else { path };
        // The name as it was written: nobody typed `library/`.
        let repository = path.parse().map_err(|_| InvalidReference::Repository(excerpt(name)))?;
        Ok(Self { registry, repository, tag, digest })
    }
}

fn names_registry(component: &str) -> bool {
    component == "localhost"
        || component.contains(['.', ':', '['])
        || component.bytes().any(|byte| byte.is_ascii_uppercase())
}

macro_rules! printed {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

printed!(RegistryName, Repository, Tag, ImageDigest);

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Always whole: registry and `library/` included, so that two spellings of one image print the same.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_mean_what_every_engine_takes_them_for() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, whole) in [
            ("postgres", "docker.io/library/postgres"),
            ("postgres:16", "docker.io/library/postgres:16"),
            ("acme/api", "docker.io/acme/api"),
            ("docker.io/postgres", "docker.io/library/postgres"),
            ("index.docker.io/acme/api:1", "docker.io/acme/api:1"),
            ("registry-1.docker.io/postgres", "docker.io/library/postgres"),
            ("ghcr.io/acme/api:v1.2", "ghcr.io/acme/api:v1.2"),
            ("ghcr.io/acme", "ghcr.io/acme"),
            ("GHCR.io/acme/api", "ghcr.io/acme/api"),
            ("localhost/api", "localhost/api"),
            ("localhost:5000/api", "localhost:5000/api"),
            ("localhost:5000/a/b/c:x", "localhost:5000/a/b/c:x"),
            ("127.0.0.1:5000/api:x", "127.0.0.1:5000/api:x"),
            ("[::1]:5000/api", "[::1]:5000/api"),
            ("a__b/c-d--e.f_g", "docker.io/a__b/c-d--e.f_g"),
            ("localhost5000/api", "docker.io/localhost5000/api"),
            ("api:5000", "docker.io/library/api:5000"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole, "{text}");
            let pinned: Reference = format!("{text}@{digest}").parse().unwrap();
            assert_eq!(pinned.to_string(), format!("{whole}@{digest}"));
            assert!(pinned.is_pinned());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "a".repeat(256);
        let tag = format!("a:{}", "b".repeat(129));
        for (text, expected) in [
            ("", InvalidReference::Empty),
            ("Postgres", InvalidReference::Repository("Postgres".to_owned())),
            ("acme//api", InvalidReference::Repository("acme//api".to_owned())),
            ("acme/../api", InvalidReference::Repository("acme/../api".to_owned())),
            ("/api", InvalidReference::Repository("/api".to_owned())),
            ("api/", InvalidReference::Repository("api/".to_owned())),
            ("a___b", InvalidReference::Repository("a___b".to_owned())),
            ("a..b/c", InvalidReference::Registry("a..b".to_owned())),
            ("-api", InvalidReference::Repository("-api".to_owned())),
            ("api-", InvalidReference::Repository("api-".to_owned())),
            ("api:", InvalidReference::Tag(String::new())),
            ("api:-x", InvalidReference::Tag("-x".to_owned())),
            ("api:a b", InvalidReference::Tag("a b".to_owned())),
            ("api:a:b", InvalidReference::Tag("a:b".to_owned())),
            ("api@sha256:abc", InvalidReference::Digest("sha256:abc".to_owned())),
            (
                "api@md5:d41d8cd98f00b204e9800998ecf8427e",
                InvalidReference::Digest("md5:d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            ),
            ("ghcr.io:0/api", InvalidReference::Registry("ghcr.io:0".to_owned())),
            ("ghcr.io:x/api", InvalidReference::Registry("ghcr.io:x".to_owned())),
            ("ghcr.io:70000/api", InvalidReference::Registry("ghcr.io:70000".to_owned())),
            ("user:word@ghcr.io/api", InvalidReference::Digest("ghcr.io/api".to_owned())),
            ("http://ghcr.io/api", InvalidReference::Registry("http:".to_owned())),
            ("api?x=1", InvalidReference::Repository("api?x=1".to_owned())),
            (&long, InvalidReference::Repository("a".repeat(100))),
            (&tag, InvalidReference::Tag("b".repeat(100))),
        ] {
            assert_eq!(text.parse::<Reference>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_digest_wins_over_a_tag_and_nothing_means_latest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let both: Reference = format!("api:1@{digest}").parse().unwrap();
        assert_eq!(both.selector().as_str(), digest);
        assert_eq!("api:1".parse::<Reference>().unwrap().selector().as_str(), "1");
        assert_eq!("api".parse::<Reference>().unwrap().selector().as_str(), "latest");
    }

    #[test]
    fn digests_are_checked_by_their_algorithm() {
        let known = ImageDigest::of(b"");
        assert_eq!(known.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(known.matches(b"") && !known.matches(b"x"));
        let long: ImageDigest = concat!(
            "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce",
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        )
        .parse()
        .unwrap();
        assert!(long.matches(b"") && !long.matches(b"x"));
    }

    #[test]
    fn docker_hub_answers_elsewhere() {
        assert_eq!(RegistryName::docker_hub().api_host(), "registry-1.docker.io");
        assert_eq!("quay.io".parse::<RegistryName>().unwrap().api_host(), "quay.io");
    }

    proptest! {
        #[test]
        fn what_parses_prints_itself_again(text in "([a-z]{1,8}(\\.[a-z]{2})?(:[1-9][0-9]{0,3})?/)?[a-z0-9/._-]{1,20}(:[a-zA-Z0-9._-]{1,10})?") {
            if let Ok(reference) = text.parse::<Reference>() {
                let whole = reference.to_string();
                prop_assert_eq!(whole.parse::<Reference>(), Ok(reference));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Reference>();
        }

        /// Names go into URLs without escaping.
        #[test]
        fn a_repository_has_nothing_that_a_url_could_misread(text in "\\PC{0,30}") {
            if let Ok(repository) = text.parse::<Repository>() {
                prop_assert!(!repository.as_str().contains(['?', '#', '%', '\\', ' ', ':']));
                prop_assert!(!repository.as_str().split('/').any(|part| matches!(part, "" | "." | "..")));
            }
        }
    }
}
