//! The conversation with one agent.
//!
//! A session is a reconciler of its own: it knows what its node was told, looks at what the node should do, and sends the
//! difference, whenever it is woken and once in a while. What the agent reports is stored first and acknowledged after, so a
//! crash on either side costs a repetition and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::assignment::{Goal, Report};
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::log::LogLine;
use pierhead_model::sleep::RestOrder;
use pierhead_wire::agent_to_control::Machine;
use pierhead_wire::link::{End, LinkClosed};
use pierhead_wire::version::Version;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::measured::Measured;
use super::{Asker, ERRANDS, Errand, seeks};
use crate::assignments::{Wanted, remind};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::links::LinkState;
use crate::links::state::LinkProblem;
use crate::reconcilers::Signal;
use crate::reconcilers::driver::Chain;

/// How often a session compares even when nobody woke it.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// How long an agent may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked for a sign of life, and after how many silent rounds the link counts as broken.
const PING_PERIOD: Duration = Duration::from_secs(3);
const SILENT_ROUNDS: u32 = 3;

/// What an agent said of itself.
pub(super) struct Agent {
    pub(super) release: String,
    pub(super) machine: Machine,
    pub(super) compatible: bool,
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
    #[error("it was told to end")]
    ToldToEnd,
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
            compatible: true,
            measured: Measured::default(),
        };
        let end = session.run().await;
        tracing::info!(node = %session.node, reason = %Chain(&end), "an agent's session ended");
    })
}

struct Session {
    core: Arc<Core>,
    node: NodeId,
    link: End<ControlToAgent, AgentToControl>,
    /// What the node was told in this session: the generation, and how deeply to sleep.
    told: HashMap<DeploymentId, (u64, RestOrder)>,
    silent_rounds: u32,
    /// Inventories that somebody waits for, by number.
    asked: HashMap<u64, Asker>,
    last_asked: u64,
    /// When it is not, it gets no new work; what it has runs on, and can be stopped.
    compatible: bool,
    measured: Measured,
}

