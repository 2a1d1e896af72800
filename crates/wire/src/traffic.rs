//! How an ingress reaches a service that runs on another machine.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use pierhead_model::id::NodeId;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

/// A process of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The node in whose networks the address is; `None` when the ingress can connect to it by itself.
    pub node: Option<NodeId>,
    pub address: SocketAddr,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { node: None, address }
    }
}

/// A connection, however it was made.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + Debug {}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin + Debug> Connection for Io {}

/// Connects to services through the agents of their nodes.
#[async_trait]
pub trait Tunnels: Send + Sync + Debug {
    /// A connection to an address on a node. An error of the kind `NotConnected` means that the node cannot be reached.
    async fn open(&self, node: &NodeId, address: SocketAddr) -> io::Result<Box<dyn Connection>>;
}

/// For an ingress that serves this machine only.
#[derive(Debug, Clone, Copy)]
pub struct NoTunnels;

#[async_trait]
impl Tunnels for NoTunnels {
    async fn open(&self, node: &NodeId, _: SocketAddr) -> io::Result<Box<dyn Connection>> {
        Err(io::Error::new(io::ErrorKind::NotConnected, format!("there is no way to the node {node}")))
    }
}
