//! What is behind a tag: manifests, indexes over platforms, and the part of an image's configuration that people read.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use pierhead_model::Timestamp;
use serde::Deserialize;

use crate::reference::ImageDigest;

/// Everything that can be asked for; the older Docker types are what most registries still hold.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// An operating system and an architecture in Go's words, such as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    pub fn linux(architecture: &str) -> Self {
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// Whether an image for `self` runs where `wanted` is asked for. A variant that was not asked for does not matter.
    fn serves(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.variant.is_none() || self.variant == wanted.variant)
    }

    /// Build tools keep their attestations in an index, as images for `unknown/unknown`.
    fn is_real(&self) -> bool {
        self.os != "unknown" && self.architecture != "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let invalid = || InvalidPlatform(text.chars().take(80).collect());
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some((*variant).to_owned())),
            _ => return Err(invalid()),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(invalid());
        }
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: `linux/amd64` or `linux/arm64/v8` is expected")]
pub struct InvalidPlatform(String);

/// Where a piece of content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: ImageDigest,
    pub size: u64,
    pub platform: Option<Platform>,
}

/// What a tag or digest stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// Images for several platforms.
    Index {
        digest: ImageDigest,
        media_type: String,
        manifests: Vec<Descriptor>,
    },
    Image {
        digest: ImageDigest,
        media_type: String,
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
}

impl Manifest {
    pub const fn digest(&self) -> &ImageDigest {
        match self {
            Self::Index { digest, .. } | Self::Image { digest, .. } => digest,
        }
    }

    /// Reads a manifest whose digest was already checked. `None` if it is no manifest that an engine could run.
    pub(crate) fn parse(digest: ImageDigest, content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let raw: RawManifest = serde_json::from_slice(body).ok()?;
        let named = content_type.and_then(|kind| kind.split(';').next()).map(str::trim).map(str::to_owned);
        let vendor = named.filter(|kind| kind.contains("vnd."));
        let media_type = vendor.or(raw.media_type).unwrap_or_default();
        if let Some(manifests) = raw.manifests {
            let manifests = manifests.into_iter().map(RawDescriptor::checked).collect::<Option<_>>()?;
            return Some(Self::Index { digest, media_type, manifests });
        }
        let config = raw.config?.checked()?;
        let layers = raw.layers?.into_iter().map(RawDescriptor::checked).collect::<Option<_>>()?;
        Some(Self::Image { digest, media_type, config, layers })
    }
}

/// The index's image for a platform: without a variant if none was asked for and there is such a one, else the first that
/// fits. `None` as `wanted` takes the first that is an image at all.
pub(crate) fn choose<'a>(manifests: &'a [Descriptor], wanted: Option<&Platform>) -> Option<&'a Descriptor> {
    let real = || manifests.iter().filter(|one| one.platform.as_ref().is_none_or(Platform::is_real));
    let Some(wanted) = wanted else { return real().next() };
    let fitting =
        || real().filter(|one| one.platform.as_ref().is_some_and(|platform| platform.serves(wanted)));
    let exact = fitting().find(|one| one.platform.as_ref() == Some(wanted));
    exact.or_else(|| fitting().next())
}

/// What an index offers, for people.
pub(crate) fn offered(manifests: &[Descriptor]) -> String {
    let platforms = manifests.iter().filter_map(|one| one.platform.as_ref()).filter(|one| one.is_real());
    let names: Vec<String> = platforms.take(12).map(ToString::to_string).collect();
    if names.is_empty() { "nothing that runs".to_owned() } else { names.join(", ") }
}

/// What is worth knowing of an image without pulling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// What the tag stands for now; pinning a service pins this.
    pub digest: ImageDigest,
    pub platform: Platform,
    /// When it was made. `None` if the image does not say, or says the fixed moment of reproducible builds.
    pub created: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
    /// TCP ports that the image says it listens on.
    pub ports: Vec<u16>,
    /// Bytes of its compressed layers.
    pub size: u64,
}

/// The part of an image's configuration that is read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) platform: Platform,
    pub(crate) created: Option<Timestamp>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) ports: Vec<u16>,
}

impl Config {
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let raw: RawConfig = serde_json::from_slice(body).ok()?;
        let inner = raw.config.unwrap_or_default();
        let ports = inner.exposed_ports.unwrap_or_default();
        let tcp = ports.keys().filter_map(|port| match port.split_once('/') {
            None => port.parse().ok(),
            Some((number, "tcp")) => number.parse().ok(),
            Some(_) => None,
        });
        let mut ports: Vec<u16> = tcp.collect();
        ports.sort_unstable();
        let created = raw.created.and_then(|text| text.parse().ok()).filter(is_believable);
        Some(Self { platform: raw.platform, created, labels: inner.labels.unwrap_or_default(), ports })
    }

    pub(crate) fn serves(&self, wanted: &Platform) -> bool {
        self.platform.serves(wanted)
    }
}

