//! Which services should sleep, and who waits for one.
//!
//! All of it is memory: the ingresses say what is needed, the nodes report what sleeps, so a control plane that starts anew
//! finds its way back. What it cannot know it takes for the side of being awake.
//!
//! Stopping a process must not meet a request. So a stop is *ordered* first, which every ingress is told as a route that
//! holds requests; only when all of them answer by it is the node told. Orders are numbered, and after a stop was told, an
//! address is believed only from a node that reports a later order.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::assignment::InstanceReport;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::sleep::{Rest, RestOrder, idle_of, rest_after};

use crate::reconcilers::Signal;

#[derive(Debug)]
pub(crate) struct Sleepers {
    state: Mutex<State>,
    /// Raised when somebody waits for a service that sleeps.
    pub(crate) woken: Signal,
}

#[derive(Debug)]
struct State {
    /// The latest number. Begins above those of every earlier control plane.
    number: u64,
    /// Nothing counts as idle since before this: an ingress came or went, and what it saw is not known.
    disturbed_at: Timestamp,
    services: HashMap<DeploymentId, Service>,
    to_wake: BTreeSet<DeploymentId>,
    /// Waited for before it was looked at for the first time.
    early: BTreeSet<DeploymentId>,
}

#[derive(Debug)]
struct Service {
    node: NodeId,
    needed_at: Timestamp,
    order: RestOrder,
    /// The number of the last stop that the node was told of.
    stop_told: u64,
    /// Since when somebody waits for it to wake up.
    asked_at: Option<Timestamp>,
}

impl Sleepers {
    pub(crate) fn new(epoch: u64, now: Timestamp) -> Self {
        let state = State {
            number: epoch << 32,
            disturbed_at: now,
            services: HashMap::new(),
            to_wake: BTreeSet::new(),
            early: BTreeSet::new(),
        };
        Self { state: Mutex::new(state), woken: Signal::default() }
    }

    /// An ingress came or went.
    pub(crate) fn disturbed(&self, now: Timestamp) {
        self.state.lock().disturbed_at = now;
    }

    /// These were needed a moment ago.
    pub(crate) fn needed(&self, deployments: &[DeploymentId], now: Timestamp) {
        let mut state = self.state.lock();
        for deployment in deployments {
            if let Some(service) = state.services.get_mut(deployment) {
                service.needed_at = now;
            }
        }
    }

    /// Somebody waits for this one.
    pub(crate) fn wake(&self, deployment: &DeploymentId, now: Timestamp) {
        let mut state = self.state.lock();
        match state.services.get_mut(deployment) {
            Some(service) => {
                service.needed_at = now;
                if service.order.rest != Rest::Awake {
                    service.asked_at.get_or_insert(now);
                    state.order(deployment, Rest::Awake);
                }
                // Said again even when it is on its way: whoever asks twice has waited.
                state.to_wake.insert(deployment.clone());
            }
            None => drop(state.early.insert(deployment.clone())),
        }
        drop(state);
        self.woken.raise();
    }

    /// It answers again: how long it was waited for, if somebody did.
    pub(crate) fn answers(
        &self,
        deployment: &DeploymentId,
        reported: RestOrder,
        now: Timestamp,
    ) -> Option<Duration> {
        let mut state = self.state.lock();
        let service = state.services.get_mut(deployment)?;
        if service.order.rest != Rest::Awake || reported.number < service.order.number {
            return None;
        }
        let asked_at = service.asked_at.take()?;
        Some(now.duration_since(asked_at).try_into().unwrap_or_default())
    }

    /// Whom to tell to wake up, and how.
    pub(crate) fn take_woken(&self) -> Vec<(NodeId, DeploymentId, RestOrder)> {
        let mut state = self.state.lock();
        let woken = std::mem::take(&mut state.to_wake);
        let told = woken.into_iter().filter_map(|deployment| {
            let service = state.services.get(&deployment)?;
            Some((service.node.clone(), deployment, service.order))
        });
        told.collect()
    }

