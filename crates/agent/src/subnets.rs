//! Which subnet a deployment's network gets.
//!
//! The engine knows what is in use, so nothing is remembered here but what was handed out a moment ago. Each network is a
//! /28: thirteen containers, and 4,096 networks in the default pool, where an engine's own pools end after some thirty.

use ipnet::Ipv4Net;
use tokio::sync::Mutex;

const PREFIX: u8 = 28;

#[derive(Debug)]
pub(crate) struct Subnets {
    pool: Ipv4Net,
    /// Held while a network is made, so that two do not choose the same.
    pub(crate) choosing: Mutex<()>,
}

impl Subnets {
    pub(crate) fn new(pool: Ipv4Net) -> Self {
        Self { pool, choosing: Mutex::default() }
    }

    /// The first free one after `skip` others, or `None` when the pool is used up.
    pub(crate) fn free(&self, used: &[Ipv4Net], skip: usize) -> Option<Ipv4Net> {
        let free = |candidate: &Ipv4Net| {
            !used.iter().any(|used| used.contains(candidate) || candidate.contains(used))
        };
        self.pool.subnets(PREFIX).ok()?.filter(free).nth(skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_overlaps_with_nothing() {
        let subnets = Subnets::new("10.0.0.0/26".parse().unwrap());
        let net = |text: &str| text.parse::<Ipv4Net>().unwrap();
        assert_eq!(subnets.free(&[], 0), Some(net("10.0.0.0/28")));
        assert_eq!(subnets.free(&[net("10.0.0.0/28"), net("10.0.0.20/30")], 0), Some(net("10.0.0.32/28")));
        assert_eq!(subnets.free(&[net("10.0.0.0/28")], 1), Some(net("10.0.0.32/28")));
        assert_eq!(subnets.free(&[net("10.0.0.0/8")], 0), None);
    }
}
