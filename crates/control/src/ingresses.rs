//! The ingresses that are connected: what they were told, what they answer by now, what they have let go of.
//!
//! The table is kept here whole. Each ingress gets it once and then only changes; one that says a change does not fit gets it
//! again. A deployment that left the table is *draining* until every ingress has said that none of its requests is in
//! flight any more (or that its drain time is over): only then may its containers go.

mod seen_from;
mod traffic;
mod vouching;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, IngressId, NodeId};
use pierhead_model::name::ProjectName;
use pierhead_model::sleep::Rest;
use pierhead_model::visitors::Access;
use pierhead_wire::link::End;
use pierhead_wire::route::{Route, Target};
use pierhead_wire::{ControlToIngress, Endpoint, IngressToControl};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::figures::Recorder;
use crate::outside::Outside;
use crate::reconcilers::Signal;
use crate::routing;
use crate::sleepers::Sleepers;
use seen_from::{SeenFrom, endpoints};
pub use traffic::HostTraffic;
use traffic::Traffic;
pub(crate) use vouching::Vouched;
use vouching::Vouching;

/// Changes that may wait for one slow ingress; beyond that it gets the whole table again.
const BACKLOG: usize = 64;

type SessionId = u64;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ingresses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoch: u64,
    state: Mutex<State>,
    /// The newest generation that every connected ingress answers by.
    applied: watch::Sender<u64>,
    vouching: Vouching,
    /// The newest change of the challenges that every connected ingress answers by.
    answering: watch::Sender<u64>,
    /// Raised when a deployment has drained.
    drained: Signal,
    /// Raised when services that should stop may be stopped now.
    held: Signal,
    sleepers: Arc<Sleepers>,
    figures: Arc<Recorder>,
    outside: Arc<dyn Outside>,
}

#[derive(Debug, Default)]
struct State {
    /// 0 until the first table is published.
    generation: u64,
    table: BTreeMap<Hostname, Route>,
    /// The deployments of the table that visitors can reach.
    serving: HashSet<DeploymentId>,
    /// Those whose requests are held, since which generation.
    holding: HashMap<DeploymentId, u64>,
    sessions: HashMap<SessionId, Session>,
    next_session: SessionId,
    /// What was visited since somebody asked last.
    visited: HashSet<DeploymentId>,
    /// What was answered.
    traffic: Traffic,
    /// Which ingresses still have requests of a deployment that left the table.
    draining: HashMap<DeploymentId, HashSet<SessionId>>,
    /// Where visitors may be led: by the table, and by what left it and is draining.
    endpoints: HashMap<Endpoint, DeploymentId>,
}

#[derive(Debug)]
struct Session {
    /// Of an ingress on a machine of its own.
    whose: Option<IngressId>,
    changes: mpsc::Sender<ControlToIngress>,
    applied: u64,
    /// The newest change of the challenges that it answers by.
    answering: u64,
}

impl Ingresses {
    /// What was visited since this was asked last.
    pub(crate) fn take_visited(&self) -> HashSet<DeploymentId> {
        std::mem::take(&mut self.0.state.lock().visited)
    }

    /// `epoch` is the control plane's; `drained` is raised whenever a deployment has drained, `held` when services that should
    /// stop may be stopped.
    pub(crate) fn new(
        epoch: u64,
        (drained, held): (Signal, Signal),
        (sleepers, figures): (Arc<Sleepers>, Arc<Recorder>),
        outside: Arc<dyn Outside>,
    ) -> Self {
        let (state, applied) = (Mutex::default(), watch::Sender::new(0));
        let (vouching, answering) = (Vouching::default(), watch::Sender::new(0));
        Self(Arc::new(Inner {
            epoch,
            state,
            applied,
            vouching,
            answering,
            drained,
            held,
            sleepers,
            figures,
            outside,
        }))
    }

    /// What visitors were answered.
    pub(crate) fn traffic(&self) -> Vec<HostTraffic> {
        let state = self.0.state.lock();
        state.traffic.lines(|host| state.table.get(host).map(|route| route.project.clone()))
    }

    /// What every ingress should show, and its generation, if that is not the one that is `known`.
    pub(crate) fn published(&self, known: u64) -> Option<(u64, BTreeMap<Hostname, Route>)> {
        let state = self.0.state.lock();
        (state.generation != known).then(|| (state.generation, state.table.clone()))
    }

