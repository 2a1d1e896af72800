//! The agents that are connected.

mod leading;
mod measured;
mod seeks;
mod session;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::sleep::RestOrder;
use pierhead_wire::agent_to_control::{DeploymentUsage, Holding, Machine, MachineUsage};
use pierhead_wire::streams::Streams;
use pierhead_wire::traffic::Connection;
use pierhead_wire::{Executes, Tunnels};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::core::Core;
use crate::error::Error;
use crate::reconcilers::Signal;

pub(crate) use leading::LeadersOf;
use seeks::Seeks;
use session::Agent;
pub(crate) use session::attach;

/// Who is connected, since when, and what they said of themselves.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    connected: Mutex<HashMap<NodeId, Connected>>,
    /// To nodes on other machines, with the number of the connection.
    streams: Mutex<HashMap<NodeId, (u64, Streams)>>,
    seeks: Seeks,
    in_this_process: OnceLock<NodeId>,
    /// Of the node in this process.
    executes: OnceLock<Arc<dyn Executes>>,
}

/// How long an agent may take to say what its engine holds.
const INVENTORY_LIMIT: Duration = Duration::from_secs(20);

/// What a command may have printed before somebody takes it, in bytes.
const EXEC_BUFFER: usize = 64 << 10;

/// Errands that may wait for one session.
const ERRANDS: usize = 256;

/// Who waits for an inventory.
type Asker = oneshot::Sender<Vec<Holding>>;

/// What somebody wants said to a node.
#[derive(Debug)]
enum Errand {
    TakeInventory(Asker),
    KeepImage { reference: String },
    ImageFound { reference: String, image: Option<Digest> },
    Rest { deployment: DeploymentId, order: RestOrder },
}

#[derive(Debug, Clone)]
pub(crate) struct Connected {
    /// Tells one session of a node from the next.
    session: u64,
    pub(crate) since: Timestamp,
    pub(crate) release: String,
    pub(crate) machine: Machine,
    pub(crate) usage: MachineUsage,
    pub(crate) deployments: Vec<DeploymentUsage>,
    errands: mpsc::Sender<Errand>,
    /// What it should do may have changed.
    wake: Signal,
    /// The session is to end.
    close: Signal,
    /// It understands what it is told to do.
    pub(crate) compatible: bool,
}

impl Fleet {
    /// What this node should do may have changed.
    pub(crate) fn wake(&self, node: &NodeId) {
        if let Some(connected) = self.connected.lock().get(node) {
            connected.wake.raise();
        }
    }

    /// The node whose agent runs in this process, once it was attached.
    pub(crate) fn in_this_process(&self) -> Option<NodeId> {
        self.in_this_process.get().cloned()
    }

    pub(crate) fn runs_here(&self, node: &NodeId) {
        self.in_this_process.get_or_init(|| node.clone());
    }

    pub(crate) fn executes_here(&self, commands: Arc<dyn Executes>) {
        self.executes.get_or_init(|| commands);
    }

    /// A connection on which a node is told what to run in one of its containers.
    pub(crate) async fn execute(&self, node: &NodeId) -> Result<Box<dyn Connection>, Error> {
        if self.in_this_process.get() == Some(node) {
            let commands = self.executes.get().ok_or_else(|| left(node))?;
            let (near, far) = tokio::io::duplex(EXEC_BUFFER);
            let commands = Arc::clone(commands);
            tokio::spawn(async move { commands.execute(Box::new(far)).await });
            return Ok(Box::new(near));
        }
        let streams = self.streams.lock().get(node).map(|(_, streams)| streams.clone());
        match streams.ok_or_else(|| left(node))?.execute().await {
            Ok(connection) => Ok(Box::new(connection)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let detail = format!("The agent of the node {node} is too old to run commands: update it.");
                Err(Error::Unavailable { detail })
            }
            Err(_) => Err(left(node)),
        }
    }

    pub(crate) fn connected(&self, node: &NodeId) -> Option<Connected> {
        self.connected.lock().get(node).cloned()
    }

    pub(crate) fn is_online(&self, node: &NodeId) -> bool {
        self.connected.lock().contains_key(node)
    }

    /// What a node's engine holds right now; `None` when the node does not say.
    pub(crate) async fn inventory(&self, node: &NodeId) -> Option<Vec<Holding>> {
        let (asker, answer) = oneshot::channel();
        self.send(node, Errand::TakeInventory(asker));
        tokio::time::timeout(INVENTORY_LIMIT, answer).await.ok()?.ok()
    }

