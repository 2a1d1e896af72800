//! A sampler that outlives the container's cgroup.
//!
//! The kernel's counters vanish with the last process, and the engine remembers only that memory ran out, not
//! how much was used. So whoever runs a container that has a memory budget starts a [`MemoryWatch`] right after
//! the start, and asks it for the [`MemoryUse`] once the container has ended. A kill in the last period before
//! the end can be missed by the sampler; [`MemoryUse::oom`] therefore joins both witnesses.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    engine::Engine,
    error::Error,
    state::{ContainerId, Exit, Stats},
};

/// Short enough to see a build step's peak, long enough to cost nothing.
pub const DEFAULT_PERIOD: Duration = Duration::from_millis(250);

/// What was seen of a container's memory until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// The kernel's high-water mark where it keeps one, else the highest sampled working set, in bytes.
    pub peak: u64,
    pub limit: u64,
    /// Processes killed for memory, children too.
    pub oom_kills: u64,
    /// Processor time until the last sample.
    pub cpu_nanos: u64,
}

impl MemoryUse {
    fn add(&mut self, sample: &Stats) {
        self.peak = self.peak.max(sample.memory_peak.unwrap_or(sample.working_set));
        self.limit = sample.memory_limit;
        self.oom_kills = self.oom_kills.max(sample.oom_kills);
        self.cpu_nanos = self.cpu_nanos.max(sample.cpu_nanos);
    }

    /// Whether memory ran out: seen by the sampler or by the engine.
    #[must_use]
    pub fn oom(&self, exit: &Exit) -> bool {
        self.oom_kills > 0 || exit.oom_killed
    }
}

/// Samples one container until it ends or the watch is dropped.
#[derive(Debug)]
pub struct MemoryWatch {
    seen: Arc<Mutex<MemoryUse>>,
    task: AbortOnDropHandle<()>,
}

impl MemoryWatch {
    /// Starts sampling a container that runs.
    #[must_use]
    pub fn start(engine: Arc<dyn Engine>, id: ContainerId, period: Duration) -> Self {
        let seen = Arc::new(Mutex::new(MemoryUse::default()));
        let task = tokio::spawn(sample(engine, id, period, Arc::clone(&seen)));
        Self { seen, task: AbortOnDropHandle::new(task) }
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> MemoryUse {
        *self.seen.lock()
    }

    /// Stops sampling and says what was seen.
    pub async fn finish(self) -> MemoryUse {
        self.task.abort();
        // Cancelled or ended: either way nothing writes any more.
        let _ended = self.task.await;
        *self.seen.lock()
    }
}

async fn sample(engine: Arc<dyn Engine>, id: ContainerId, period: Duration, seen: Arc<Mutex<MemoryUse>>) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match engine.stats(&id).await {
            Ok(sample) => seen.lock().add(&sample),
            Err(Error::NotFound { .. } | Error::Conflict { .. }) => return,
            // The engine may be restarting under a running container; the next sample will tell.
            Err(error) => tracing::debug!(container = %id, %error, "no memory sample"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_sample_stands_in_for_a_missing_high_water_mark() {
        let mut seen = MemoryUse::default();
        for (working_set, memory_peak) in [(10, None), (30, None), (20, None)] {
            seen.add(&Stats { working_set, memory_peak, memory_limit: 100, ..Stats::default() });
        }
        assert_eq!((seen.peak, seen.limit), (30, 100));
        seen.add(&Stats { memory_peak: Some(90), ..Stats::default() });
        assert_eq!(seen.peak, 90);
    }

    #[test]
    fn either_witness_of_a_kill_is_enough() {
        let exit = |oom_killed| Exit {
            code: 1,
            oom_killed,
            started_at: None,
            finished_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let saw = |oom_kills| MemoryUse { oom_kills, ..MemoryUse::default() };
        assert!(saw(1).oom(&exit(false)));
        assert!(saw(0).oom(&exit(true)));
        assert!(!saw(0).oom(&exit(false)));
    }
}
