//! The data plane: a table of hostnames, and for each a site's files or a service's processes.
//!
//! It needs the control plane only to hear of changes: what it knows it serves on its own.
//!
//! ```text
//! listener ──► table (host → target) ──► site: manifest and files, from memory
//!                                   └──► service: a kept connection to one of its processes
//! follow: changes from the control plane ──► table; tells back what has been applied and what has drained
//! ```

mod connection;
mod follow;
mod headers;
mod page;
mod path;
mod pool;
mod redirects;
mod service;
mod site;
mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pierhead_wire::link::End;
use pierhead_wire::{BlobChannel, ControlToIngress, IngressToControl};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::site::Sites;
use crate::table::Table;

/// How an ingress works.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: SocketAddr,
    /// How long requests of a deployment that was replaced may go on.
    pub drain_limit: Duration,
    /// Connections at the same time.
    pub maximum_connections: usize,
    /// Bytes of site files kept in memory.
    pub cache_bytes: u64,
}

/// What every request is answered from.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) table: Table,
    pub(crate) sites: Sites,
    pub(crate) options: Options,
}

/// The ingress could not start.
#[derive(Debug, thiserror::Error)]
#[error("the ingress cannot listen on {address}: is something else using it?")]
pub struct StartError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// A running ingress.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Handle {
    /// Where it really listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and lets the others finish, at most for the drain limit.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has stopped too.
            let _ = task.await;
        }
    }
}

/// Starts to listen, and follows the control plane through `link`.
pub async fn start(
    options: Options,
    blobs: Arc<dyn BlobChannel>,
    link: End<IngressToControl, ControlToIngress>,
) -> Result<Handle, StartError> {
    let failed = |source| StartError { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let shared =
        Arc::new(Shared { table: Table::default(), sites: Sites::new(blobs, options.cache_bytes), options });
    let (stop, stopped) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(follow::run(Arc::clone(&shared), link, stopped.clone())),
        tokio::spawn(connection::accept(shared, listener, stopped)),
    ];
    Ok(Handle { address, stop, tasks })
}
