//! The link's side of the agent: what it hears becomes assignments of workers, what workers report and print goes out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::assignment::{Assignment, Phase};
use pierhead_model::crash_point;
use pierhead_model::id::DeploymentId;
use pierhead_wire::link::End;
use pierhead_wire::version::Version;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::identity::Identity;
use crate::usage::{self, CpuTime};
use crate::{Node, sweeper, worker};

const USAGE_PERIOD: Duration = Duration::from_secs(5);

type Link = End<AgentToControl, ControlToAgent>;

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("the link to the control plane closed")]
    Closed,
    #[error("the control plane did not say hello first")]
    NoHello,
    #[error("the versions do not fit: {0}")]
    Incompatible(pierhead_wire::version::Incompatible),
    #[error("the node's folder cannot be written")]
    Disk(#[source] std::io::Error),
}

/// Speaks with the control plane until the link closes or `stop` says so.
pub(crate) async fn run(node: Arc<Node>, link: Link, mut stop: watch::Receiver<bool>) {
    let mut session = Session { node, link, workers: HashMap::new() };
    tokio::select! {
        end = session.converse() => {
            if let Err(error) = end {
                tracing::warn!(%error, "the agent's session ended");
            }
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    for worker in session.workers.into_values() {
        worker.task.abort();
    }
}

struct Session {
    node: Arc<Node>,
    link: Link,
    workers: HashMap<DeploymentId, Worker>,
}

struct Worker {
    assignment: watch::Sender<Assignment>,
    task: JoinHandle<()>,
}

impl Session {
    async fn converse(&mut self) -> Result<(), SessionError> {
        let identity = Arc::new(self.greet().await?);
        let (mut reports, mut lines) = (self.node.reports.changes(), self.node.spool.changes());
        let mut usage_due = tokio::time::interval(USAGE_PERIOD);
        let mut cpu = CpuTime::read();
        self.node.spool.start_over();
        let mut told: HashMap<DeploymentId, u64> = HashMap::new();
        loop {
            tokio::select! {
                message = self.link.receive() => {
                    self.hear(&identity, message.ok_or(SessionError::Closed)?).await?;
                }
                _ = reports.changed() => {}
                _ = lines.changed() => {}
                _ = usage_due.tick() => {
                    let (machine, now) = usage::usage(&self.node.options.data_dir, cpu);
                    cpu = now;
                    self.send(AgentToControl::Usage { machine, deployments: Vec::new() }).await?;
                }
            }
            for (deployment, lines) in self.node.spool.batches() {
                self.send(AgentToControl::Log { deployment, lines }).await?;
            }
            for report in self.node.reports.unstored() {
                // An end is told when the log is complete: afterwards the control plane needs nothing more of it.
                let ended = matches!(report.phase, Phase::Failed | Phase::Stopped);
                let complete = !ended || self.node.spool.is_empty(&report.deployment);
                let new = told.get(&report.deployment) != Some(&report.sequence);
                if complete && new && self.workers.contains_key(&report.deployment) {
                    told.insert(report.deployment.clone(), report.sequence);
                    self.send(AgentToControl::Report(report)).await?;
                }
            }
        }
    }

    async fn greet(&mut self) -> Result<Identity, SessionError> {
        let Some(ControlToAgent::Hello { version, install, node, epoch }) = self.link.receive().await else {
            return Err(SessionError::NoHello);
        };
        let ours = Version::current();
        if let Err(incompatible) = ours.negotiate(&version) {
            self.send(AgentToControl::Refused { reason: incompatible.to_string() }).await?;
            return Err(SessionError::Incompatible(incompatible));
        }
        let engine_version = self.node.engine.version().await.unwrap_or_default();
        let machine = usage::machine(&self.node.options.data_dir, engine_version);
        self.send(AgentToControl::Hello { version: ours, machine }).await?;
        Ok(Identity { install, node, epoch })
    }

    async fn hear(&mut self, identity: &Arc<Identity>, message: ControlToAgent) -> Result<(), SessionError> {
        match message {
            ControlToAgent::Sync { assignments } => {
                let wanted: Vec<DeploymentId> = assignments.iter().map(|a| a.deployment.clone()).collect();
                let known: Vec<DeploymentId> =
                    self.workers.keys().cloned().chain(self.node.reports.known()).collect();
                for deployment in known.into_iter().filter(|known| !wanted.contains(known)) {
                    self.forget(&deployment);
                }
                for assignment in assignments {
                    self.assign(identity, assignment)?;
                }
                sweeper::start(Arc::clone(&self.node), Arc::clone(identity), wanted);
            }
            ControlToAgent::Assign(assignment) => self.assign(identity, assignment)?,
            ControlToAgent::Forget { deployment } => self.forget(&deployment),
            ControlToAgent::ReportStored { deployment, sequence } => {
                self.node.reports.stored(&deployment, sequence)
            }
            ControlToAgent::LogStored { deployment, through } => {
                self.node.spool.stored(&deployment, through).map_err(SessionError::Disk)?;
            }
            ControlToAgent::Ping { number } => self.send(AgentToControl::Pong { number }).await?,
            ControlToAgent::Hello { .. } => {}
        }
        Ok(())
    }

    fn assign(&mut self, identity: &Arc<Identity>, assignment: Assignment) -> Result<(), SessionError> {
        let deployment = assignment.deployment.clone();
        if let Some(worker) = self.workers.get(&deployment) {
            worker.assignment.send_if_modified(|current| {
                let newer = assignment.generation > current.generation;
                if newer {
                    *current = assignment;
                }
                newer
            });
            return Ok(());
        }
        self.node.spool.adopt(&deployment).map_err(SessionError::Disk)?;
        // Durable before anything is made: after a crash this deployment is known here.
        self.node.reports.update(&deployment, |_| {}).map_err(SessionError::Disk)?;
        crash_point!("agent.accepted");
        let (sender, receiver) = watch::channel(assignment);
        let task = tokio::spawn(worker::run(Arc::clone(&self.node), Arc::clone(identity), receiver));
        self.workers.insert(deployment, Worker { assignment: sender, task });
        Ok(())
    }

    /// The control plane needs nothing more of this deployment.
    fn forget(&mut self, deployment: &DeploymentId) {
        if let Some(worker) = self.workers.remove(deployment) {
            worker.task.abort();
        }
        self.node.reports.forget(deployment);
        self.node.spool.forget(deployment);
    }

    async fn send(&self, message: AgentToControl) -> Result<(), SessionError> {
        self.link.send(message).await.map_err(|_| SessionError::Closed)
    }
}
