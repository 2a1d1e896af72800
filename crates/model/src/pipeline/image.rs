//! References to container images: `ghcr.io/acme/api:v3@sha256:…`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::document::problem::quoted;

/// The text is not a reference to an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not an image: {rule}")]
pub struct InvalidImage {
    text: String,
    rule: &'static str,
}

/// `[registry/]path[:tag][@sha256:digest]`, as written; nothing is filled in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    pub fn parse(text: &str) -> Result<Self, InvalidImage> {
        let refused = |rule| Err(InvalidImage { text: quoted(text), rule });
        if text.len() > 512 {
            return refused("it is longer than 512 characters");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is a registry's port.
        let name_start = rest.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match rest.get(name_start..).unwrap_or_default().split_once(':') {
            Some((name, tag)) => (rest.get(..name_start + name.len()).unwrap_or_default(), Some(tag)),
            None => (rest, None),
        };
        if !is_repository(repository) {
            return refused("lower-case parts of a-z, 0-9, `.`, `_`, `-` joined by `/` are expected");
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return refused(
                "a tag has letters, digits, `_`, `.`, `-`, at most 128, and starts with none of `.-`",
            );
        }
        let is_digest = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| {
                hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return refused("after `@`, `sha256:` and 64 hexadecimal digits are expected");
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Everything before tag and digest.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same image under another tag, without the digest, which would contradict it.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidImage> {
        if !is_tag(tag) {
            return Err(InvalidImage { text: quoted(tag), rule: "this cannot be a tag" });
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }
}

fn is_repository(text: &str) -> bool {
    let Some((first, rest)) = text.split_once('/') else { return is_component(text) };
    let is_host = first == "localhost" || first.contains(['.', ':']);
    let first_is_valid = if is_host { is_registry(first) } else { is_component(first) };
    first_is_valid && rest.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge)
        && text.ends_with(edge)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && !text.contains("..")
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    crate::hostname::Hostname::parse(host).is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0)
}

pub(super) fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

impl std::fmt::Display for ImageReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ImageReference {
    type Error = InvalidImage;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ImageReference> for String {
    fn from(image: ImageReference) -> Self {
        image.to_string()
    }
}

impl JsonSchema for ImageReference {
    fn schema_name() -> Cow<'static, str> {
        "ImageReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 512, "examples": ["ghcr.io/acme/api:v3"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_reference() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, repository, tag) in [
            ("postgres", "postgres", None),
            ("postgres:16.4", "postgres", Some("16.4")),
            ("library/postgres:16-alpine", "library/postgres", Some("16-alpine")),
            ("localhost:5000/a/b", "localhost:5000/a/b", None),
            ("localhost:5000/a:v1", "localhost:5000/a", Some("v1")),
            ("ghcr.io/acme/a__b:V1_x", "ghcr.io/acme/a__b", Some("V1_x")),
        ] {
            let image = ImageReference::parse(text).unwrap();
            assert_eq!((image.repository(), image.tag()), (repository, tag));
            assert_eq!(image.to_string(), text);
        }
        let both = ImageReference::parse(&format!("a:1@{digest}")).unwrap();
        assert_eq!(both.digest(), Some(digest.as_str()));
        assert_eq!(both.with_tag("2").unwrap().to_string(), "a:2");
    }

    #[test]
    fn refuses() {
        for bad in [
            "",
            ":",
            "a:",
            "A",
            "a b",
            "-a",
            "a/",
            "/a",
            "a//b",
            "a:-x",
            "a@sha256:1",
            "a@",
            "a:b:c",
            "../a",
            "http://a/b",
            "a\n",
            "${{ x }}",
            "localhost:0/a",
            "a..b",
            "é",
        ] {
            assert!(ImageReference::parse(bad).is_err(), "{bad}");
        }
    }
}
