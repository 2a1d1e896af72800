//! Figures on their way to the control plane: in numbered messages, kept until they are stored there, said again until then.
//!
//! The numbers have no gap, and the control plane takes them in order: so each message counts exactly once, however often it
//! comes. A control plane that never acknowledges anything is an older one: to that nothing is said twice.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use pierhead_wire::ingress_to_control::{IngressToControl, RouteCounts, Window};

/// Hostnames in one message: it is said piece by piece, so that nothing waits for it.
const AT_ONCE: usize = 500;
/// Hostnames in all messages that wait. With more than these the counters go on counting, and nothing is taken from them.
const MOST: usize = 20_000;
/// What is not acknowledged by then is said again.
const AGAIN: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Windows {
    run: u64,
    /// The number of the newest message.
    sequence: u64,
    waiting: VecDeque<Message>,
    /// How many at the front were said.
    said: usize,
    /// The other side acknowledges what it stores.
    is_acknowledged: bool,
}

#[derive(Debug)]
struct Message {
    window: Window,
    routes: Vec<RouteCounts>,
    said_at: Option<Instant>,
}

impl Default for Windows {
    fn default() -> Self {
        // Databases have no 64th bit for it.
        let run = RandomState::new().hash_one("windows") & (u64::MAX >> 1);
        Self { run, sequence: 0, waiting: VecDeque::new(), said: 0, is_acknowledged: false }
    }
}

impl Windows {
    fn hostnames(&self) -> usize {
        self.waiting.iter().map(|message| message.routes.len()).sum()
    }

    /// Whether more may be counted out. What is not stays where it is counted.
    pub(crate) fn has_room(&self) -> bool {
        self.hostnames() < MOST
    }

    /// Takes what was counted until `at` (Unix seconds). What does not fit is lost: look for room first.
    pub(crate) fn close(&mut self, at: u64, mut routes: Vec<RouteCounts>) {
        routes.truncate((2 * MOST).saturating_sub(self.hostnames()));
        while !routes.is_empty() {
            let rest = routes.split_off(routes.len().min(AT_ONCE));
            self.sequence += 1;
            let window = Window { run: self.run, sequence: self.sequence, at };
            self.waiting.push_back(Message { window, routes, said_at: None });
            routes = rest;
        }
    }

    /// The next message that is to be said.
    pub(crate) fn next(&mut self, now: Instant) -> Option<IngressToControl> {
        let message = self.waiting.get_mut(self.said)?;
        self.said += 1;
        message.said_at = Some(now);
        Some(IngressToControl::Counted { routes: message.routes.clone(), window: Some(message.window) })
    }

    /// All messages of a run up to this one are stored.
    pub(crate) fn stored(&mut self, run: u64, sequence: u64) {
        if run != self.run {
            return;
        }
        self.is_acknowledged = true;
        while self.waiting.front().is_some_and(|message| message.window.sequence <= sequence) {
            self.waiting.pop_front();
            self.said = self.said.saturating_sub(1);
        }
    }

    /// The link may be a new one: what was said on the old one may never have come. True when there is something to say again.
    pub(crate) fn rewind(&mut self) -> bool {
        if !self.is_acknowledged {
            return false;
        }
        std::mem::take(&mut self.said) > 0
    }

    /// Nobody acknowledged what was said long ago. True when there is something to say again.
    pub(crate) fn check(&mut self, now: Instant) -> bool {
        let said_at = self.waiting.front().and_then(|message| message.said_at);
        if self.said == 0 || said_at.is_none_or(|at| now.saturating_duration_since(at) < AGAIN) {
            return false;
        }
        if self.is_acknowledged {
            return self.rewind();
        }
        self.waiting.drain(..self.said);
        self.said = 0;
        false
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::figures::Latencies;
    use pierhead_model::hostname::Hostname;
    use pierhead_wire::ingress_to_control::Counts;
    use proptest::prelude::*;

    use super::*;

    fn routes(count: usize) -> Vec<RouteCounts> {
        let counts = Counts { answers: [0, 0, 1, 0, 0, 0], bytes: 1, upstream_errors: 0 };
        let of = |number| RouteCounts {
            host: Hostname::parse(&format!("h{number}.test")).unwrap(),
            counts,
            took: Latencies::default(),
        };
        (0..count).map(of).collect()
    }

    fn sequences(windows: &mut Windows, now: Instant) -> Vec<u64> {
        let said = std::iter::from_fn(|| windows.next(now));
        said.map(|message| match message {
            IngressToControl::Counted { window: Some(window), .. } => window.sequence,
            other => panic!("{other:?}"),
        })
        .collect()
    }

    #[test]
    fn what_is_stored_is_forgotten_and_the_rest_said_again() {
        let now = Instant::now();
        let mut windows = Windows::default();
        windows.close(10, routes(AT_ONCE + 1));
        windows.close(20, Vec::new());
        windows.close(30, routes(1));
        assert_eq!(sequences(&mut windows, now), [1, 2, 3]);
        let run = windows.run;
        windows.stored(run + 1, 3);
        windows.stored(run, 1);
        assert!(!windows.check(now + AGAIN / 2));
        assert!(windows.check(now + AGAIN));
        assert_eq!(sequences(&mut windows, now + AGAIN), [2, 3]);
        assert!(windows.rewind());
        windows.stored(run, 2);
        assert_eq!(sequences(&mut windows, now), [3]);
        windows.stored(run, 3);
        assert!(!windows.rewind() && !windows.check(now + 9 * AGAIN));
    }

    #[test]
    fn to_who_never_acknowledges_nothing_is_said_twice() {
        let now = Instant::now();
        let mut windows = Windows::default();
        windows.close(10, routes(2));
        assert_eq!(sequences(&mut windows, now), [1]);
        assert!(!windows.rewind());
        assert!(!windows.check(now + AGAIN));
        assert!(windows.waiting.is_empty());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut windows = Windows::default();
        while windows.has_room() {
            windows.close(10, routes(900));
        }
        assert!(windows.hostnames() < MOST + 900);
        for _ in 0..30 {
            windows.close(10, routes(900));
        }
        assert_eq!(windows.hostnames(), 2 * MOST);
    }

    proptest! {
        /// Whoever takes the messages in order and acknowledges some of them gets each exactly once.
        #[test]
        fn each_message_counts_once(course in proptest::collection::vec((0_u8..5, 0_usize..4), 1..80)) {
            let mut now = Instant::now();
            let mut windows = Windows { is_acknowledged: true, ..Windows::default() };
            let (mut taken, mut counted, mut closed) = (0, 0, 0);
            let hear = |windows: &mut Windows, now, most: usize, taken: &mut u64, counted: &mut usize| {
                for _ in 0..most {
                    let Some(IngressToControl::Counted { routes, window: Some(window) }) = windows.next(now) else { return };
                    if window.sequence == *taken + 1 {
                        *taken += 1;
                        *counted += routes.len();
                    }
                }
            };
            for (what, much) in course {
                match what {
                    0 => {
                        windows.close(1, routes(much));
                        closed += much;
                    }
                    1 => hear(&mut windows, now, much, &mut taken, &mut counted),
                    // Said, and lost with the link.
                    2 => (0..much).for_each(|_| drop(windows.next(now))),
                    3 => {
                        let run = windows.run;
                        windows.stored(run, taken.saturating_sub(much as u64));
                    }
                    _ => {
                        now += AGAIN;
                        windows.check(now);
                    }
                }
            }
            windows.rewind();
            hear(&mut windows, now, usize::MAX, &mut taken, &mut counted);
            prop_assert_eq!(counted, closed);
        }
    }
}