impl Session {
    /// Never returns well: every session ends for a reason.
    async fn run(&mut self) -> SessionEnd {
        let agent = match self.greet().await {
            Ok(agent) => agent,
            Err(end) => return end,
        };
        self.compatible = agent.compatible;
        let now = self.core.outside.now();
        if let Err(error) = self.core.store.node_seen(&self.node, now).await.stored() {
            return SessionEnd::Store(error);
        }
        let (errands, to_run) = mpsc::channel(ERRANDS);
        let (wake, close) = (Signal::default(), Signal::default());
        let signals = (wake.clone(), close.clone());
        let number = self.core.fleet.joined(&self.node, now, agent, errands, signals);
        self.core.signals.deployments.raise();
        self.core.signals.routes.raise();
        let conversed = tokio::select! {
            conversed = self.converse(to_run, wake) => conversed,
            () = close.raised() => Err(SessionEnd::ToldToEnd),
        };
        let end = match conversed {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.core.fleet.left(&self.node, number);
        seeks::gone(&self.core, &self.node);
        self.core.signals.routes.raise();
        end
    }

    async fn greet(&mut self) -> Result<Agent, SessionEnd> {
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
                let compatible = match version.negotiate(&theirs) {
                    Ok(_) => {
                        self.core.links.well(&self.node);
                        true
                    }
                    Err(incompatible) => {
                        let older = if incompatible.we_are_older() { "control plane" } else { "agent" };
                        let detail = format!("{incompatible}: upgrade the {older}");
                        let problem = LinkProblem::Incompatible;
                        self.core.links.set(&self.node, LinkState { problem, detail, shown: None });
                        false
                    }
                };
                Ok(Agent { release: theirs.release, machine, compatible })
            }
            Ok(Some(AgentToControl::Refused { reason })) => {
                let (problem, detail) = (LinkProblem::NotOurs, reason.clone());
                self.core.links.set(&self.node, LinkState { problem, detail, shown: None });
                Err(SessionEnd::Refused { reason })
            }
            Ok(Some(_)) | Err(_) => Err(SessionEnd::NoHello),
            Ok(None) => Err(SessionEnd::Closed(LinkClosed)),
        }
    }

    async fn converse(
        &mut self,
        mut errands: mpsc::Receiver<Errand>,
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
                Some(errand) = errands.recv() => self.run_errand(errand).await?,
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

    async fn run_errand(&mut self, errand: Errand) -> Result<(), LinkClosed> {
        let message = match errand {
            Errand::TakeInventory(asker) => {
                self.last_asked += 1;
                self.asked.retain(|_, asker| !asker.is_closed());
                self.asked.insert(self.last_asked, asker);
                ControlToAgent::TakeInventory { number: self.last_asked }
            }
            Errand::KeepImage { reference } => ControlToAgent::KeepImage { reference },
            Errand::Rest { deployment, order } => ControlToAgent::Rest { deployment, order },
            Errand::ImageFound { reference, image } => ControlToAgent::ImageFound { reference, image },
        };
        self.link.send(message).await
    }

    async fn synchronise(&mut self) -> Result<(), SessionEnd> {
        let mut assignments = Vec::new();
        for mut wanted in self.wanted().await? {
            remind(&self.core, &mut wanted).await.map_err(SessionEnd::Store)?;
            assignments.push(wanted.assignment);
        }
        self.told = assignments.iter().map(|a| (a.deployment.clone(), (a.generation, a.rest))).collect();
        Ok(self.link.send(ControlToAgent::Sync { assignments }).await?)
    }

    async fn tell_changes(&mut self) -> Result<(), SessionEnd> {
        let wanted = self.wanted().await?;
        let gone: Vec<DeploymentId> = {
            let wanted: std::collections::HashSet<_> =
                wanted.iter().map(|it| &it.assignment.deployment).collect();
            self.told.keys().filter(|told| !wanted.contains(told)).cloned().collect()
        };
        for deployment in gone {
            self.told.remove(&deployment);
            self.link.send(ControlToAgent::Forget { deployment }).await?;
        }
        for Wanted { assignment, .. } in wanted {
            let (deployment, order) = (assignment.deployment.clone(), assignment.rest);
            let told = self.told.insert(deployment.clone(), (assignment.generation, order));
            match told {
                Some((generation, told)) if generation == assignment.generation => {
                    if told != order {
                        self.link.send(ControlToAgent::Rest { deployment, order }).await?;
                    }
                }
                Some(_) | None => self.link.send(ControlToAgent::Assign(assignment)).await?,
            }
        }
        Ok(())
    }

    async fn wanted(&self) -> Result<Vec<Wanted>, SessionEnd> {
        let wanted = Box::pin(crate::assignments::of_node(&self.core, &self.node));
        let wanted = wanted.await.map_err(SessionEnd::Store)?;
        if self.compatible {
            return Ok(wanted);
        }
        // Whatever it never heard of stays unsaid.
        let began = |wanted: &Wanted| wanted.report.is_some() || wanted.assignment.goal == Goal::Stop;
        Ok(wanted.into_iter().filter(began).collect())
    }

    async fn hear(&mut self, message: AgentToControl) -> Result<(), SessionEnd> {
        match message {
            AgentToControl::Report(report) => self.hear_report(report).await,
            AgentToControl::Log { deployment, lines } => self.hear_log(deployment, lines).await,
            AgentToControl::Usage { machine, deployments } => {
                let told = |deployment: &DeploymentId| self.told.contains_key(deployment);
                let used = self.measured.used(&self.core, &self.node, (&machine, &deployments), told);
                used.await.map_err(SessionEnd::Store)?;
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
            AgentToControl::SeekImage { reference } => {
                seeks::seek(&self.core, &self.node, reference).await.map_err(SessionEnd::Store)
            }
            AgentToControl::ImageKept { reference, image } => {
                seeks::kept(&self.core, &self.node, &reference, image).await.map_err(SessionEnd::Store)
            }
            AgentToControl::Refused { reason } => Err(SessionEnd::Refused { reason }),
            AgentToControl::Hello { .. } | AgentToControl::Pong { .. } => Ok(()),
        }
    }

    /// An agent may only speak of what this node was told to do.
    async fn hear_report(&mut self, report: Report) -> Result<(), SessionEnd> {
        let (deployment, sequence) = (report.deployment.clone(), report.sequence);
        if self.told.contains_key(&deployment) {
            // What it is to the node a deployment, may be a share of one.
            let store = &self.core.store;
            let stored = store.deployment_report_store(&deployment, &self.node, &report).await;
            stored.stored().map_err(SessionEnd::Store)?;
            let stored = store.share_report_store(&deployment, &self.node, &report).await;
            stored.stored().map_err(SessionEnd::Store)?;
            self.measured.reported(&self.core, &report).await.map_err(SessionEnd::Store)?;
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
