//! The limit on guessing: per account and address together, so that an attacker elsewhere cannot lock the owner out.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use pierhead_model::Timestamp;

use crate::error::Error;

/// Failed attempts that are free.
const FREE: u32 = 5;
/// Then the wait doubles from one second up to this.
const LONGEST_WAIT_S: u64 = 300;
/// After this time without an attempt all is forgotten.
const FORGOTTEN_AFTER_S: i64 = 3600;
/// Visits of strangers from one place that are free: behind one address there may be an office.
const FREE_OF_PLACE: u32 = 30;
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
        self.wait_beyond(FREE, who, now)
    }

    /// Counts something that a stranger asks for an address, whatever becomes of it, and refuses it when it is asked too often:
    /// for that address, or from that place.
    pub(crate) fn count_visit(&self, address: &str, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Error> {
        let place = ip.map(|ip| ip.to_string());
        let wait = self.wait_s(address, now);
        let of_place = place.as_ref().map_or(0, |place| self.wait_beyond(FREE_OF_PLACE, place, now));
        match wait.max(of_place) {
            0 => {}
            retry_after_s => return Err(Error::RateLimited { retry_after_s }),
        }
        self.failed(address, now);
        if let Some(place) = place {
            self.failed(&place, now);
        }
        Ok(())
    }

    fn wait_beyond(&self, free: u32, who: &str, now: Timestamp) -> u64 {
        let failures = self.0.lock();
        let Some(failures) = failures.get(who) else { return 0 };
        let Some(over) = failures.count.checked_sub(free) else { return 0 };
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
        let forgotten = now.duration_since(entry.last_at).as_secs() >= FORGOTTEN_AFTER_S;
        entry.count = if forgotten { 1 } else { entry.count.saturating_add(1) };
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
    fn strangers_are_held_up_by_address_and_by_place() {
        let (attempts, outside) = (Attempts::default(), Fixed::default());
        let visit = |address: &str, ip: [u8; 4]| {
            attempts.count_visit(address, Some(ip.into()), outside.now()).is_ok()
        };
        for number in 0..FREE {
            assert!(visit("a@example.com", [10, 0, 0, u8::try_from(number).unwrap()]));
        }
        assert!(!visit("a@example.com", [10, 0, 0, 99]), "one mailbox cannot be flooded from many places");
        for number in 0..FREE_OF_PLACE {
            assert!(visit(&format!("{number}@example.com"), [10, 0, 1, 1]), "{number}");
        }
        assert!(!visit("new@example.com", [10, 0, 1, 1]), "one place cannot flood many mailboxes");
        assert!(visit("new@example.com", [10, 0, 1, 2]));
        outside.advance(FORGOTTEN_AFTER_S);
        for _ in 0..FREE {
            assert!(visit("a@example.com", [10, 0, 0, 1]), "after an hour all is forgotten");
        }
    }

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