/// Reproducible builds claim 1970 or 1980; Go's zero time is the year 1. All are before containers were.
fn is_believable(created: &Timestamp) -> bool {
    const YEAR_2000: i64 = 946_684_800;
    created.as_second() >= YEAR_2000
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    media_type: Option<String>,
    manifests: Option<Vec<RawDescriptor>>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
}

impl RawDescriptor {
    fn checked(self) -> Option<Descriptor> {
        let digest = self.digest.parse().ok()?;
        Some(Descriptor { media_type: self.media_type, digest, size: self.size, platform: self.platform })
    }
}

#[derive(Deserialize)]
struct RawConfig {
    #[serde(flatten)]
    platform: Platform,
    created: Option<String>,
    config: Option<RawInner>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInner {
    labels: Option<BTreeMap<String, String>>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(platform: &str, digit: char) -> Descriptor {
        Descriptor {
            media_type: String::new(),
            digest: format!("sha256:{}", String::from(digit).repeat(64)).parse().unwrap(),
            size: 1,
            platform: Some(platform.parse().unwrap()),
        }
    }

    #[test]
    fn an_index_gives_the_image_of_a_platform() {
        let index = [
            descriptor("unknown/unknown", '0'),
            descriptor("linux/arm/v6", '1'),
            descriptor("linux/arm/v7", '2'),
            descriptor("linux/amd64", '3'),
            descriptor("linux/arm64/v8", '4'),
            descriptor("windows/amd64", '5'),
        ];
        for (wanted, expected) in [
            ("linux/amd64", Some('3')),
            ("linux/arm64", Some('4')),
            ("linux/arm64/v8", Some('4')),
            ("linux/arm/v7", Some('2')),
            ("linux/arm", Some('1')),
            ("linux/arm/v5", None),
            ("linux/riscv64", None),
            ("windows/amd64", Some('5')),
        ] {
            let wanted: Platform = wanted.parse().unwrap();
            let digit = choose(&index, Some(&wanted)).and_then(|one| one.digest.as_str().chars().last());
            assert_eq!(digit, expected, "{wanted}");
        }
        assert_eq!(choose(&index, None).unwrap().platform.as_ref().unwrap().to_string(), "linux/arm/v6");
        assert_eq!(choose(&index[..1], None), None);
        assert_eq!(offered(&index), "linux/arm/v6, linux/arm/v7, linux/amd64, linux/arm64/v8, windows/amd64");
        assert_eq!(offered(&index[..1]), "nothing that runs");
    }

    #[test]
    fn manifests_are_told_apart_by_what_they_hold() {
        let digest = ImageDigest::of(b"x");
        let index =
            br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let parsed = Manifest::parse(digest.clone(), Some("application/json; charset=utf-8"), index).unwrap();
        assert!(
            matches!(&parsed, Manifest::Index { media_type, .. } if media_type.ends_with("index.v1+json"))
        );
        let of = |text: &str| Manifest::parse(digest.clone(), None, text.as_bytes());
        let image = format!(r#"{{"config":{{"digest":"{digest}","size":2}},"layers":[]}}"#);
        assert!(matches!(of(&image), Some(Manifest::Image { .. })));
        for text in [
            "",
            "{}",
            "[]",
            r#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#,
            r#"{"config":{"digest":"sha256:../../x","size":2},"layers":[]}"#,
            r#"{"manifests":[{"digest":"x","size":1}]}"#,
            r#"{"manifests":[{"digest":"x","size":-1}]}"#,
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_configuration_says_when_it_was_made_unless_it_is_made_up() {
        let created = |created: &str| {
            let text = format!(r#"{{"os":"linux","architecture":"amd64","created":"{created}"}}"#);
            Config::parse(text.as_bytes()).unwrap().created.map(|created| created.to_string())
        };
        assert_eq!(created("2026-03-01T10:00:00.5Z").as_deref(), Some("2026-03-01T10:00:00.5Z"));
        for made_up in
            ["1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "0001-01-01T00:00:00Z", "yesterday", ""]
        {
            assert_eq!(created(made_up), None, "{made_up}");
        }
        let config = Config::parse(
            br#"{"os":"linux","architecture":"arm64","variant":"v8","config":{"Labels":{"a":"b"},
                "ExposedPorts":{"8080/tcp":{},"53/udp":{},"443":{},"x/tcp":{}}}}"#,
        )
        .unwrap();
        assert_eq!((config.ports.as_slice(), config.labels["a"].as_str()), (&[443, 8080][..], "b"));
        assert!(config.serves(&Platform::linux("arm64")) && !config.serves(&Platform::linux("amd64")));
        assert!(
            Config::parse(br#"{"os":"linux","architecture":"amd64","config":{"Labels":null}}"#).is_some()
        );
    }
}
