//! A release: what a build produced, content-addressed, so that making it live again is moving a pointer.
//!
//! A *site* is a manifest over blobs. A *service* is a runtime's base image plus ordered layers of files; a layer is a manifest
//! over blobs too, so unchanged files are stored once whoever deploys them, and the same bytes can be mounted by one node,
//! fetched by another, or packed into an OCI image. An *image* was made by a Dockerfile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::DeploymentId;
use crate::pipeline::StepName;
use crate::plan::BuildPlan;

/// What can be made live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Release {
    Site(SiteRelease),
    Service(ServiceRelease),
    Image(ImageRelease),
    /// What a run of a pipeline made. Another run makes another one.
    Run(RunRelease),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRelease {
    /// The blob that holds the [`SiteManifest`].
    pub manifest: Digest,
    pub files: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRelease {
    /// The base image's runtime and version, such as `node` and `22`.
    pub runtime: String,
    pub runtime_version: String,
    /// Blobs that hold a [`LayerManifest`] each, lowest first.
    pub layers: Vec<Digest>,
    pub start: StartSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRelease {
    /// The engine's image id (`sha256:…`): the digest of its configuration, so the same on every node.
    pub image: String,
    pub start: StartSettings,
}

/// The public parts of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRelease {
    pub deployment: DeploymentId,
    pub sites: BTreeMap<StepName, Digest>,
}

/// How the process of a service is started and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSettings {
    /// Run by a shell inside the container; `None` runs the image's own command.
    pub command: Option<String>,
    /// Below `/app`, `.` for its root.
    pub working_directory: String,
    pub port: u16,
    /// The framework's own variables; the project's come on top.
    pub variables: BTreeMap<String, String>,
    /// The web root of a PHP project.
    pub document_root: Option<String>,
}

impl Release {
    /// The identity of what was built: equal for equal contents, whenever and wherever they were built.
    pub fn digest(&self) -> Digest {
        // Maps are ordered and fields have a fixed order, so the text is canonical.
        Digest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// Every blob that holds a manifest of this release.
    pub fn manifests(&self) -> Vec<Digest> {
        match self {
            Self::Site(site) => vec![site.manifest],
            Self::Service(service) => service.layers.clone(),
            Self::Image(_) => Vec::new(),
            Self::Run(run) => run.sites.values().copied().collect(),
        }
    }
}

/// The files of a site, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteManifest {
    /// Keys are relative, `/`-separated, normalised, without `.` or `..`.
    pub files: BTreeMap<String, SiteFile>,
    pub routing: SiteRouting,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFile {
    pub digest: Digest,
    /// In bytes, uncompressed.
    pub size: u64,
    /// Precompressed variants, only where they are smaller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<Encoding, Variant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Br,
    Zstd,
    Gzip,
}

impl Encoding {
    /// The token of `Content-Encoding`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    pub digest: Digest,
    pub size: u64,
}

/// How paths are answered beside the files themselves. `_redirects` and `_headers` are ordinary files of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteRouting {
    /// Unknown paths answer `index.html` with 200.
    pub single_page: bool,
}

/// One layer of files of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerManifest {
    /// Keys as in [`SiteManifest`]; a folder comes before what is in it.
    pub entries: BTreeMap<String, LayerEntry>,
    /// A layer of dependencies has tens of thousands of small files that change only together: it is one blob, a tar file
    /// compressed with zstd, and has no entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LayerEntry {
    Directory {
        /// Hides what lower layers have below this path.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        opaque: bool,
    },
    File {
        digest: Digest,
        size: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        executable: bool,
    },
    /// Never followed by the platform itself, only inside the container.
    Symlink { target: String },
    /// Hides a path of a lower layer.
    Whiteout,
}

/// What is remembered beside a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltRelease {
    pub release: Release,
    pub plan: BuildPlan,
}
