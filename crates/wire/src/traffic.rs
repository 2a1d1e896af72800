//! How a service is reached that runs on another machine: by an ingress, and by the services of its own deployment.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::StepName;
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

/// Connects what runs on a node that has a share of a deployment with what runs where the deployment is led.
#[async_trait]
pub trait Leaders: Send + Sync + Debug {
    /// A connection to a service of the deployment that this is a share of. An error of the kind `NotConnected` means that
    /// the leading node cannot be reached.
    async fn reach(
        &self,
        share: &DeploymentId,
        service: &StepName,
        port: u16,
    ) -> io::Result<Box<dyn Connection>>;
}

/// For a node that has no other beside it.
#[derive(Debug, Clone, Copy)]
pub struct NoLeaders;

#[async_trait]
impl Leaders for NoLeaders {
    async fn reach(&self, share: &DeploymentId, _: &StepName, _: u16) -> io::Result<Box<dyn Connection>> {
        Err(io::Error::new(io::ErrorKind::NotConnected, format!("nobody leads what {share} is a share of")))
    }
}
