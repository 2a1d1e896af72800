//! A node: it does what its assignments say and reports what is.
//!
//! ```text
//! session ──► workers (one per deployment) ──► build: clone · detect · install · build · release
//!    ▲              │                     └──► service: start · health · keep · stop
//!    │              ▼
//!    └── reports, log spool (kept on disk until the control plane has stored them)
//! ```
//!
//! A worker looks at its assignment and at what is there, and does what follows; it can be cut off at any moment and started
//! again. What it makes in the engine carries the deployment's labels, so that undoing is "remove what carries them".

mod build;
mod git;
mod identity;
mod lines;
mod reports;
mod runtimes;
mod service;
mod session;
mod spool;
mod subnets;
mod sweeper;
mod usage;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

pub use git::{InspectError, inspect};
use ipnet::{IpNet, Ipv4Net};
use pierhead_engine::Engine;
use pierhead_wire::link::End;
use pierhead_wire::{AgentToControl, BlobChannel, ControlToAgent};
pub use runtimes::{RuntimeError, RuntimeImages};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How a node works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Mirrors, checkouts, layers and spools lie here; a real file system (not an overlay).
    pub data_dir: PathBuf,
    /// Builds at the same time.
    pub build_concurrency: usize,
    /// Loopback or private ranges that repositories may be fetched from.
    pub allow_addresses: Vec<IpNet>,
    /// Certificates that builds trust, for networks with a proxy of their own.
    pub ca_bundle: Option<PathBuf>,
    /// Where deployments' networks get their subnets from.
    pub subnet_pool: Ipv4Net,
    /// Builds stop when less than this is free on the disk, in bytes.
    pub disk_reserve: u64,
}

/// What every part of a node shares.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Arc<dyn BlobChannel>,
    pub(crate) runtimes: RuntimeImages,
    pub(crate) reports: reports::Reports,
    pub(crate) spool: spool::Spool,
    pub(crate) builds: Semaphore,
    pub(crate) subnets: subnets::Subnets,
    pub(crate) mirrors: git::mirror::Mirrors,
}

/// The agent could not start.
#[derive(Debug, thiserror::Error)]
#[error("the agent's folder {folder} cannot be used")]
pub struct StartError {
    folder: PathBuf,
    #[source]
    source: std::io::Error,
}

/// A running agent.
#[derive(Debug)]
pub struct Handle {
    stop: watch::Sender<bool>,
    session: JoinHandle<()>,
}

impl Handle {
    /// Stops working. What runs keeps running: the next agent takes it over.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A session that panicked has stopped too.
        let _ = self.session.await;
    }
}

/// Starts an agent that speaks through `link`.
pub fn start(
    options: Options,
    engine: Arc<dyn Engine>,
    blobs: Arc<dyn BlobChannel>,
    link: End<AgentToControl, ControlToAgent>,
) -> Result<Handle, StartError> {
    let folder = options.data_dir.clone();
    let failed = |source| StartError { folder: folder.clone(), source };
    for part in ["mirrors", "checkouts", "layers", "work", "caches"] {
        fs_err::create_dir_all(folder.join(part)).map_err(failed)?;
    }
    let node = Node {
        runtimes: RuntimeImages::new(Arc::clone(&engine), folder.join("caches/runtimes")),
        reports: reports::Reports::open(folder.join("reports")).map_err(failed)?,
        spool: spool::Spool::open(folder.join("spool")).map_err(failed)?,
        builds: Semaphore::new(options.build_concurrency),
        subnets: subnets::Subnets::new(options.subnet_pool),
        mirrors: git::mirror::Mirrors::new(folder.join("mirrors"), options.allow_addresses.clone()),
        options,
        engine,
        blobs,
    };
    let (stop, stopped) = watch::channel(false);
    let session = tokio::spawn(session::run(Arc::new(node), link, stopped));
    Ok(Handle { stop, session })
}
