//! Figures on their way into the store: what ingresses counted and agents measured, gathered and written in one transaction.
//!
//! Messages of ingresses have a number, and are acknowledged when the transaction that holds their counts *and* their number is
//! on disk. One that comes again is known by its number, also to the next control plane: so each counts once. What agents
//! measure is never said twice. Everything here is bounded; when there is no room, an ingress is not heard and says it later.

mod owners;
mod reports;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::figures::keeping::{FINEST, floor};
use pierhead_model::figures::{Figures, MachineFigures, Traffic, Usage, Wakes};
use pierhead_model::id::{NodeId, SlotId};
use pierhead_store::{FiguresBatch, FiguresOf, Store, StoreError};
use pierhead_wire::ControlToIngress;
use pierhead_wire::agent_to_control::{Machine, MachineUsage, ServiceUsage};
use pierhead_wire::ingress_to_control::{RouteCounts, Window};
use tokio::sync::mpsc;

pub(crate) use owners::{HostOwner, Owners};
use reports::Known;
pub(crate) use reports::SERVICE;

/// Points that may wait for their transaction: of so many slots and nodes there is news within seconds.
const MOST: usize = 50_000;
/// Processes that count. Each start of an ingress is one; they are forgotten a day after they ended.
const MOST_RUNS: usize = 10_000;
/// Counts of longer ago are believed to be of now: the clock there is wrong.
const OLDEST: u64 = 3600;
/// What an ingress said is stored soon: its process may hold the only other copy. Measurements can wait for company.
const SOON: i64 = 1;
const COMPANY: i64 = 10;

#[derive(Debug)]
pub(crate) struct Recorder {
    state: Mutex<State>,
    /// The number of the next transaction: above those of every earlier control plane.
    part: AtomicU64,
    /// One transaction after the other.
    flushing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    points: HashMap<(FiguresOf, u64), Figures>,
    /// How far each process that counts was heard.
    heard: HashMap<u64, u64>,
    /// Whom to tell, after the next transaction, how far it is stored.
    waiting: HashMap<u64, mpsc::Sender<ControlToIngress>>,
    /// When the first of `points` came.
    since: Option<Timestamp>,
    owners: Owners,
    known: Known,
}

impl State {
    /// The figures of one owner in the step that a moment is in; `None` when there is no room for more.
    fn at(&mut self, owner: FiguresOf, at: u64, now: Timestamp) -> Option<&mut Figures> {
        let key = (owner, floor(at, FINEST.step));
        if self.points.len() >= MOST && !self.points.contains_key(&key) {
            return None;
        }
        self.since.get_or_insert(now);
        Some(self.points.entry(key).or_default())
    }
}

/// Unix seconds.
pub(crate) fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}

/// Time that ends now, in pieces that each lie in one step: where each begins in Unix seconds, and its milliseconds. What is measured
/// now was used before, and three messages in one step are no three times as much.
fn pieces(now: Timestamp, during_ms: u64) -> impl Iterator<Item = (u64, u64)> {
    let step_ms = FINEST.step * 1000;
    let end = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut begin = Some(end.saturating_sub(during_ms));
    std::iter::from_fn(move || {
        let from = begin?;
        let to = ((from / step_ms + 1) * step_ms).min(end);
        begin = (to < end).then_some(to);
        Some((from / 1000, to - from))
    })
}

impl Recorder {
    /// Goes on where the control plane before this one ended.
    pub(crate) async fn load(store: &Store, epoch: u64) -> Result<Self, StoreError> {
        let state = State { heard: store.figures_heard().await?, ..State::default() };
        Ok(Self::new(state, epoch))
    }

    fn new(state: State, epoch: u64) -> Self {
        Self {
            state: Mutex::new(state),
            part: AtomicU64::new(epoch << 32),
            flushing: tokio::sync::Mutex::default(),
        }
    }

