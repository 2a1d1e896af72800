//! The task that owns all others.
//!
//! It holds the assignments and one worker for each, and turns messages into both. It never waits for the control plane and
//! never for a worker. What the disk says at the start is worked on before the first message arrives: services run on
//! without a control plane.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::assignment::{Assignment, Goal, Known, Phase};
use pierhead_model::id::DeploymentId;
use pierhead_wire::version::Version;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Link;
use crate::assignments::{Assignments, Held};
use crate::firewall::{self, Firewall};
use crate::gc;
use crate::identity::{self, Identity};
use crate::inventory;
use crate::node::Node;
use crate::session::Session;
use crate::sweeper::{self, Guard, Verdict};
use crate::usage::{self, Meter};
use crate::worker;

/// How often caches are compared with their budget.
const TIDY: Duration = Duration::from_secs(600);

/// How often the packet filter's rules are put back, should somebody have flushed them.
const GUARD: Duration = Duration::from_secs(60);

pub(crate) async fn run(
    node: Arc<Node>,
    link: Link,
    mut links: mpsc::Receiver<Link>,
    stop: CancellationToken,
) {
    if node.options.firewall {
        // Before anything of a stranger's runs.
        guard(Arc::clone(&node)).await;
    }
    let mut desk = match Desk::open(Arc::clone(&node)) {
        Ok(desk) => desk,
        Err(error) => {
            tracing::error!(%error, "the assignments cannot be read; the agent ends");
            return;
        }
    };
    if let Some(problem) = node.source.problem().await {
        tracing::error!("{problem}");
    }
    let mut session = Session::begin(Arc::clone(&node), link);
    let mut meter = Meter::default();
    let mut usage = tokio::time::interval(node.options.usage_interval);
    usage.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut guarding = tokio::time::interval_at(tokio::time::Instant::now() + GUARD, GUARD);
    guarding.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tidying = tokio::time::interval(TIDY);
    tidying.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(link) = links.recv() => session = Session::begin(Arc::clone(&node), link),
            message = session.receive(), if session.connected => match message {
                Some(message) => Box::pin(desk.take(message, &session)).await,
                None => session.connected = false,
            },
            Some(ended) = desk.workers.join_next_with_id() => desk.worker_ended(&ended),
            Some(_) = desk.sweeps.join_next() => {}
            _ = tidying.tick() => {
                desk.sweeps.spawn(gc::collect(Arc::clone(&node)));
            }
            _ = guarding.tick(), if node.options.firewall => {
                desk.sweeps.spawn(guard(Arc::clone(&node)));
            }
            _ = usage.tick() => if session.connected && session.is_open() {
                session.usage(meter.sample(&node).await);
            },
        }
    }
    desk.workers.shutdown().await;
    desk.sweeps.shutdown().await;
}

