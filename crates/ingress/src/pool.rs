//! Kept connections to one process of a service.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

/// The process is on this machine or next to it: if it does not take a connection soon it will not.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// More than these are closed after their request.
const KEPT: usize = 256;

pub(crate) type Connection = SendRequest<Incoming>;

/// One process and the idle connections to it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    idle: Mutex<VecDeque<Connection>>,
}

/// No connection could be made.
#[derive(Debug, thiserror::Error)]
#[error("{address} does not take connections")]
pub(crate) struct Unreachable {
    address: SocketAddr,
}

impl Upstream {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::new(VecDeque::new()) }
    }

    /// A kept connection that is still open, the one that was used last first.
    pub(crate) fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop_back() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Unreachable> {
        let unreachable = || Unreachable { address: self.address };
        let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(self.address)).await;
        let stream = connecting.map_err(|_| unreachable())?.map_err(|_| unreachable())?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| unreachable())?;
        tokio::spawn(async move {
            // How it ended is seen by the request that used it.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    /// Gives a connection back when its answer has been read.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT && !connection.is_closed() {
            idle.push_back(connection);
        }
    }
}