    /// Compares one live service with the time that nobody needed it, and says whether its order changed, and how long it has
    /// been idle.
    pub(crate) fn compare(
        &self,
        deployment: &DeploymentId,
        node: &NodeId,
        reported: RestOrder,
        sleep_after: Duration,
        now: Timestamp,
    ) -> (bool, Duration) {
        let mut state = self.state.lock();
        let disturbed_at = state.disturbed_at;
        let is_waited_for = state.early.remove(deployment);
        let is_first = !state.services.contains_key(deployment);
        let service = state.services.entry(deployment.clone()).or_insert_with(|| Service {
            node: node.clone(),
            // One that sleeps already, by the order of an earlier control plane, sleeps on.
            needed_at: before(now, idle_of(reported.rest, sleep_after)),
            order: reported,
            stop_told: 0,
            asked_at: None,
        });
        service.node.clone_from(node);
        if is_waited_for {
            service.needed_at = now;
        }
        let since = match service.order.rest {
            Rest::Awake => service.needed_at.max(disturbed_at),
            // What sleeps needs no ingress to say so: a request would have woken it.
            Rest::Frozen | Rest::Stopped => service.needed_at,
        };
        let idle = now.duration_since(since).try_into().unwrap_or_default();
        let wanted = rest_after(idle, sleep_after);
        // What was ordered by an earlier control plane is ordered anew: the node may be on its way through such an order at
        // this moment, and report under its number what is not the end of it.
        let changes = wanted != service.order.rest || (is_first && reported.number > 0);
        if changes {
            state.order(deployment, wanted);
        }
        (changes, idle)
    }

    /// Whether somebody waits for one that was not looked at yet.
    pub(crate) fn any_early(&self) -> bool {
        !self.state.lock().early.is_empty()
    }

    /// Forgets all but these.
    pub(crate) fn keep(&self, live: impl Fn(&DeploymentId) -> bool) {
        let mut state = self.state.lock();
        state.services.retain(|deployment, _| live(deployment));
        state.early.clear();
    }

    /// How deeply a service should sleep.
    pub(crate) fn order(&self, deployment: &DeploymentId, reported: RestOrder) -> RestOrder {
        self.state.lock().services.get(deployment).map_or(reported, |service| service.order)
    }

    /// What its node is told. A stop is told when `held` says that every ingress holds requests back.
    pub(crate) fn told(&self, deployment: &DeploymentId, reported: RestOrder, held: bool) -> RestOrder {
        let mut state = self.state.lock();
        let Some(service) = state.services.get_mut(deployment) else { return reported };
        match service.order.rest {
            Rest::Stopped if held => {
                service.stop_told = service.order.number;
                service.order
            }
            // Not yet: what the node was told before holds.
            Rest::Stopped => RestOrder { rest: reported.rest, number: 0 },
            Rest::Awake | Rest::Frozen => service.order,
        }
    }

    /// What visitors meet: how deeply it sleeps, and whether its address can be believed.
    pub(crate) fn shown(&self, deployment: &DeploymentId, instance: &InstanceReport) -> Rest {
        let reported = instance.rest;
        let state = self.state.lock();
        let (order, stop_told) = state
            .services
            .get(deployment)
            .map_or((reported, 0), |service| (service.order, service.stop_told));
        match order.rest {
            Rest::Stopped => Rest::Stopped,
            // On its way up.
            _ if reported.rest == Rest::Stopped || reported.number < stop_told => Rest::Stopped,
            rest => rest,
        }
    }

    /// Whether any stop waits for the ingresses.
    pub(crate) fn any_stopping(&self) -> bool {
        let stopping = |service: &Service| {
            service.order.rest == Rest::Stopped && service.stop_told < service.order.number
        };
        self.state.lock().services.values().any(stopping)
    }
}

impl State {
    fn order(&mut self, deployment: &DeploymentId, rest: Rest) {
        self.number += 1;
        let number = self.number;
        if let Some(service) = self.services.get_mut(deployment) {
            service.order = RestOrder { rest, number };
        }
    }
}

