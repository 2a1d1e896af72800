//! A node: makes what the control plane says should be, keeps it so, and reports what is.
//!
//! The agent is told in levels, not commands: an assignment is everything to know about a deployment, a report everything
//! that is known of it. Both may be lost, doubled or late. Between two sessions the agent goes on alone; after `kill -9` it
//! finds its way back from what it wrote down and from the labels of what the engine holds.
//!
//! | module | holds |
//! | --- | --- |
//! | [`options`] | what the composition root hands in |
//! | `runtimes` | the base images, made on this node |
//! | [`plugins`] | the plugins that come with Pierhead: manifests and images |
//! | `inspect` | a repository looked at without deploying it |
//! | `root` | the task that owns all others: sessions, one worker for each deployment |
//! | [`Uplink`] | the connections over which a control plane on another machine is met |
//! | `session` | what is sent to the control plane, and when it is sent again |
//! | `assignments`, `book`, `log` | what survives a restart: the desired, the reported, the printed |
//! | `worker` | one deployment from acceptance to removal |
//! | `executor` | the steps of a run: clone, detect, install, build, release, start |
//! | [`steps`] | one step of a pipeline: a plugin that is run once, a service from an image |
//! | `pipeline` | the run of a pipeline: what its machine orders, carried out |
//! | `keeper` | keeps a healthy service running; adopts it after a restart |
//! | `inventory` | what the engine holds, for whoever compares |
//! | `programs` | what is mounted into containers of others |
//! | `undo`, `sweeper` | removing: what one deployment made; what nobody wants any more |
//! | `git`, `address` | fetching source from strangers without becoming their tool |
//! | `firewall` | what containers cannot reach |
//! | `gc` | keeps caches within their budget |
//! | `images` | images that travel between nodes, layer by layer |
//! | `overlay`, `layers` | file systems of builds and services, and their manifests |
//!
//! Invariants: nothing without this install's labels is ever touched; secrets are kept in memory and in the container
//! that needs them, never in a file of the agent; every object is labelled when it is created, so that removing by label
//! is complete whatever crashed.

mod address;
mod assignments;
mod backoff;
mod book;
mod durable;
mod exec;
mod executor;
mod firewall;
mod gc;
mod git;
pub mod handover;
mod health;
mod identity;
mod images;
mod inspect;
mod inventory;
mod labels;
mod layers;
mod layout;
mod log;
mod networks;
mod node;
pub mod options;
mod overlay;
mod pipeline;
pub mod plugins;
pub mod programs;
mod queue;
mod rests;
mod root;
mod runtimes;
mod session;
pub mod steps;
mod subnet;
mod sweeper;
mod undo;
mod uplink;
mod usage;
mod worker;

use std::sync::Arc;

use pierhead_engine::Engine;
use pierhead_model::id::InstallId;
use pierhead_wire::link::End;
use pierhead_wire::streams::Reachable;
use pierhead_wire::{AgentToControl, BlobChannel, ControlToAgent, Executes, Leaders};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use git::{PushHost, Received};
pub use inspect::{InspectError, Inspector};
pub use options::{Options, RuntimeError, RuntimeImage, RuntimeImages, Say};
pub use runtimes::RuntimeBuilder;
pub use uplink::{Meeting, Uplink, certificate};

/// The agent's end of a link to the control plane.
pub type Link = End<AgentToControl, ControlToAgent>;

/// What an agent works with.
#[derive(Debug, Clone)]
pub struct Tools {
    pub engine: Arc<dyn Engine>,
    pub blobs: Arc<dyn BlobChannel>,
    pub runtimes: Arc<dyn RuntimeImages>,
    /// The ways to the nodes that lead what this one has a share of.
    pub leaders: Arc<dyn Leaders>,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the agent cannot use its data directory `{path}`: check that it exists, is writable and not full"
    )]
    DataDirectory { path: std::path::PathBuf, source: std::io::Error },
}

/// A node.
#[derive(Debug)]
pub struct Agent;

impl Agent {
    /// Starts a node on its data directory, with its first link. What it ran before is adopted before the first message.
    pub async fn start(options: Options, tools: Tools, link: Link) -> Result<Handle, StartError> {
        let path = options.data_dir.clone();
        let node = node::Node::open(options, tools)
            .await
            .map_err(|source| StartError::DataDirectory { path, source })?;
        let stop = CancellationToken::new();
        let (links, new_links) = mpsc::channel(4);
        let node = Arc::new(node);
        let root = tokio::spawn(root::run(Arc::clone(&node), link, new_links, stop.clone()));
        Ok(Handle { node, links, stop, root: Some(root) })
    }
}

/// A running agent. Dropping it ends its tasks at once; containers run on.
#[derive(Debug)]
pub struct Handle {
    node: Arc<node::Node>,
    links: mpsc::Sender<Link>,
    stop: CancellationToken,
    root: Option<JoinHandle<()>>,
}

impl Handle {
    /// Hands in a new link. The newest one wins: the session on an older one ends.
    pub async fn attach(&self, link: Link) {
        // A refused link means that the agent has ended: its other end sees that by itself.
        let _ = self.links.send(link).await;
    }

    /// Whose node this is, once a control plane has said so.
    pub fn install(&self) -> Option<InstallId> {
        self.node.identity().map(|identity| identity.install)
    }

    /// Which addresses are those of this node's services.
    pub fn services(&self) -> Arc<dyn Reachable> {
        Arc::new(uplink::Services(Arc::clone(&self.node)))
    }

    /// Runs commands in containers of this node's services.
    pub fn commands(&self) -> Arc<dyn Executes> {
        Arc::new(exec::Commands(Arc::clone(&self.node)))
    }

    /// Ends every task of the agent and waits for it. Containers run on and are adopted by the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(root) = self.root.take()
            && let Err(error) = root.await
        {
            tracing::error!(%error, "the agent's root task ended badly");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(root) = &self.root {
            root.abort();
        }
    }
}
