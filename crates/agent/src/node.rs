//! What the agent's tasks share.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use pierhead_engine::Engine;
use pierhead_model::id::ProjectId;
use pierhead_wire::{BlobChannel, Leaders};
use tokio::sync::{Notify, Semaphore};

use crate::Tools;
use crate::address::AddressPolicy;
use crate::book::Book;
use crate::durable;
use crate::exec;
use crate::git::Source;
use crate::identity::Identity;
use crate::images::{Images, Seeks};
use crate::layers::Layers;
use crate::layout::Layout;
use crate::log::Logs;
use crate::options::{Options, RuntimeError, RuntimeImage, RuntimeImages, Say};
use crate::plugins::PluginBuilder;
use crate::programs;
use crate::queue::BuildQueue;
use crate::rests::Rests;

/// A node's state and tools. What it owns locks for itself; no lock is held across an await.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    /// The program that hands secrets to processes in containers.
    pub(crate) init: PathBuf,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Arc<dyn BlobChannel>,
    pub(crate) runtimes: Arc<dyn RuntimeImages>,
    pub(crate) leaders: Arc<dyn Leaders>,
    pub(crate) plugins: PluginBuilder,
    pub(crate) book: Book,
    pub(crate) logs: Logs,
    pub(crate) layers: Layers,
    pub(crate) images: Images,
    pub(crate) source: Source,
    /// What may be talked to on behalf of strangers.
    pub(crate) addresses: AddressPolicy,
    pub(crate) builds: BuildQueue,
    /// For commands that people run in containers.
    pub(crate) commands: Semaphore,
    /// How deeply services should sleep.
    pub(crate) rests: Rests,
    /// There is a report to send.
    pub(crate) reports_due: Arc<Notify>,
    /// There are lines to send.
    pub(crate) lines_due: Arc<Notify>,
    /// Projects whose last run had a container, and so a network: it is made while their source is fetched.
    pub(crate) networked: Mutex<HashSet<ProjectId>>,
    identity: RwLock<Option<Identity>>,
}

impl Node {
    pub(crate) async fn open(options: Options, tools: Tools) -> std::io::Result<Self> {
        let data_dir = options.data_dir.clone();
        let layout = durable::blocking(move || Layout::create(&data_dir)).await?;
        let (reports_due, lines_due) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let policy = AddressPolicy::new(options.allow_addresses.clone());
        Ok(Self {
            init: programs::INIT.install(&layout.programs())?,
            book: Book::open(layout.reports(), Arc::clone(&reports_due))?,
            logs: Logs::open(layout.logs(), Arc::clone(&lines_due))?,
            layers: Layers::open(&layout, Arc::clone(&tools.blobs))?,
            images: Images::new(
                Arc::clone(&tools.engine),
                Arc::clone(&tools.blobs),
                layout.images(),
                Seeks::new(Arc::clone(&reports_due)),
            ),
            addresses: policy.clone(),
            source: Source::new(&layout, policy, options.ca_bundle.as_deref(), options.clone),
            builds: BuildQueue::new(options.build_concurrency),
            commands: Semaphore::new(exec::CONCURRENT),
            rests: Rests::default(),
            networked: Mutex::default(),
            identity: RwLock::new(durable::read_json(&layout.identity())?),
            plugins: PluginBuilder::new(
                Arc::clone(&tools.engine),
                Arc::clone(&tools.runtimes),
                layout.root().join("plugins"),
            ),
            engine: tools.engine,
            blobs: tools.blobs,
            runtimes: tools.runtimes,
            leaders: tools.leaders,
            reports_due,
            lines_due,
            options,
            layout,
        })
    }

    /// Whose node this is; `None` until the first session.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity.read().clone()
    }

    pub(crate) async fn set_identity(&self, identity: Identity) -> std::io::Result<()> {
        if self.identity().as_ref() == Some(&identity) {
            return Ok(());
        }
        durable::write_json(self.layout.identity(), &identity).await?;
        *self.identity.write() = Some(identity);
        Ok(())
    }

    /// The base image of a runtime: the one that is here, or another node's, or one that is made here.
    pub(crate) async fn runtime(
        &self,
        runtime: &str,
        version: Option<&str>,
        say: &Say<'_>,
    ) -> Result<RuntimeImage, RuntimeError> {
        let reference = self.runtimes.reference(runtime, version)?;
        if let Err(error) = self.images.ensure_if_known(&reference).await {
            tracing::warn!(%error, reference, "a runtime could not be had from another node; it is made here");
        }
        self.runtimes.ensure(runtime, version, say).await
    }

    /// Free bytes where the node keeps its data.
    pub(crate) fn free_disk(&self) -> std::io::Result<u64> {
        let status = rustix::fs::statvfs(self.layout.root())?;
        Ok(status.f_bavail * status.f_frsize)
    }
}
