//! The agents that are connected.
//!
//! A session is a reconciler of its own: it knows what its node was told, looks at what the node should do, and sends the
//! difference, whenever it is woken and once in a while. What the agent reports is stored first and acknowledged after, so a
//! crash on either side costs a repetition and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Assignment, Report};
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::log::LogLine;
use pierhead_wire::agent_to_control::{DeploymentUsage, Holding, Machine, MachineUsage};
use pierhead_wire::link::{End, LinkClosed};
use pierhead_wire::version::Version;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::reconcilers::Signal;
use crate::reconcilers::driver::Chain;

/// How often a session compares even when nobody woke it.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// How long an agent may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked for a sign of life, and after how many silent rounds the link counts as broken.
const PING_PERIOD: Duration = Duration::from_secs(3);
const SILENT_ROUNDS: u32 = 3;

/// Who is connected, since when, and what they said of themselves.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    connected: Mutex<HashMap<NodeId, Connected>>,
}

/// How long an agent may take to say what its engine holds.
const INVENTORY_LIMIT: Duration = Duration::from_secs(20);

/// Inventories that may be asked for at once.
const INVENTORIES: usize = 8;

/// Who waits for an inventory.
type Asker = oneshot::Sender<Vec<Holding>>;

#[derive(Debug, Clone)]
pub(crate) struct Connected {
    /// Tells one session of a node from the next.
    session: u64,
    pub(crate) since: Timestamp,
    pub(crate) release: String,
    pub(crate) machine: Machine,
    pub(crate) usage: MachineUsage,
    pub(crate) deployments: Vec<DeploymentUsage>,
    inventories: mpsc::Sender<Asker>,
    /// What it should do may have changed.
    wake: Signal,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error("the link closed")]
    Closed(#[source] LinkClosed),
    #[error("the agent did not say hello in time")]
    NoHello,
    #[error("the agent refused: {reason}")]
    Refused { reason: String },
    #[error("the versions do not fit")]
    Incompatible(#[source] pierhead_wire::version::Incompatible),
    #[error("the agent was silent for too long")]
    Silent,
    #[error("what the agent sent could not be stored")]
    Store(#[source] Error),
}

impl From<LinkClosed> for SessionEnd {
    fn from(closed: LinkClosed) -> Self {
        Self::Closed(closed)
    }
}

impl Fleet {
    /// What this node should do may have changed.
    pub(crate) fn wake(&self, node: &NodeId) {
        if let Some(connected) = self.connected.lock().get(node) {
            connected.wake.raise();
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
        let asked = self.connected(node)?.inventories;
        let (asker, answer) = oneshot::channel();
        asked.send(asker).await.ok()?;
        tokio::time::timeout(INVENTORY_LIMIT, answer).await.ok()?.ok()
    }

    fn joined(
        &self,
        node: &NodeId,
        since: Timestamp,
        hello: (String, Machine),
        inventories: mpsc::Sender<Asker>,
        wake: Signal,
    ) -> u64 {
        let mut connected = self.connected.lock();
        let session = connected.get(node).map_or(1, |earlier| earlier.session + 1);
        let (release, machine) = hello;
        let (usage, deployments) = (MachineUsage::default(), Vec::new());
        let entry = Connected { session, since, release, machine, usage, deployments, inventories, wake };
        connected.insert(node.clone(), entry);
        session
    }

    fn left(&self, node: &NodeId, session: u64) {
        let mut connected = self.connected.lock();
        if connected.get(node).is_some_and(|entry| entry.session == session) {
            connected.remove(node);
        }
    }

    fn used(&self, node: &NodeId, usage: MachineUsage, deployments: Vec<DeploymentUsage>) {
        if let Some(entry) = self.connected.lock().get_mut(node) {
            entry.usage = usage;
            entry.deployments = deployments;
        }
    }
}

/// Talks to one agent until its link closes.
pub(crate) fn attach(
    core: Arc<Core>,
    node: NodeId,
    link: End<ControlToAgent, AgentToControl>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut session = Session {
            core,
            node,
            link,
            told: HashMap::new(),
            silent_rounds: 0,
            asked: HashMap::new(),
            last_asked: 0,
        };
        let end = session.run().await;
        tracing::info!(node = %session.node, reason = %Chain(&end), "an agent's session ended");
    })
}

struct Session {
    core: Arc<Core>,
    node: NodeId,
    link: End<ControlToAgent, AgentToControl>,
    /// What the node was told in this session, by generation.
    told: HashMap<DeploymentId, u64>,
    silent_rounds: u32,
    /// Inventories that somebody waits for, by number.
    asked: HashMap<u64, Asker>,
    last_asked: u64,
}

impl Session {
    /// Never returns well: every session ends for a reason.
    async fn run(&mut self) -> SessionEnd {
        let hello = match self.greet().await {
            Ok(hello) => hello,
            Err(end) => return end,
        };
        let (inventories, askers) = mpsc::channel(INVENTORIES);
        let wake = Signal::default();
        let number =
            self.core.fleet.joined(&self.node, self.core.outside.now(), hello, inventories, wake.clone());
        self.core.signals.deployments.raise();
        self.core.signals.routes.raise();
        let end = match self.converse(askers, wake).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.core.fleet.left(&self.node, number);
        self.core.signals.routes.raise();
        end
    }

    async fn greet(&mut self) -> Result<(String, Machine), SessionEnd> {
        let version = Version::current();
        let hello = ControlToAgent::Hello {
            version: version.clone(),
            install: self.core.install.clone(),
            node: self.node.clone(),
            epoch: self.core.epoch,
        };
        self.link.send(hello).await?;
        match tokio::time::timeout(HELLO_LIMIT, self.link.receive()).await {
            Ok(Some(AgentToControl::Hello { version: theirs, machine })) => {
                version.negotiate(&theirs).map_err(SessionEnd::Incompatible)?;
                Ok((theirs.release, machine))
            }
            Ok(Some(AgentToControl::Refused { reason })) => Err(SessionEnd::Refused { reason }),
            Ok(Some(_)) | Err(_) => Err(SessionEnd::NoHello),
            Ok(None) => Err(SessionEnd::Closed(LinkClosed)),
        }
    }

    async fn converse(
        &mut self,
        mut askers: mpsc::Receiver<Asker>,
        wake: Signal,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK_PERIOD, LOOK_PERIOD);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pings = tokio::time::interval(PING_PERIOD);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.synchronise().await?;
        loop {
            tokio::select! {
                message = self.link.receive() => {
                    let message = message.ok_or(LinkClosed)?;
                    self.silent_rounds = 0;
                    self.hear(message).await?;
                }
                () = wake.raised() => self.tell_changes().await?,
                _ = looks.tick() => self.tell_changes().await?,
                Some(asker) = askers.recv() => {
                    self.last_asked += 1;
                    self.asked.retain(|_, asker| !asker.is_closed());
                    self.asked.insert(self.last_asked, asker);
                    self.link.send(ControlToAgent::TakeInventory { number: self.last_asked }).await?;
                }
                _ = pings.tick() => {
                    self.silent_rounds += 1;
                    if self.silent_rounds > SILENT_ROUNDS {
                        return Err(SessionEnd::Silent);
                    }
                    self.link.send(ControlToAgent::Ping { number: u64::from(self.silent_rounds) }).await?;
                }
            }
        }
    }

    async fn synchronise(&mut self) -> Result<(), SessionEnd> {
        let assignments = self.wanted().await?;
        self.told = assignments.iter().map(|a| (a.deployment.clone(), a.generation)).collect();
        Ok(self.link.send(ControlToAgent::Sync { assignments }).await?)
    }

    async fn tell_changes(&mut self) -> Result<(), SessionEnd> {
        let wanted = self.wanted().await?;
        let gone: Vec<DeploymentId> = {
            let wanted: std::collections::HashSet<_> = wanted.iter().map(|a| &a.deployment).collect();
            self.told.keys().filter(|told| !wanted.contains(told)).cloned().collect()
        };
        for deployment in gone {
            self.told.remove(&deployment);
            self.link.send(ControlToAgent::Forget { deployment }).await?;
        }
        for assignment in wanted {
            let told = self.told.insert(assignment.deployment.clone(), assignment.generation);
            if told != Some(assignment.generation) {
                self.link.send(ControlToAgent::Assign(assignment)).await?;
            }
        }
        Ok(())
    }

    async fn wanted(&self) -> Result<Vec<Assignment>, SessionEnd> {
        crate::assignments::of_node(&self.core, &self.node).await.map_err(SessionEnd::Store)
    }

    async fn hear(&mut self, message: AgentToControl) -> Result<(), SessionEnd> {
        match message {
            AgentToControl::Report(report) => self.hear_report(report).await,
            AgentToControl::Log { deployment, lines } => self.hear_log(deployment, lines).await,
            AgentToControl::Usage { machine, deployments } => {
                self.core.fleet.used(&self.node, machine, deployments);
                Ok(())
            }
            AgentToControl::Inventory { number, holdings } => {
                if let Some(asker) = self.asked.remove(&number) {
                    // Who asked may have stopped waiting.
                    let _ = asker.send(holdings);
                }
                Ok(())
            }
            AgentToControl::Refused { reason } => Err(SessionEnd::Refused { reason }),
            AgentToControl::Hello { .. } | AgentToControl::Pong { .. } => Ok(()),
        }
    }

    /// An agent may only speak of what this node was told to do.
    async fn hear_report(&mut self, report: Report) -> Result<(), SessionEnd> {
        let (deployment, sequence) = (report.deployment.clone(), report.sequence);
        if self.told.contains_key(&deployment) {
            let stored = self.core.store.deployment_report_store(&deployment, &self.node, &report).await;
            stored.stored().map_err(SessionEnd::Store)?;
            self.core.signals.deployments.raise();
            self.core.signals.routes.raise();
        }
        Ok(self.link.send(ControlToAgent::ReportStored { deployment, sequence }).await?)
    }

    async fn hear_log(&mut self, deployment: DeploymentId, lines: Vec<LogLine>) -> Result<(), SessionEnd> {
        let Some(through) = lines.last().map(|line| line.number) else { return Ok(()) };
        if self.told.contains_key(&deployment) {
            self.core.store.logs().append(&deployment, &lines).await.stored().map_err(SessionEnd::Store)?;
        }
        Ok(self.link.send(ControlToAgent::LogStored { deployment, through }).await?)
    }
}
