//! What the composition root hands in: settings, and where base images come from.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use ipnet::{IpNet, Ipv4Net};

/// Settings of a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything the agent writes is below it. One agent per directory.
    pub data_dir: PathBuf,
    /// Builds at the same time.
    pub build_concurrency: usize,
    /// Loopback and private ranges that clones and containers may reach; none by default.
    pub allow_addresses: Vec<IpNet>,
    /// Certificates that builds and clones trust, for networks with a proxy of their own.
    pub ca_bundle: Option<PathBuf>,
    /// `HTTP_PROXY` and its kin, handed to builds as they are.
    pub proxy_variables: BTreeMap<String, String>,
    /// Networks of deployments are cut from it, a /28 each.
    pub subnet_pool: Ipv4Net,
    /// Keeps containers from this machine and from private networks, with iptables.
    pub firewall: bool,
    /// No new build starts, and a running one ends, below this much free disk.
    pub disk_reserve_bytes: u64,
    /// What one build may print.
    pub log_limit_bytes: u64,
    pub clone: CloneLimits,
    /// What dependency layers, caches and mirrors that nothing uses may keep.
    pub cache_budget_bytes: u64,
    /// How often usage is told.
    pub usage_interval: Duration,
    /// After this long without an acknowledgement a report or a line is sent again.
    pub resend_after: Duration,
    /// Waits between starts of a service that ends by itself: the first, doubled each time up to the last.
    pub restart_backoff: (Duration, Duration),
}

/// Bounds of a clone.
#[derive(Debug, Clone, Copy)]
pub struct CloneLimits {
    pub bytes: u64,
    pub files: u64,
    pub timeout: Duration,
}

impl Options {
    /// The defaults, on a data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            build_concurrency: 2,
            allow_addresses: Vec::new(),
            ca_bundle: None,
            proxy_variables: BTreeMap::new(),
            subnet_pool: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 211, 0, 0), 16),
            firewall: false,
            disk_reserve_bytes: 1 << 30,
            log_limit_bytes: 64 << 20,
            clone: CloneLimits { bytes: 1 << 30, files: 100_000, timeout: Duration::from_secs(300) },
            cache_budget_bytes: 10 << 30,
            usage_interval: Duration::from_secs(5),
            resend_after: Duration::from_secs(5),
            restart_backoff: (Duration::from_secs(1), Duration::from_secs(300)),
        }
    }
}

/// A base image that the engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeImage {
    /// What a container is created from.
    pub reference: String,
    /// The engine's id of it: part of the key of everything that was installed on it.
    pub id: String,
    /// The version that was chosen for what was asked: `22` for `22.11`.
    pub version: String,
}

/// Why there is no base image.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("there is no runtime called `{0}`; there are node, python, php and plugin")]
    UnknownRuntime(String),
    #[error("{runtime} {version} cannot be made here; there are {available}: ask for one of them")]
    UnknownVersion { runtime: String, version: String, available: String },
    #[error("the image of {runtime} {version} could not be made: {reason}")]
    Failed { runtime: String, version: String, reason: String },
    #[error("the image of {runtime} {version} could not be looked up or imported: {source}")]
    Engine {
        runtime: String,
        version: String,
        #[source]
        source: pierhead_engine::Error,
    },
}

/// Hears what happens while an image is made, a line at a time.
pub type Say<'s> = dyn Fn(&str) + Send + Sync + 's;

/// Where base images come from.
#[async_trait]
pub trait RuntimeImages: Send + Sync + Debug {
    /// The name of the image that [`RuntimeImages::ensure`] would make for the same question.
    fn reference(&self, runtime: &str, version: Option<&str>) -> Result<String, RuntimeError>;

    /// The image of a runtime in a version as precise as the project is (`22`, `20.11.1`); `None` is the default.
    async fn ensure(
        &self,
        runtime: &str,
        version: Option<&str>,
        say: &Say<'_>,
    ) -> Result<RuntimeImage, RuntimeError>;
}