    /// An errand to a node that is not connected, or has far too much to do, is lost: whoever sends it has a limit of time.
    fn send(&self, node: &NodeId, errand: Errand) {
        if let Some(connected) = self.connected.lock().get(node) {
            let _ = connected.errands.try_send(errand);
        }
    }

    /// Tells a node how deeply a service should sleep, before it is told again with its assignment.
    pub(crate) fn rest(&self, node: &NodeId, deployment: DeploymentId, order: RestOrder) {
        self.send(node, Errand::Rest { deployment, order });
    }

    /// Has a node store an image, if it has it, so that it survives the node.
    pub(crate) fn keep_image(&self, node: &NodeId, reference: String) {
        self.send(node, Errand::KeepImage { reference });
    }

    /// The newest session of a node wins: an older one may be a connection that nobody has missed yet.
    fn joined(
        &self,
        node: &NodeId,
        since: Timestamp,
        agent: Agent,
        errands: mpsc::Sender<Errand>,
        (wake, close): (Signal, Signal),
    ) -> u64 {
        let mut connected = self.connected.lock();
        let earlier = connected.remove(node).inspect(|earlier| earlier.close.raise());
        let session = earlier.map_or(1, |earlier| earlier.session + 1);
        let Agent { release, machine, compatible } = agent;
        let (usage, deployments) = (MachineUsage::default(), Vec::new());
        let entry = Connected {
            session,
            since,
            release,
            machine,
            usage,
            deployments,
            errands,
            wake,
            close,
            compatible,
        };
        connected.insert(node.clone(), entry);
        session
    }

    /// Ends what connects a node, when it is not to be trusted any more.
    pub(crate) fn disconnect(&self, node: &NodeId) {
        if let Some(connected) = self.connected.lock().get(node) {
            connected.close.raise();
        }
        self.streams.lock().remove(node);
    }

    pub(crate) fn streams_opened(&self, node: &NodeId, streams: Streams) -> u64 {
        let mut all = self.streams.lock();
        let number = all.get(node).map_or(1, |(earlier, _)| earlier + 1);
        all.insert(node.clone(), (number, streams));
        number
    }

    pub(crate) fn streams_closed(&self, node: &NodeId, number: u64) {
        let mut all = self.streams.lock();
        if all.get(node).is_some_and(|(current, _)| *current == number) {
            all.remove(node);
        }
    }

    /// Whether traffic can reach a node on another machine.
    pub(crate) fn has_streams(&self, node: &NodeId) -> bool {
        self.streams.lock().get(node).is_some_and(|(_, streams)| !streams.is_closed())
    }

    fn left(&self, node: &NodeId, session: u64) {
        let mut connected = self.connected.lock();
        if connected.get(node).is_some_and(|entry| entry.session == session) {
            connected.remove(node);
        }
    }

    fn machine(&self, node: &NodeId) -> Option<Machine> {
        self.connected.lock().get(node).map(|entry| entry.machine.clone())
    }

    fn used(&self, node: &NodeId, usage: MachineUsage, deployments: Vec<DeploymentUsage>) {
        if let Some(entry) = self.connected.lock().get_mut(node) {
            entry.usage = usage;
            entry.deployments = deployments;
        }
    }
}

/// A node that cannot be asked now.
pub(crate) fn left(node: &NodeId) -> Error {
    Error::Unavailable { detail: format!("The node {node} is not connected at the moment.") }
}

/// A container of this machine answers at once or not at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A connection to a container, on whichever node it is: that of this process is connected to, the others are reached through
/// their agents.
pub(crate) async fn connect(
    core: &Arc<Core>,
    node: &NodeId,
    address: SocketAddr,
) -> io::Result<Box<dyn Connection>> {
    if core.fleet.in_this_process.get() != Some(node) {
        return NodeTunnels(Arc::clone(core)).open(node, address).await;
    }
    let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address));
    let connection = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    connection.set_nodelay(true)?;
    Ok(Box::new(connection))
}

/// Traffic through the connections that the fleet has.
#[derive(Debug)]
pub(crate) struct NodeTunnels(pub(crate) Arc<Core>);

#[async_trait]
impl Tunnels for NodeTunnels {
    async fn open(&self, node: &NodeId, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        let streams = self.0.fleet.streams.lock().get(node).map(|(_, streams)| streams.clone());
        let streams = streams.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotConnected, format!("the node {node} is not connected"))
        })?;
        Ok(Box::new(streams.tunnel(address).await?))
    }
}
