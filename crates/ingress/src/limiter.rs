//! How often somebody may come: a bucket for each pair of hostname and address that leaks steadily (GCRA).
//!
//! One number is kept for each pair: when its bucket would be empty. What is empty already says nothing and is forgotten when room
//! is needed. Memory is bounded however many addresses there are: when there is no room for one more, newcomers of a hostname share
//! one bucket, so that a flood limits itself and who was there before is not touched.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pierhead_model::visitors::RateLimit;

use crate::connections::network_of;

const SHARDS: usize = 16;
/// Pairs that are known, all shards together: about 16 MB.
const PAIRS: usize = 256 * 1024;
/// How often a full shard is looked through for buckets that are empty.
const CLEANING: Duration = Duration::from_secs(1);
const MINUTE: u64 = 60_000_000_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limited {
    Requests,
    /// Passwords that were not known to be right.
    Passwords,
}

#[derive(Debug)]
pub(crate) struct Limiter {
    began: Instant,
    hashing: RandomState,
    shards: Box<[Mutex<Shard>]>,
    room: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// Nanoseconds after `began`.
    empty_at: HashMap<(u64, Option<IpAddr>), u64>,
    cleaned_at: Option<u64>,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self::with_room(PAIRS / SHARDS)
    }

    fn with_room(room: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { began: Instant::now(), hashing: RandomState::new(), shards, room }
    }

    /// Counts one more, or says after how long there is room for it.
    pub(crate) fn take(
        &self,
        (what, host): (Limited, &str),
        client: IpAddr,
        limit: RateLimit,
    ) -> Result<(), Duration> {
        self.take_at(self.began.elapsed(), (what, host), client, limit)
    }

    fn take_at(
        &self,
        now: Duration,
        named: (Limited, &str),
        client: IpAddr,
        limit: RateLimit,
    ) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let client = network_of(client);
        let name = self.hashing.hash_one(named);
        let number = self.hashing.hash_one((name, client)) as usize % SHARDS;
        let Some(shard) = self.shards.get(number) else { return Ok(()) };
        let mut shard = shard.lock();
        let mut key = (name, Some(client));
        if shard.empty_at.len() >= self.room && !shard.empty_at.contains_key(&key) {
            shard.clean(now);
            if shard.empty_at.len() >= self.room {
                key = (name, None);
            }
        }
        // The shared buckets are few: one for each hostname that is limited.
        let empty_at = shard.empty_at.entry(key).or_insert(now);
        let begins = (*empty_at).max(now);
        let each = MINUTE / u64::from(limit.per_minute.max(1));
        let depth = each.saturating_mul(u64::from(limit.at_once() - 1));
        let wait = (begins - now).saturating_sub(depth);
        if wait > 0 {
            return Err(Duration::from_nanos(wait));
        }
        *empty_at = begins.saturating_add(each);
        Ok(())
    }
}

impl Shard {
    fn clean(&mut self, now: u64) {
        let due = self.cleaned_at.is_none_or(|at| now.saturating_sub(at) >= CLEANING.as_nanos() as u64);
        if due {
            self.cleaned_at = Some(now);
            self.empty_at.retain(|_, empty_at| *empty_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: (Limited, &str) = (Limited::Requests, "x.test");

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let limiter = Limiter::new();
        let limit = RateLimit { per_minute: 60, burst: Some(3) };
        let take = |seconds, client| limiter.take_at(Duration::from_secs(seconds), HOST, client, limit);
        for _ in 0..3 {
            assert_eq!(take(5, address(1)), Ok(()));
        }
        assert_eq!(take(5, address(1)), Err(Duration::from_secs(1)));
        assert_eq!(take(5, address(2)), Ok(()), "another visitor");
        assert_eq!(take(6, address(1)), Ok(()));
        assert_eq!(take(6, address(1)), Err(Duration::from_secs(1)));
        let elsewhere = (Limited::Requests, "y.test");
        assert_eq!(limiter.take_at(Duration::from_secs(6), elsewhere, address(1), limit), Ok(()));
        let passwords = (Limited::Passwords, "x.test");
        assert_eq!(limiter.take_at(Duration::from_secs(6), passwords, address(1), limit), Ok(()));
    }

    #[test]
    fn one_customers_network_is_one_visitor() {
        let limiter = Limiter::new();
        let limit = RateLimit { per_minute: 1, burst: Some(1) };
        let take = |text: &str| limiter.take_at(Duration::ZERO, HOST, text.parse().unwrap(), limit);
        assert!(take("2001:db8::1").is_ok());
        assert!(take("2001:db8::2").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_room_and_limits_itself() {
        let limiter = Limiter::with_room(8);
        let limit = RateLimit { per_minute: 60, burst: Some(2) };
        let take =
            |seconds, number| limiter.take_at(Duration::from_secs(seconds), HOST, address(number), limit);
        assert!(take(0, 1).is_ok());
        let passed = (10..10_000).filter(|number| take(0, *number).is_ok()).count();
        // Eight with a bucket of their own in each shard, and two by the shared one.
        assert!((SHARDS * 2..=SHARDS * 10).contains(&passed), "{passed}");
        let held: usize = limiter.shards.iter().map(|shard| shard.lock().empty_at.len()).sum();
        assert!(held <= SHARDS * 9, "{held}");
        assert!(take(0, 1).is_ok(), "who was there before is not touched");
        assert!(take(90, 500_000).is_ok(), "what is empty makes room");
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_leaked_since(
            per_minute in 1_u32..1000,
            burst in 1_u32..50,
            steps in proptest::collection::vec(0_u64..5_000, 1..200),
        ) {
            let limiter = Limiter::new();
            let limit = RateLimit { per_minute, burst: Some(burst) };
            let (mut now, mut passed) = (0, 0_u64);
            for step in steps {
                now += step;
                match limiter.take_at(Duration::from_millis(now), HOST, address(1), limit) {
                    Ok(()) => passed += 1,
                    Err(wait) => {
                        // Who waits as long as that is let in.
                        let later = Duration::from_millis(now) + wait;
                        prop_assert!(limiter.take_at(later, HOST, address(1), limit).is_ok());
                        now = u64::try_from(later.as_millis()).unwrap() + 1;
                        passed += 1;
                    }
                }
                let most = u64::from(burst) + now * u64::from(per_minute) / 60_000 + 1;
                prop_assert!(passed <= most, "{passed} of {most} after {now} ms");
            }
        }
    }
}
