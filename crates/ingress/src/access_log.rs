//! The access log: one record per request, handed to whoever keeps it.
//!
//! Writing is not the data plane's work: records go into a bounded channel, and when its reader is slow they are dropped and
//! counted. A request never waits for its log line.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, StatusCode};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use tokio::sync::mpsc;

use crate::target::Route;

/// What there is to say about one request, once its answer has been handed over or given up.
#[derive(Debug)]
pub struct AccessRecord {
    /// When the request's headers were complete.
    pub at: SystemTime,
    pub client: IpAddr,
    pub method: Method,
    /// Whose request it was is in the table, and not written out once more.
    pub(crate) route: Option<Arc<Route>>,
    /// Path and query as they arrived.
    pub path: String,
    pub status: StatusCode,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Until the last byte of the answer's body was handed over.
    pub duration: Duration,
    /// As in `X-Request-Id`, which the service saw too.
    pub request_id: HeaderValue,
}

impl AccessRecord {
    /// The hostname that was asked for.
    pub fn host(&self) -> Option<&Hostname> {
        self.route.as_ref().map(|route| &route.host)
    }

    /// Whose it is.
    pub fn project(&self) -> Option<&ProjectName> {
        self.route.as_ref().map(|route| &route.project)
    }

    /// What answered, or what was explained.
    pub fn deployment(&self) -> Option<&DeploymentId> {
        self.route.as_ref().and_then(|route| route.target.deployment())
    }
}

/// Where records go.
#[derive(Debug)]
pub(crate) struct AccessLog {
    sender: Option<mpsc::Sender<Box<AccessRecord>>>,
    dropped: AtomicU64,
}

impl AccessLog {
    pub(crate) const fn new(sender: Option<mpsc::Sender<Box<AccessRecord>>>) -> Self {
        Self { sender, dropped: AtomicU64::new(0) }
    }

    /// Whether making a record is worth the work.
    pub(crate) fn wanted(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    pub(crate) fn write(&self, record: Box<AccessRecord>) {
        if let Some(sender) = &self.sender
            && sender.try_send(record).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