    /// Whose a hostname is, and who is let in there.
    pub(crate) fn guarded(&self, host: &Hostname) -> Option<(ProjectName, Access)> {
        let state = self.0.state.lock();
        let route = state.table.get(host)?;
        let gate = route.rules.as_ref().and_then(|rules| rules.gate.as_ref());
        Some((route.project.clone(), gate.map_or(Access::Public, |gate| gate.access)))
    }

    /// Makes `table` what every ingress shows. Returns its generation, the old one when nothing changed.
    pub(crate) fn publish(&self, table: BTreeMap<Hostname, Route>) -> u64 {
        let mut state = self.0.state.lock();
        let (upserts, removals) = routing::difference(&state.table, &table);
        if upserts.is_empty() && removals.is_empty() && state.generation > 0 {
            return state.generation;
        }
        let from = state.generation;
        state.generation += 1;
        let after = serving(&table);
        let held = holding(&table);
        let generation = state.generation;
        state.holding.retain(|deployment, _| held.contains(deployment));
        for deployment in held {
            state.holding.entry(deployment).or_insert(generation);
        }
        state.table = table;
        let before = std::mem::replace(&mut state.serving, after.clone());
        let sessions: HashSet<SessionId> = state.sessions.keys().copied().collect();
        for returned in &after {
            state.draining.remove(returned);
        }
        if !sessions.is_empty() {
            for gone in before.difference(&after) {
                state.draining.insert(gone.clone(), sessions.clone());
            }
        }
        let (epoch, generation) = (self.0.epoch, state.generation);
        let change = ControlToIngress::Change { epoch, from, generation, upserts, removals };
        for session in state.sessions.values() {
            // A full backlog means that it is far behind; it will say that a change does not fit and get the table.
            let message = if from == 0 { state.whole(epoch) } else { change.clone() };
            if session.changes.try_send(message).is_err() {
                tracing::warn!(generation, "an ingress is too slow to take this change");
            }
        }
        let State { endpoints: known, table, serving, draining, .. } = &mut *state;
        known.retain(|_, deployment| serving.contains(deployment) || draining.contains_key(deployment));
        known.extend(endpoints(table));
        self.0.settle(&state);
        state.generation
    }

    /// Whether visitors may be led to this address.
    pub(crate) fn is_shown(&self, endpoint: &Endpoint) -> bool {
        self.0.state.lock().endpoints.contains_key(endpoint)
    }

    /// Whether an ingress on a machine of its own answers by the newest table; `None` when it is not connected.
    pub(crate) fn is_current(&self, ingress: &IngressId) -> Option<bool> {
        let state = self.0.state.lock();
        let its = state.sessions.values().filter(|session| session.whose.as_ref() == Some(ingress));
        its.map(|session| session.applied >= state.generation).max()
    }

    /// Whether nothing of this deployment is shown, or still being answered.
    pub(crate) fn has_drained(&self, deployment: &DeploymentId) -> bool {
        let state = self.0.state.lock();
        state.generation > 0
            && !state.draining.contains_key(deployment)
            && !state.serving.contains(deployment)
    }

    /// Whether every connected ingress holds requests for this deployment back.
    pub(crate) fn hold(&self, deployment: &DeploymentId) -> bool {
        let state = self.0.state.lock();
        let since = state.holding.get(deployment);
        since.is_some_and(|since| state.sessions.values().all(|session| session.applied >= *since))
    }

