//! Time and chance, handed in: a test runs a week in a millisecond and makes the same ids every time.

use std::fmt::Debug;

use pierhead_model::Timestamp;

/// What the control plane may ask of the world besides its store and its links.
pub trait Outside: Send + Sync + Debug {
    fn now(&self) -> Timestamp;

    /// Fills `bytes` from a generator that is fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// 128 random bits.
pub(crate) fn random_bits(outside: &dyn Outside) -> u128 {
    let mut bytes = [0; 16];
    outside.fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// 64 random bits.
pub(crate) fn random_half(outside: &dyn Outside) -> u64 {
    let mut bytes = [0; 8];
    outside.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
