//! What an ingress is given. Every default is a number of `docs/reliability.md` or of common practice, with its unit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use pierhead_wire::Tunnels;
use pierhead_wire::traffic::NoTunnels;
use tokio::sync::mpsc;

use crate::access_log::AccessRecord;

/// So many header fields are parsed without an allocation.
pub(crate) const FREE_HEADERS: usize = 100;

/// How an ingress listens and behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where visitors connect to; port 0 takes any free one (see [`Handle::local_addr`](crate::Handle::local_addr)).
    pub listen: SocketAddr,
    /// Where visitors connect to by TLS; `None` when something before this ingress speaks it.
    pub listen_tls: Option<SocketAddr>,
    /// Where the table is kept on disk, so that a restart serves without the control plane; `None` keeps none.
    pub table_copy: Option<PathBuf>,
    /// Where the certificates are kept on disk, for the same; `None` keeps none.
    pub certificate_copy: Option<PathBuf>,
    /// Take the table of a control plane that has started anew even if it has less than half of the routes.
    pub accept_smaller_table: bool,
    /// Proxies before this ingress, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long requests and tunnels of a deployment that left the table may take to finish.
    pub drain_timeout: Duration,
    /// Where owners of a project look for the reason; linked from the platform's pages.
    pub console_url: Option<String>,
    /// The way to services on other machines.
    pub tunnels: Arc<dyn Tunnels>,
    pub limits: Limits,
    /// Receives one record per request. A full channel loses records (they are counted), never time.
    pub access_log: Option<mpsc::Sender<Box<AccessRecord>>>,
}

impl Options {
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            listen_tls: None,
            table_copy: None,
            certificate_copy: None,
            trusted_proxies: Vec::new(),
            accept_smaller_table: false,
            drain_timeout: Duration::from_secs(30),
            console_url: None,
            tunnels: Arc::new(NoTunnels),
            limits: Limits::default(),
            access_log: None,
        }
    }
}

/// What one visitor, one application and one file may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of visitors, all together.
    pub connections: usize,
    /// Connections of one IPv4 address or one IPv6 /64 network.
    pub connections_per_client: usize,
    /// Requests that one deployment may be answering at the same time.
    pub requests_per_deployment: usize,
    /// From the first byte of a request until its headers are complete.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a visitor may take none of the bytes that are ready for it.
    pub write_timeout: Duration,
    /// How long a visitor may leave a request's body waiting, beyond the time its bytes need at `body_bytes_per_second`.
    pub body_grace: Duration,
    pub body_bytes_per_second: u32,
    /// Request line and headers together, in bytes.
    pub header_bytes: usize,
    /// Header fields of one request.
    pub header_count: usize,
    /// For a connection to a service.
    pub connect_timeout: Duration,
    /// Until a service begins its answer.
    pub answer_timeout: Duration,
    /// How long a request waits for a service that sleeps.
    pub wake_timeout: Duration,
    /// How long a browser's request waits before it is shown a page that tries again by itself.
    pub wake_page_after: Duration,
    /// Memory for files of sites, in bytes.
    pub file_cache_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_client: 2_000,
            requests_per_deployment: 1_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(75),
            body_grace: Duration::from_secs(60),
            body_bytes_per_second: 256,
            header_bytes: 32 * 1024,
            header_count: FREE_HEADERS,
            connect_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(60),
            wake_timeout: Duration::from_secs(60),
            wake_page_after: Duration::from_secs(10),
            file_cache_bytes: 64 * 1024 * 1024,
        }
    }
}
