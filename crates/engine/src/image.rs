//! Importing, building and describing images.

use std::{collections::BTreeMap, fmt, pin::Pin};

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    spec::Labels,
};

/// The engine's id of an image: `sha256:` and 64 hex digits of its configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(String);

impl ImageId {
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub id: ImageId,
    pub tags: Vec<String>,
    pub labels: Labels,
    pub size_bytes: u64,
    pub created_at: Timestamp,
    pub config: ImageConfig,
    /// `sha256:` and 64 hex digits of each layer's uncompressed tar file, lowest first.
    pub layers: Vec<String>,
}

/// An image as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    pub id: ImageId,
    pub tags: Vec<String>,
    pub labels: Labels,
    pub size_bytes: u64,
    pub created_at: Timestamp,
}

/// What a container made from the image does unless its spec says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    pub user: Option<String>,
    /// TCP ports the image says it listens on, ascending.
    pub exposed_tcp: Vec<u16>,
    pub stop_signal: Option<String>,
}

/// Making an image of one layer from a tar of a root file system.
///
/// A stop signal is refused: engines' imports cannot set it. A container's spec can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// `name:tag` the image gets.
    pub tag: String,
    pub labels: Labels,
    pub config: ImageConfig,
}

impl ImportOptions {
    /// What every driver checks before it reads the tar.
    pub(crate) fn validate(&self) -> Result<()> {
        match &self.config.stop_signal {
            None => Ok(()),
            Some(signal) => Err(Error::refused(format!(
                "an import cannot set the stop signal `{signal}`; set it in the spec of the container"
            ))),
        }
    }
}

/// Who the engine says it is when it fetches an image.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// As the image names it: `ghcr.io`, `registry.example.com:5000`.
    pub host: String,
    pub username: String,
    pub password: String,
}

/// Shows no password.
impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryLogin")
            .field("host", &self.host)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Making an image from a Dockerfile.
///
/// A `# syntax=` line has no effect: the engine's own front end reads the file, nothing is fetched to do so.
/// Cancel a build, also for a time limit, by dropping its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// `name:tag` the image gets.
    pub tag: String,
    /// Path of the Dockerfile inside the context.
    pub dockerfile: String,
    /// The stage to stop at; `None` is the last.
    pub target: Option<String>,
    pub args: BTreeMap<String, String>,
    pub labels: Labels,
    /// Limit of each `RUN` step, without swap.
    pub memory_bytes: u64,
    pub cpu_millis: u32,
    pub network: BuildNetwork,
    pub cache: BuildCache,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildNetwork {
    None,
    /// A network made by [`crate::Engine::network_create`].
    Named(String),
    /// The engine's default bridge.
    EngineDefault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildCache {
    Use,
    Ignore,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// What the build printed, in order, not cut at lines.
    Output(Bytes),
    /// The last event of a successful build. A failed one ends with [`crate::Error::Refused`] carrying the
    /// engine's reason; a stream that ends with neither was cut.
    Built(ImageId),
}

pub type BuildStream = Pin<Box<dyn Stream<Item = Result<BuildEvent>> + Send>>;