    /// Waits until every connected ingress shows this deployment.
    pub(crate) async fn shown(&self, deployment: &DeploymentId) {
        let mut applied = self.0.applied.subscribe();
        loop {
            {
                let state = self.0.state.lock();
                let current = *applied.borrow_and_update() >= state.generation;
                if state.sessions.is_empty() || (current && state.serving.contains(deployment)) {
                    return;
                }
            }
            if applied.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until every connected ingress answers by `generation`.
    pub(crate) async fn applied(&self, generation: u64) {
        // The sender lives as long as `self`.
        let _ = self.0.applied.subscribe().wait_for(|applied| *applied >= generation).await;
    }

    /// The generation of the table, and the newest one that every ingress answers by.
    pub(crate) fn generations(&self) -> (u64, u64) {
        (self.0.state.lock().generation, *self.0.applied.borrow())
    }

    /// Makes these the certificates that every ingress serves.
    pub(crate) fn vouch(&self, vouched: Vouched) {
        self.0.vouching.vouch(vouched);
    }

    /// Has every connected ingress answer a challenge, and waits until they do.
    pub(crate) async fn answer(&self, token: &str, answer: String) {
        let version = self.0.vouching.answer(token, Some(answer));
        self.0.settle_answers();
        // The sender lives as long as `self`.
        let _ = self.0.answering.subscribe().wait_for(|answering| *answering >= version).await;
    }

    /// A challenge is over.
    pub(crate) fn answer_no_more(&self, token: &str) {
        self.0.vouching.answer(token, None);
    }

    pub(crate) fn table(&self) -> BTreeMap<Hostname, Route> {
        self.0.state.lock().table.clone()
    }

    pub(crate) fn connected(&self) -> usize {
        self.0.state.lock().sessions.len()
    }

    /// Serves one ingress until its link closes.
    pub(crate) fn attach(&self, link: End<ControlToIngress, IngressToControl>) -> JoinHandle<()> {
        self.begin(link, None, SeenFrom::Here)
    }

    /// The same for one on a machine of its own. `home` is the node whose addresses only this machine can reach.
    pub(crate) fn attach_remote(
        &self,
        link: End<ControlToIngress, IngressToControl>,
        whose: IngressId,
        home: Option<NodeId>,
    ) -> JoinHandle<()> {
        self.begin(link, Some(whose), SeenFrom::elsewhere(home))
    }

    fn begin(
        &self,
        link: End<ControlToIngress, IngressToControl>,
        whose: Option<IngressId>,
        from: SeenFrom,
    ) -> JoinHandle<()> {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let (changes, mut queue) = mpsc::channel(BACKLOG);
            let session = inner.open(whose, changes);
            inner.serve((session, &from), link, &mut queue).await;
            inner.close(session);
        })
    }
}

impl State {
    fn whole(&self, epoch: u64) -> ControlToIngress {
        ControlToIngress::Table {
            epoch,
            generation: self.generation,
            routes: self.table.values().cloned().collect(),
        }
    }
}

impl Inner {
    fn open(&self, whose: Option<IngressId>, changes: mpsc::Sender<ControlToIngress>) -> SessionId {
        let mut state = self.state.lock();
        state.next_session += 1;
        let id = state.next_session;
        if state.generation > 0 {
            // The queue is new and empty, so there is room.
            let _ = changes.try_send(state.whole(self.epoch));
        }
        state.sessions.insert(id, Session { whose, changes, applied: 0, answering: 0 });
        self.sleepers.disturbed(self.outside.now());
        self.held.raise();
        id
    }

