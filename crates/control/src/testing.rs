//! Time and chance for tests: they move only when told.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use pierhead_model::Timestamp;

use crate::outside::Outside;

#[derive(Debug)]
pub(crate) struct Fixed {
    milliseconds: AtomicI64,
    draws: AtomicU64,
}

impl Default for Fixed {
    fn default() -> Self {
        Self { milliseconds: AtomicI64::new(1_800_000_000_000), draws: AtomicU64::new(1) }
    }
}

impl Fixed {
    pub(crate) fn advance(&self, seconds: i64) {
        self.milliseconds.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Outside for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst)).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // A fixed odd multiplier spreads the counter over all bits (Knuth's multiplicative hash).
            let draw = self.draws.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&draw.to_le_bytes()[..chunk.len()]);
        }
    }
}