    /// One that has nobody to go on from.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self::new(State::default(), 1)
    }

    /// Whose each hostname is.
    pub(crate) fn set_owners(&self, owners: HashMap<pierhead_model::hostname::Hostname, HostOwner>) {
        self.state.lock().owners.replace(owners);
    }

    /// Takes what an ingress counted. False when it was taken before, or cannot be taken now: then nothing of it counts here.
    pub(crate) fn counted(
        &self,
        routes: &[RouteCounts],
        window: Option<Window>,
        now: Timestamp,
        answers: &mpsc::Sender<ControlToIngress>,
    ) -> bool {
        let mut state = self.state.lock();
        let now_s = seconds(now);
        let mut at = now_s;
        if let Some(window) = window {
            let heard = state.heard.get(&window.run).copied();
            if heard.is_some_and(|heard| window.sequence <= heard) {
                // Its acknowledgement was lost.
                state.waiting.insert(window.run, answers.clone());
                state.since.get_or_insert(now);
                return false;
            }
            let follows = heard.is_none_or(|heard| window.sequence == heard + 1);
            let is_room = heard.is_some() || state.heard.len() < MOST_RUNS;
            if !follows || !is_room || state.points.len() >= MOST {
                return false;
            }
            state.heard.insert(window.run, window.sequence);
            state.waiting.insert(window.run, answers.clone());
            state.since.get_or_insert(now);
            if (now_s.saturating_sub(OLDEST)..=now_s).contains(&window.at) {
                at = window.at;
            }
        }
        // Counting has ended then: most of it was before.
        let at = at.saturating_sub(FINEST.step / 2);
        for route in routes {
            let Some(HostOwner { slot, service }) = state.owners.of(&route.host) else { continue };
            let counts = &route.counts;
            let traffic = Traffic {
                answers: counts.answers,
                bytes: counts.bytes,
                upstream_errors: counts.upstream_errors,
                took: route.took.clone(),
            };
            if let Some(figures) = state.at(FiguresOf::Slot(slot), at, now) {
                figures.traffic.entry(service).or_default().add(&traffic);
            }
        }
        true
    }

    /// What the replicas of a service on one node used for so many milliseconds.
    pub(crate) fn used(&self, slot: &SlotId, usage: &ServiceUsage, during_ms: u64, now: Timestamp) {
        let mut state = self.state.lock();
        for (at, ms) in pieces(now, during_ms) {
            let measured = Usage {
                samples: 1,
                cpu_ms: (usage.cpu.max(0.0) * ms as f64).round() as u64,
                memory: usage.memory_bytes,
                memory_limit: usage.memory_limit_bytes,
                ..Usage::default()
            };
            if let Some(figures) = state.at(FiguresOf::Slot(slot.clone()), at, now) {
                figures.usage.entry(usage.service.to_string()).or_default().add(&measured);
            }
        }
    }

    /// What a machine used.
    pub(crate) fn machine_used(
        &self,
        node: &NodeId,
        (machine, usage): (&Machine, &MachineUsage),
        during_ms: u64,
        now: Timestamp,
    ) {
        let mut state = self.state.lock();
        for (at, ms) in pieces(now, during_ms) {
            let measured = MachineFigures {
                samples: 1,
                cpu_ms: (usage.cpu.max(0.0) * ms as f64).round() as u64,
                memory: usage.memory_bytes,
                disk: machine.disk_bytes.saturating_sub(usage.disk_free_bytes),
                containers: u64::from(usage.containers),
                cpu_cores: u64::from(machine.cpu_cores),
                memory_limit: machine.memory_bytes,
                disk_limit: machine.disk_bytes,
            };
            if let Some(figures) = state.at(FiguresOf::Node(node.clone()), at, now) {
                figures.machine.get_or_insert_default().add(&measured);
            }
        }
    }

    /// A service that slept answers again, after so many milliseconds.
    pub(crate) fn woke(&self, slot: &SlotId, ms: u64, now: Timestamp) {
        let mut state = self.state.lock();
        if let Some(figures) = state.at(FiguresOf::Slot(slot.clone()), seconds(now), now) {
            figures.wakes.add(&Wakes::one(ms));
        }
    }

    /// Writes what has waited long enough; everything when `all` is said.
    pub(crate) async fn flush(&self, store: &Store, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let _one = self.flushing.lock().await;
        let (points, waiting) = {
            let mut state = self.state.lock();
            let patience = if state.waiting.is_empty() { COMPANY } else { SOON };
            let is_due = state.since.is_some_and(|since| now.as_second() - since.as_second() >= patience);
            if !(is_due || (all && state.since.is_some())) {
                return Ok(());
            }
            state.since = None;
            let waiting = std::mem::take(&mut state.waiting);
            let waiting: HashMap<u64, (u64, _)> = waiting
                .into_iter()
                .filter_map(|(run, answers)| Some((run, (*state.heard.get(&run)?, answers))))
                .collect();
            (std::mem::take(&mut state.points), waiting)
        };
        let heard = waiting.iter().map(|(run, (sequence, _))| (*run, *sequence)).collect();
        let part = self.part.fetch_add(1, Ordering::Relaxed);
        let batch = FiguresBatch { part, points: &points, heard: &heard, now: seconds(now) };
        if let Err(error) = store.figures_write(&batch).await {
            let mut state = self.state.lock();
            for (key, figures) in points {
                state.points.entry(key).or_default().add(&figures);
            }
            for (run, (_, answers)) in waiting {
                state.waiting.entry(run).or_insert(answers);
            }
            state.since.get_or_insert(now);
            return Err(error);
        }
        for (run, (sequence, answers)) in waiting {
            // One that is too slow to hear it says it again, and is told then.
            let _ = answers.try_send(ControlToIngress::Counted { run, sequence });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