fn before(now: Timestamp, idle: Duration) -> Timestamp {
    now.checked_sub(idle).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn names() -> (DeploymentId, NodeId) {
        (DeploymentId::from_random(1), NodeId::new(Timestamp::UNIX_EPOCH, 1))
    }

    fn reports(rest: Rest, number: u64) -> InstanceReport {
        let address = (rest != Rest::Stopped).then(|| std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
        InstanceReport {
            address,
            healthy: true,
            rest: RestOrder { rest, number },
            ..InstanceReport::default()
        }
    }

    #[test]
    fn idle_services_freeze_then_stop_and_a_request_wakes_them() {
        let (id, node) = names();
        let sleepers = Sleepers::new(3, at(0));
        let compare = |second| sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(second)).0;
        let rest = || sleepers.order(&id, RestOrder::default()).rest;
        assert!(!compare(0));
        sleepers.needed(std::slice::from_ref(&id), at(30));
        assert!(!compare(89));
        assert!(compare(90));
        assert_eq!(rest(), Rest::Frozen);
        assert!(compare(150));
        assert_eq!(rest(), Rest::Stopped);
        sleepers.wake(&id, at(151));
        assert_eq!(rest(), Rest::Awake);
        let woken = sleepers.take_woken();
        assert_eq!((woken.len(), woken[0].2.rest), (1, Rest::Awake));
        assert!(woken[0].2.number > 3 << 32);
        assert!(sleepers.take_woken().is_empty());
        assert!(!compare(152));
    }

    #[test]
    fn how_long_it_was_waited_for_is_told_once_and_of_the_right_order() {
        let (id, node) = names();
        let sleepers = Sleepers::new(1, at(0));
        for second in [0, 60] {
            sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(second));
        }
        let asleep = sleepers.order(&id, RestOrder::default());
        assert_eq!(sleepers.answers(&id, asleep, at(61)), None, "nobody asked");
        sleepers.wake(&id, at(70));
        sleepers.wake(&id, at(71));
        assert_eq!(sleepers.answers(&id, asleep, at(72)), None, "that was said before it was told");
        let awake = sleepers.order(&id, RestOrder::default());
        assert_eq!(sleepers.answers(&id, awake, at(73)), Some(Duration::from_secs(3)));
        assert_eq!(sleepers.answers(&id, awake, at(74)), None);
    }

    #[test]
    fn an_ingress_that_came_or_went_starts_the_clock_anew() {
        let (id, node) = names();
        let sleepers = Sleepers::new(1, at(0));
        sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(0));
        sleepers.disturbed(at(50));
        assert!(!sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(109)).0);
        assert!(sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(110)).0);
        sleepers.disturbed(at(111));
        sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(112));
        assert_eq!(sleepers.order(&id, RestOrder::default()).rest, Rest::Frozen, "what sleeps sleeps on");
    }

    #[test]
    fn a_stop_is_told_when_requests_are_held_and_an_address_from_before_is_not_believed() {
        let (id, node) = names();
        let sleepers = Sleepers::new(1, at(0));
        for second in [0, 60, 120] {
            sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(second));
        }
        let frozen = reports(Rest::Frozen, (1 << 32) + 1);
        assert_eq!(sleepers.shown(&id, &frozen), Rest::Stopped, "requests are held from now on");
        assert!(sleepers.any_stopping());
        assert_eq!(sleepers.told(&id, frozen.rest, false).rest, Rest::Frozen);
        assert_eq!(sleepers.told(&id, frozen.rest, true).rest, Rest::Stopped);
        assert!(!sleepers.any_stopping());
        sleepers.wake(&id, at(121));
        assert_eq!(sleepers.shown(&id, &frozen), Rest::Stopped, "it may be stopping at this moment");
        let awake = sleepers.order(&id, RestOrder::default());
        assert_eq!(sleepers.shown(&id, &reports(Rest::Awake, awake.number)), Rest::Awake);
        assert_eq!(sleepers.shown(&id, &reports(Rest::Stopped, awake.number - 1)), Rest::Stopped);
    }

    #[test]
    fn a_stop_that_was_never_told_is_taken_back_at_once() {
        let (id, node) = names();
        let sleepers = Sleepers::new(1, at(0));
        for second in [0, 60, 120] {
            sleepers.compare(&id, &node, RestOrder::default(), AFTER, at(second));
        }
        sleepers.wake(&id, at(121));
        assert_eq!(sleepers.shown(&id, &reports(Rest::Frozen, (1 << 32) + 1)), Rest::Awake);
    }

    #[test]
    fn a_control_plane_that_starts_anew_lets_sleepers_sleep() {
        let (id, node) = names();
        let sleepers = Sleepers::new(2, at(0));
        let stopped = reports(Rest::Stopped, (1 << 32) + 7);
        assert_eq!(sleepers.shown(&id, &stopped), Rest::Stopped);
        assert!(
            sleepers.compare(&id, &node, stopped.rest, AFTER, at(1)).0,
            "told again, under a number of its own"
        );
        assert!(!sleepers.compare(&id, &node, stopped.rest, AFTER, at(1)).0);
        let order = sleepers.order(&id, stopped.rest);
        assert!(order.rest == Rest::Stopped && order.number > 2 << 32);
        assert!(
            sleepers.compare(&id, &node, stopped.rest, Duration::ZERO, at(2)).0,
            "it may not sleep any more"
        );
        assert_eq!(sleepers.order(&id, stopped.rest).rest, Rest::Awake);
    }
}
