//! What every request of one ingress shares. Built once by [`Ingress::start`](crate::Ingress::start), handed down, never global.

use std::sync::Arc;

use arc_swap::ArcSwap;
use pierhead_model::hostname::Hostname;
use pierhead_wire::BlobChannel;
use tokio_util::task::TaskTracker;

use crate::access_log::AccessLog;
use crate::connections::Connections;
use crate::counters::{Counters, Counts};
use crate::guard::Tickets;
use crate::limiter::Limiter;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::passwords::Passwords;
use crate::request_id::RequestIds;
use crate::route_table::RouteTable;
use crate::static_site::Contents;
use crate::tls::Tls;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) table: ArcSwap<RouteTable>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) contents: Contents,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) request_ids: RequestIds,
    pub(crate) log: AccessLog,
    /// Certificates, when visitors may come by TLS.
    pub(crate) tls: Option<Tls>,
    pub(crate) limiter: Limiter,
    pub(crate) passwords: Passwords,
    pub(crate) tickets: Tickets,
    pub(crate) totals: Counters,
    /// Owns the tasks that drive connections to services; each ends when its connection is no longer wanted.
    pub(crate) upstreams: TaskTracker,
}

impl Context {
    pub(crate) fn new(options: Options, blobs: Arc<dyn BlobChannel>) -> Self {
        Self {
            table: ArcSwap::from_pointee(RouteTable::awaited()),
            connections: Arc::new(Connections::new(&options.limits)),
            contents: Contents::new(blobs, options.limits.file_cache_bytes),
            outbox: Arc::new(Outbox::default()),
            request_ids: RequestIds::new(),
            tls: None,
            log: AccessLog::new(options.access_log.clone()),
            limiter: Limiter::new(),
            passwords: Passwords::new(),
            tickets: Tickets::new(),
            totals: Counters::default(),
            upstreams: TaskTracker::new(),
            options,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            log_lines_dropped: self.log.dropped(),
            connections: self.connections.open() as u64,
            ..self.totals.read()
        }
    }

    pub(crate) fn counts_of(&self, host: &Hostname) -> Option<Counts> {
        self.table.load().get(host.as_str()).map(|route| route.counters.read())
    }
}
