//! The limit on guessing: per account and address together, so that an attacker elsewhere cannot lock the owner out.

use std::collections::HashMap;

use parking_lot::Mutex;
use pierhead_model::Timestamp;

/// Failed attempts that are free.
const FREE: u32 = 5;
/// Then the wait doubles from one second up to this.
const LONGEST_WAIT_S: u64 = 300;
/// After this time without an attempt all is forgotten.
const FORGOTTEN_AFTER_S: i64 = 3600;
/// Entries kept at most; an attacker with many addresses must not fill the memory.
const CAPACITY: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<String, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_at: Timestamp,
}

impl Attempts {
    /// Seconds to wait before the next attempt; 0 when it may be made now.
    pub(crate) fn wait_s(&self, who: &str, now: Timestamp) -> u64 {
        let failures = self.0.lock();
        let Some(failures) = failures.get(who) else { return 0 };
        let Some(over) = failures.count.checked_sub(FREE) else { return 0 };
        let wait = 2_u64.saturating_pow(over).min(LONGEST_WAIT_S);
        let passed = u64::try_from(now.duration_since(failures.last_at).as_secs()).unwrap_or(0);
        wait.saturating_sub(passed)
    }

    pub(crate) fn failed(&self, who: &str, now: Timestamp) {
        let mut all = self.0.lock();
        if all.len() >= CAPACITY {
            all.retain(|_, failures| now.duration_since(failures.last_at).as_secs() < FORGOTTEN_AFTER_S);
        }
        if all.len() >= CAPACITY {
            all.clear();
        }
        let entry = all.entry(who.to_owned()).or_insert(Failures { count: 0, last_at: now });
        entry.count = entry.count.saturating_add(1);
        entry.last_at = now;
    }

    pub(crate) fn succeeded(&self, who: &str) {
        self.0.lock().remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Outside as _;
    use crate::testing::Fixed;

    #[test]
    fn the_wait_grows_with_each_failure_and_ends() {
        let (attempts, outside) = (Attempts::default(), Fixed::default());
        for _ in 0..FREE {
            assert_eq!(attempts.wait_s("a", outside.now()), 0);
            attempts.failed("a", outside.now());
        }
        assert_eq!(attempts.wait_s("a", outside.now()), 1);
        attempts.failed("a", outside.now());
        assert_eq!(attempts.wait_s("a", outside.now()), 2);
        assert_eq!(attempts.wait_s("b", outside.now()), 0, "another address is not held up");
        outside.advance(2);
        assert_eq!(attempts.wait_s("a", outside.now()), 0);
        attempts.succeeded("a");
        attempts.failed("a", outside.now());
        assert_eq!(attempts.wait_s("a", outside.now()), 0);
    }
}