    async fn serve(
        &self,
        (session, from): (SessionId, &SeenFrom),
        mut link: End<ControlToIngress, IngressToControl>,
        queue: &mut mpsc::Receiver<ControlToIngress>,
    ) {
        let mut follower = self.vouching.follow();
        loop {
            tokio::select! {
                messages = follower.next() => {
                    let Some(messages) = messages else { return };
                    for message in messages {
                        if link.send(message).await.is_err() {
                            return;
                        }
                    }
                }
                change = queue.recv() => {
                    let Some(change) = change else { return };
                    if link.send(from.told(change)).await.is_err() {
                        return;
                    }
                }
                message = link.receive() => {
                    let Some(message) = message else { return };
                    if let Some(answer) = self.hear(session, message)
                        && link.send(from.told(answer)).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&self, id: SessionId, message: IngressToControl) -> Option<ControlToIngress> {
        let mut state = self.state.lock();
        match message {
            IngressToControl::Applied { epoch, generation } if epoch == self.epoch => {
                if let Some(session) = state.sessions.get_mut(&id) {
                    session.applied = session.applied.max(generation);
                }
                self.settle(&state);
                drop(state);
                if self.sleepers.any_stopping() {
                    self.held.raise();
                }
                None
            }
            IngressToControl::Applied { .. } => None,
            IngressToControl::Answering { version } => {
                if let Some(session) = state.sessions.get_mut(&id) {
                    session.answering = session.answering.max(version);
                }
                drop(state);
                self.settle_answers();
                None
            }
            IngressToControl::WantTable => Some(state.whole(self.epoch)),
            IngressToControl::Drained { deployment } => {
                self.let_go(&mut state, id, Some(&deployment));
                None
            }
            IngressToControl::Active { deployments } => {
                self.sleepers.needed(&deployments, self.outside.now());
                state.visited.extend(deployments);
                None
            }
            IngressToControl::Counted { routes, window } => {
                let State { traffic, table, sessions, .. } = &mut *state;
                let session = sessions.get(&id)?;
                if self.figures.counted(&routes, window, self.outside.now(), &session.changes) {
                    traffic.add(routes, |host| table.contains_key(host));
                }
                None
            }
            IngressToControl::Wake { deployment } => {
                self.sleepers.wake(&deployment, self.outside.now());
                None
            }
        }
    }

    fn close(&self, id: SessionId) {
        let mut state = self.state.lock();
        state.sessions.remove(&id);
        self.sleepers.disturbed(self.outside.now());
        self.let_go(&mut state, id, None);
        self.settle(&state);
        drop(state);
        self.settle_answers();
    }

    /// One ingress has nothing of `deployment` (of any, when `None`) in flight any more.
    fn let_go(&self, state: &mut State, id: SessionId, deployment: Option<&DeploymentId>) {
        let before = state.draining.len();
        state.draining.retain(|draining, sessions| {
            if deployment.is_none_or(|deployment| deployment == draining) {
                sessions.remove(&id);
            }
            !sessions.is_empty()
        });
        if state.draining.len() < before {
            self.drained.raise();
        }
    }

    /// Without any ingress nobody is waited for.
    fn settle_answers(&self) {
        let state = self.state.lock();
        let everywhere = state.sessions.values().map(|session| session.answering).min().unwrap_or(u64::MAX);
        self.answering.send_replace(everywhere);
    }

    fn settle(&self, state: &State) {
        let everywhere =
            state.sessions.values().map(|session| session.applied).min().unwrap_or(state.generation);
        self.applied.send_if_modified(|applied| std::mem::replace(applied, everywhere) != everywhere);
    }
}

/// The deployments that visitors can reach.
fn serving(table: &BTreeMap<Hostname, Route>) -> HashSet<DeploymentId> {
    table
        .values()
        .filter(|route| matches!(route.target, Target::Site { .. } | Target::Service { .. }))
        .filter_map(|route| route.target.deployment().cloned())
        .collect()
}

/// The deployments that are shown as stopped: requests wait until they are not.
fn holding(table: &BTreeMap<Hostname, Route>) -> HashSet<DeploymentId> {
    let held = |route: &Route| match &route.target {
        Target::Service { deployment, rest: Rest::Stopped, .. } => Some(deployment.clone()),
        Target::Service { .. } | Target::Site { .. } | Target::Page { .. } => None,
    };
    table.values().filter_map(held).collect()
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::name::ProjectName;
    use pierhead_wire::link::memory;

    use super::*;

    #[derive(Debug)]
    struct Still;

    impl Outside for Still {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn ingresses(epoch: u64, drained: &Signal) -> Ingresses {
        let sleepers = Arc::new(Sleepers::new(epoch, Timestamp::UNIX_EPOCH));
        let figures = Arc::new(Recorder::empty());
        Ingresses::new(epoch, (drained.clone(), Signal::default()), (sleepers, figures), Arc::new(Still))
    }

    fn service(host: &str, id: u64) -> (Hostname, Route) {
        let host = Hostname::parse(host).unwrap();
        let endpoints = vec![std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into()];
        let target =
            Target::Service { deployment: DeploymentId::from_random(id), endpoints, rest: Rest::Awake };
        (host.clone(), Route { host, project: ProjectName::parse("shop").unwrap(), target, rules: None })
    }

    #[tokio::test]
    async fn a_deployment_has_drained_when_every_ingress_says_so() {
        let drained = Signal::default();
        let ingresses = ingresses(3, &drained);
        let (to_ingress, mut ingress) = memory();
        ingresses.attach(to_ingress);
        let old = DeploymentId::from_random(1);
        assert_eq!(ingresses.publish([service("a.b", 1)].into()), 1);
        assert!(matches!(
            ingress.receive().await,
            Some(ControlToIngress::Table { epoch: 3, generation: 1, .. })
        ));
        assert!(!ingresses.has_drained(&old));
        assert_eq!(ingresses.publish([service("a.b", 2)].into()), 2);
        let Some(ControlToIngress::Change { from: 1, generation: 2, upserts, removals, .. }) =
            ingress.receive().await
        else {
            panic!("a change was expected")
        };
        assert_eq!((upserts.len(), removals.len()), (1, 0));
        assert!(!ingresses.has_drained(&old), "requests may be in flight");
        ingress.send(IngressToControl::Applied { epoch: 3, generation: 2 }).await.unwrap();
        ingresses.applied(2).await;
        ingress.send(IngressToControl::Drained { deployment: old.clone() }).await.unwrap();
        drained.raised().await;
        assert!(ingresses.has_drained(&old));
        assert_eq!(ingresses.publish([service("a.b", 2)].into()), 2, "nothing changed");
    }

    #[tokio::test]
    async fn requests_are_held_when_every_ingress_answers_by_it() {
        let ingresses = ingresses(1, &Signal::default());
        let (to_ingress, mut ingress) = memory();
        ingresses.attach(to_ingress);
        while ingresses.connected() == 0 {
            tokio::task::yield_now().await;
        }
        let id = DeploymentId::from_random(1);
        let (host, mut route) = service("a.b", 1);
        route.target = Target::Service { deployment: id.clone(), endpoints: Vec::new(), rest: Rest::Stopped };
        ingresses.publish([(host, route)].into());
        ingress.receive().await.unwrap();
        assert!(!ingresses.hold(&id), "it may not have been applied yet");
        ingress.send(IngressToControl::Applied { epoch: 1, generation: 1 }).await.unwrap();
        ingresses.applied(1).await;
        assert!(ingresses.hold(&id));
        ingresses.publish([service("a.b", 1)].into());
        assert!(!ingresses.hold(&id));
    }

    #[tokio::test]
    async fn one_that_lost_the_thread_gets_the_whole_table() {
        let ingresses = ingresses(1, &Signal::default());
        ingresses.publish([service("a.b", 1)].into());
        let (to_ingress, mut ingress) = memory();
        ingresses.attach(to_ingress);
        for _ in 0..2 {
            let Some(ControlToIngress::Table { generation: 1, routes, .. }) = ingress.receive().await else {
                panic!("the table was expected")
            };
            assert_eq!(routes.len(), 1);
            ingress.send(IngressToControl::WantTable).await.unwrap();
        }
    }

    #[tokio::test]
    async fn visitors_are_led_to_what_is_shown_or_drains_and_to_nothing_else() {
        let ingresses = ingresses(1, &Signal::default());
        let (to_ingress, mut ingress) = memory();
        let id = IngressId::new(Timestamp::UNIX_EPOCH, 1);
        assert_eq!(ingresses.is_current(&id), None);
        ingresses.attach_remote(to_ingress, id.clone(), None);
        while ingresses.connected() == 0 {
            tokio::task::yield_now().await;
        }
        let at = |port: u16| Endpoint::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let (old, new) = (
            service("a.b", 1),
            (service("a.b", 2).0, {
                let mut route = service("a.b", 2).1;
                let deployment = DeploymentId::from_random(2);
                route.target = Target::Service { deployment, endpoints: vec![at(2)], rest: Rest::Awake };
                route
            }),
        );
        ingresses.publish([old].into());
        assert_eq!((ingresses.is_shown(&at(1)), ingresses.is_shown(&at(2))), (true, false));
        assert_eq!(ingresses.is_current(&id), Some(false));
        ingress.receive().await.unwrap();
        ingress.send(IngressToControl::Applied { epoch: 1, generation: 1 }).await.unwrap();
        ingresses.applied(1).await;
        assert_eq!(ingresses.is_current(&id), Some(true));
        ingresses.publish([new].into());
        assert!(ingresses.is_shown(&at(1)), "a request that has begun may still need a connection");
        assert!(ingresses.is_shown(&at(2)));
        let drained = IngressToControl::Drained { deployment: DeploymentId::from_random(1) };
        ingress.send(drained).await.unwrap();
        while !ingresses.has_drained(&DeploymentId::from_random(1)) {
            tokio::task::yield_now().await;
        }
        ingresses.publish(BTreeMap::new());
        assert!(!ingresses.is_shown(&at(1)), "it has drained");
    }

    #[tokio::test]
    async fn an_ingress_that_went_away_holds_nothing_up() {
        let drained = Signal::default();
        let ingresses = ingresses(1, &drained);
        let (to_ingress, mut ingress) = memory();
        ingresses.attach(to_ingress);
        ingresses.publish([service("a.b", 1)].into());
        ingress.receive().await.unwrap();
        ingresses.publish(BTreeMap::new());
        drop(ingress);
        drained.raised().await;
        assert!(ingresses.has_drained(&DeploymentId::from_random(1)));
        ingresses.applied(2).await;
    }
}
