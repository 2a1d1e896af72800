//! Counting without locks: one set for each route, one for the whole ingress.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use pierhead_model::figures::Latencies;
use pierhead_model::figures::latencies::{BUCKETS, bucket_of};
use pierhead_wire::ingress_to_control as wire;

/// What was counted, read at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers by the first digit of their status: `answers[1]` is 1xx … `answers[5]` is 5xx, `answers[0]` anything else.
    pub answers: [u64; 6],
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Answers that the platform gave because a service did not.
    pub upstream_errors: u64,
    /// Lines of the access log that nobody took in time.
    pub log_lines_dropped: u64,
    /// Connections of visitors that are open now.
    pub connections: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    answers: [AtomicU64; 6],
    bytes: AtomicU64,
    upstream_errors: AtomicU64,
    /// How long answers took since it was told; made by the first of them.
    took: OnceLock<Box<[AtomicU32; BUCKETS]>>,
    /// What the control plane knows of it; nothing for what nobody visits.
    told: Mutex<Option<Box<wire::Counts>>>,
}

impl Counters {
    /// What was counted since this was asked last, if anything was.
    pub(crate) fn take(&self) -> Option<(wire::Counts, Latencies)> {
        let Counts { answers, bytes, upstream_errors, .. } = self.read();
        if answers == [0; 6] {
            return None;
        }
        let now = wire::Counts { answers, bytes, upstream_errors };
        let mut told = self.told.lock();
        let before = told.as_deref().copied().unwrap_or_default();
        if now == before {
            return None;
        }
        *told = Some(Box::new(now));
        let mut since = [0; 6];
        for ((since, now), before) in since.iter_mut().zip(now.answers).zip(before.answers) {
            *since = now - before;
        }
        let since = wire::Counts {
            answers: since,
            bytes: now.bytes - before.bytes,
            upstream_errors: now.upstream_errors - before.upstream_errors,
        };
        let took = self.took.get().map(|took| {
            Latencies::of_counts(took.iter().map(|count| u64::from(count.swap(0, Ordering::Relaxed))))
        });
        Some((since, took.unwrap_or_default()))
    }

    /// An answer began after so long.
    pub(crate) fn took(&self, time: Duration) {
        let took = self.took.get_or_init(|| Box::new([const { AtomicU32::new(0) }; BUCKETS]));
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = took.get(bucket_of(micros)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn answered(&self, status: StatusCode, bytes: u64) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.answers.get(class).or(self.answers.first()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn upstream_failed(&self) {
        self.upstream_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            answers: self.answers.each_ref().map(|counter| counter.load(Ordering::Relaxed)),
            bytes: self.bytes.load(Ordering::Relaxed),
            upstream_errors: self.upstream_errors.load(Ordering::Relaxed),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_class() {
        let counters = Counters::default();
        for (status, bytes) in [(200, 5), (204, 0), (404, 7), (999, 0)] {
            counters.answered(StatusCode::from_u16(status).unwrap(), bytes);
        }
        counters.upstream_failed();
        let counts = counters.read();
        assert_eq!(counts.answers, [1, 0, 2, 0, 1, 0]);
        assert_eq!((counts.bytes, counts.upstream_errors), (12, 1));
        let (first, took) = counters.take().unwrap();
        assert_eq!((first.answers, first.bytes, first.upstream_errors), ([1, 0, 2, 0, 1, 0], 12, 1));
        assert!(took.is_empty());
        assert_eq!(counters.take(), None);
        counters.took(Duration::from_millis(5));
        counters.took(Duration::MAX);
        counters.answered(StatusCode::OK, 3);
        let (then, took) = counters.take().unwrap();
        assert_eq!((then.answers, then.bytes, then.upstream_errors), ([0, 0, 1, 0, 0, 0], 3, 0));
        let median = took.quantile(0.5).unwrap();
        assert_eq!(took.total(), 2);
        assert!((4700.0..5300.0).contains(&median), "{median}");
        counters.answered(StatusCode::OK, 3);
        assert!(counters.take().unwrap().1.is_empty(), "each is told once");
    }
}
