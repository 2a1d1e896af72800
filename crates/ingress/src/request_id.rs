//! Request ids: sixteen hexadecimal digits, unique within a process and not to be guessed from one another at a glance.
//!
//! A counter is mixed by a bijection with a random key, so no two are equal before the counter wraps, and no lock or system
//! call is needed for one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderValue;

#[derive(Debug)]
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { next: AtomicU64::new(RandomState::new().hash_one("request ids")) }
    }

    pub(crate) fn next(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = mix(self.next.fetch_add(1, Ordering::Relaxed));
        let mut text = [0_u8; 16];
        for (position, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(number >> (60 - 4 * position)) as usize & 15];
        }
        HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text))
            .unwrap_or(HeaderValue::from_static("unknown"))
    }
}

/// The finaliser of SplitMix64: a bijection whose every output bit depends on every input bit.
const fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn are_sixteen_digits_and_differ() {
        let ids = RequestIds::new();
        let seen: HashSet<String> = (0..10_000).map(|_| ids.next().to_str().unwrap().to_owned()).collect();
        assert_eq!(seen.len(), 10_000);
        assert!(seen.iter().all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
