//! One endpoint of a service: an address, its pool, and how it has been doing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pierhead_wire as wire;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::client_io::only;
use crate::context::Context;
use crate::pool::Pool;
use crate::upstream::Upstream;

/// How long an endpoint that could not be connected to is asked last.
const AVOIDED_FOR: Duration = Duration::from_secs(1);

/// Why there is no connection to an endpoint. Nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("no connection within the time limit")]
    TimedOut,
    #[error("the connection was not made")]
    Refused(#[source] io::Error),
    #[error("the connection was closed at once")]
    Closed(#[source] hyper::Error),
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    endpoint: wire::Endpoint,
    pool: Pool,
    in_flight: AtomicUsize,
    failed: Mutex<Option<Instant>>,
    /// Whether `failed` holds anything, so that the common case takes no lock.
    failures: AtomicUsize,
}

/// A connection in use.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) upstream: Upstream,
    pub(crate) use_of: InUse,
}

/// Counts as one request in flight at an endpoint.
#[derive(Debug)]
pub(crate) struct InUse(Arc<Endpoint>);

impl Endpoint {
    pub(crate) fn new(endpoint: wire::Endpoint) -> Self {
        Self {
            endpoint,
            pool: Pool::default(),
            in_flight: AtomicUsize::new(0),
            failed: Mutex::new(None),
            failures: AtomicUsize::new(0),
        }
    }

    pub(crate) const fn endpoint(&self) -> &wire::Endpoint {
        &self.endpoint
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether it could not be connected to a moment ago.
    pub(crate) fn is_avoided(&self, now: Instant) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
            && self.failed.lock().is_some_and(|at| now.saturating_duration_since(at) < AVOIDED_FOR)
    }

    /// A pooled connection that was used at most `unused` ago.
    pub(crate) fn pooled(self: &Arc<Self>, now: Instant, unused: Duration) -> Option<Lease> {
        self.pool.take(now, unused).map(|upstream| self.lease(upstream))
    }

    /// A new connection.
    pub(crate) async fn connect(self: &Arc<Self>, context: &Context) -> Result<Lease, ConnectError> {
        let connected = self.handshake(context).await;
        if connected.is_ok() {
            self.failures.store(0, Ordering::Relaxed);
        } else {
            *self.failed.lock() = Some(Instant::now());
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        connected.map(|upstream| self.lease(upstream))
    }

    async fn handshake(&self, context: &Context) -> Result<Upstream, ConnectError> {
        match &self.endpoint.node {
            None => {
                let stream = self.within_limit(context, TcpStream::connect(self.endpoint.address)).await?;
                stream.set_nodelay(true).map_err(ConnectError::Refused)?;
                Upstream::begin(OnePiece(stream)).await.map_err(ConnectError::Closed)
            }
            Some(node) => {
                let opening = context.options.tunnels.open(node, self.endpoint.address);
                let stream = self.within_limit(context, opening).await?;
                Upstream::begin(OnePiece(stream)).await.map_err(ConnectError::Closed)
            }
        }
    }

    async fn within_limit<S>(
        &self,
        context: &Context,
        connecting: impl Future<Output = io::Result<S>>,
    ) -> Result<S, ConnectError> {
        tokio::time::timeout(context.options.limits.connect_timeout, connecting)
            .await
            .map_err(|_| ConnectError::TimedOut)?
            .map_err(ConnectError::Refused)
    }

    fn lease(self: &Arc<Self>, upstream: Upstream) -> Lease {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Lease { upstream, use_of: InUse(Arc::clone(self)) }
    }

    pub(crate) fn sweep(&self) {
        self.pool.sweep(Instant::now());
    }

    /// The deployment leaves: idle connections are closed, and those in use when they are done.
    pub(crate) fn retire(&self) {
        self.pool.retire();
    }

    pub(crate) fn reopen(&self) {
        self.pool.reopen();
    }
}

/// A connection that takes what comes in one piece with a cheaper system call.
struct OnePiece<Io>(Io);

impl<Io: AsyncRead + Unpin> AsyncRead for OnePiece<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for OnePiece<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match only(slices) {
            Some(bytes) => Pin::new(&mut self.0).poll_write(cx, bytes),
            None => Pin::new(&mut self.0).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Lease {
    /// The answer has ended cleanly: the connection may be used again.
    pub(crate) fn give_back(self) {
        self.use_of.0.pool.put(self.upstream, Instant::now());
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