/// Puts the packet filter's rules in force.
async fn guard(node: Arc<Node>) {
    let servers = fs_err::tokio::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    let options = &node.options;
    let servers = firewall::name_servers(&servers);
    let firewall = Firewall::new(options.subnet_pool, &options.allow_addresses, servers);
    // Another program may be changing the rules at this moment, Docker most of all.
    for pause in [1, 2, 4] {
        match firewall.apply().await {
            Ok(()) => return,
            Err(error) => tracing::error!(
                %error,
                "containers can reach this machine and its neighbours: the packet filter has no rules; tried again in {pause} s"
            ),
        }
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
}

/// The assignments and who works on them.
struct Desk {
    node: Arc<Node>,
    assignments: Assignments,
    told: HashMap<DeploymentId, watch::Sender<Arc<Held>>>,
    workers: JoinSet<()>,
    names: HashMap<Id, DeploymentId>,
    sweeps: JoinSet<()>,
    guard: Guard,
}

impl Desk {
    fn open(node: Arc<Node>) -> std::io::Result<Self> {
        let assignments = Assignments::open(node.layout.assignments())?;
        let mut desk = Self {
            node,
            assignments,
            told: HashMap::new(),
            workers: JoinSet::new(),
            names: HashMap::new(),
            sweeps: JoinSet::new(),
            guard: Guard::default(),
        };
        let held: Vec<_> = desk.assignments.all().map(Arc::clone).collect();
        for held in held {
            desk.employ(held);
        }
        Ok(desk)
    }

    async fn take(&mut self, message: ControlToAgent, session: &Session) {
        if let ControlToAgent::Hello { version, install, node, epoch } = message {
            return self.greet(session, &version, Identity { install, node, epoch }).await;
        }
        let Some(identity) = self.node.identity().filter(|_| session.is_open()) else {
            tracing::warn!("a message came before the session was admitted; it is ignored");
            return;
        };
        match message {
            ControlToAgent::Hello { .. } => {}
            ControlToAgent::Sync { assignments } => self.sync(assignments, &identity).await,
            ControlToAgent::Assign(assignment) => self.assign(assignment, &identity).await,
            ControlToAgent::Rest { deployment, order } => self.node.rests.tell(&deployment, order),
            ControlToAgent::Forget { deployment } => self.forget(&deployment).await,
            ControlToAgent::ReportStored { deployment, sequence } => {
                self.node.book.stored(&deployment, sequence)
            }
            ControlToAgent::LogStored { deployment, through } => self.node.logs.stored(&deployment, through),
            ControlToAgent::TakeInventory { number } => self.take_inventory(number, session, identity),
            ControlToAgent::KeepImage { reference } => self.keep_image(reference, session),
            ControlToAgent::ImageFound { reference, image } => {
                self.node.images.seeks.answer(&reference, image)
            }
            ControlToAgent::Ping { number } => session.pong(number),
        }
    }

    async fn greet(&self, session: &Session, version: &Version, offered: Identity) {
        let ours = Version::current();
        if let Err(error) = ours.negotiate(version) {
            // Such a session gives no new work; what runs here stays under its control.
            tracing::warn!(%error, "the control plane's version does not fit this agent's");
        }
        let admitted = match identity::admit(self.node.identity().as_ref(), offered) {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::warn!(%error, "a session was refused");
                return session.refuse(error.to_string());
            }
        };
        if let Err(error) = self.node.set_identity(admitted).await {
            return session.refuse(format!("the node cannot write its identity: {error}"));
        }
        let machine = usage::machine(&self.node).await;
        session.open(AgentToControl::Hello { version: ours, machine });
    }

    async fn assign(&mut self, mut assignment: Assignment, identity: &Identity) {
        let deployment = assignment.deployment.clone();
        if let Some(known) = assignment.known.take()
            && let Err(error) = self.remember(known).await
        {
            tracing::error!(%deployment, %error, "what was lost of a deployment cannot be written again");
            return;
        }
        self.node.rests.tell(&deployment, assignment.rest);
        match self.assignments.accept(assignment, identity.epoch).await {
            Ok(None) => {}
            Ok(Some(held)) => match self.told.get(&deployment) {
                Some(told) => drop(told.send(held)),
                None => self.employ(held),
            },
            // Not acknowledged by a report, so it will be told again.
            Err(error) => tracing::error!(%deployment, %error, "an assignment cannot be written"),
        }
    }

    /// Takes back what this node had said of a deployment and does not know any more.
    async fn remember(&self, known: Known) -> std::io::Result<()> {
        let deployment = &known.report.deployment;
        if self.node.book.get(deployment).is_some() || self.assignments.get(deployment).is_some() {
            return Ok(());
        }
        tracing::warn!(%deployment, "this node has lost what it knew of a deployment; it goes on from what it had told");
        self.node.logs.of_after(deployment, known.lines)?;
        self.node.book.restore(known.report).await
    }

    fn employ(&mut self, held: Arc<Held>) {
        let deployment = held.assignment.deployment.clone();
        let (told, receiver) = watch::channel(held);
        let worker = self.workers.spawn(worker::work(Arc::clone(&self.node), receiver));
        self.names.insert(worker.id(), deployment.clone());
        self.told.insert(deployment, told);
    }

    /// A worker ends only by a fault of ours. Its deployment gets another one, which goes on from what is on disk.
    fn worker_ended(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(deployment) = self.names.remove(&id) else { return };
        let cancelled = ended.as_ref().is_err_and(JoinError::is_cancelled);
        if let (Err(error), false) = (ended, cancelled) {
            tracing::error!(%deployment, %error, "a worker died; another one takes over");
        }
        self.told.remove(&deployment);
        if let (Some(held), false) = (self.assignments.get(&deployment).map(Arc::clone), cancelled) {
            self.employ(held);
        }
    }

    /// The whole list: what is on it is assigned, what is not on it is ended.
    async fn sync(&mut self, list: Vec<Assignment>, identity: &Identity) {
        let wanted: BTreeSet<_> = list.iter().map(|assignment| assignment.deployment.clone()).collect();
        for assignment in list {
            self.assign(assignment, identity).await;
        }
        let mut present = match sweeper::present(&self.node, identity).await {
            Ok(present) => present,
            Err(error) => {
                tracing::warn!(%error, "the engine does not say what it holds; orphans stay until the next list");
                return;
            }
        };
        present.all.extend(self.assignments.all().map(|held| held.assignment.deployment.clone()));
        present.all.extend(self.node.book.all().into_iter().map(|report| report.deployment));
        match self.guard.judge(&wanted, &present) {
            Verdict::SayAgain { unwanted, running } => tracing::error!(
                unwanted,
                running,
                "the control plane's list lacks most of what runs here; nothing is removed until it says so again"
            ),
            Verdict::Remove(unwanted) => self.end(unwanted, identity).await,
        }
    }

    async fn end(&mut self, unwanted: BTreeSet<DeploymentId>, identity: &Identity) {
        let mut orphans = BTreeSet::new();
        for deployment in unwanted {
            let Some(held) = self.assignments.get(&deployment) else {
                orphans.insert(deployment);
                continue;
            };
            let mut stop = held.assignment.clone();
            stop.goal = Goal::Stop;
            stop.generation += 1;
            self.assign(stop, identity).await;
        }
        let forgotten: Vec<_> =
            orphans.iter().filter(|id| self.node.book.get(id).is_some()).cloned().collect();
        for deployment in forgotten {
            self.erase(&deployment).await;
        }
        if !orphans.is_empty() {
            let (node, identity) = (Arc::clone(&self.node), identity.clone());
            self.sweeps.spawn(async move { sweeper::sweep(&node, &identity, &orphans).await });
        }
    }

    /// Only what has ended is forgotten: a message that came too early must not lose what still runs.
    async fn forget(&mut self, deployment: &DeploymentId) {
        let ended = self
            .node
            .book
            .get(deployment)
            .is_none_or(|report| matches!(report.phase, Phase::Failed | Phase::Stopped));
        if !ended {
            tracing::warn!(%deployment, "told to forget what has not ended; it is kept");
            return;
        }
        if let Some((&id, _)) = self.names.iter().find(|(_, name)| *name == deployment) {
            self.names.remove(&id);
        }
        // Its worker waits for a change of the assignment, which never comes: it ends.
        self.told.remove(deployment);
        if let Err(error) = self.assignments.forget(deployment).await {
            tracing::error!(%deployment, %error, "an assignment cannot be removed");
        }
        self.erase(deployment).await;
    }

    /// Asked in a task of its own: a slow engine must not hold up the messages.
    fn take_inventory(&mut self, number: u64, session: &Session, identity: Identity) {
        let (node, outbox) = (Arc::clone(&self.node), session.outbox());
        self.sweeps.spawn(async move {
            match inventory::take(&node, &identity).await {
                Ok(holdings) => outbox.inventory(AgentToControl::Inventory { number, holdings }),
                Err(error) => tracing::warn!(%error, "the engine does not say what it holds"),
            }
        });
    }

    fn keep_image(&mut self, reference: String, session: &Session) {
        let (node, outbox) = (Arc::clone(&self.node), session.outbox());
        self.sweeps.spawn(async move {
            let image = match node.images.keep(&reference).await {
                Ok(image) => image,
                Err(error) => {
                    tracing::warn!(%error, reference, "an image could not be stored for other nodes");
                    None
                }
            };
            outbox.image_kept(reference, image);
        });
    }

    async fn erase(&self, deployment: &DeploymentId) {
        self.node.rests.forget(deployment);
        let report = self.node.book.forget(deployment).await;
        let log = self.node.logs.forget(deployment).await;
        let run = crate::pipeline::forget(&self.node, deployment).await;
        if let Err(error) = report.and(log).and(run) {
            tracing::error!(%deployment, %error, "what was reported cannot be removed");
        }
    }
}
