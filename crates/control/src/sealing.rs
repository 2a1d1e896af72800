//! Sealing: what the database holds of a secret.
//!
//! AES-256-GCM with a random 96-bit nonce. The place a value belongs to (its table and key) is associated data, so a sealed
//! value that is moved to another row does not open. Values are sealed with data keys ([`ring`]), which are in the database
//! wrapped by the master key ([`master`]), which is not: the database alone opens nothing, and another master key costs a few
//! rows.

mod cipher;
mod exchange;
mod master;
mod ring;
mod vault;

pub use exchange::{MasterKeySource, Successor};
pub use master::MasterKey;
pub(crate) use ring::Keyring;
pub use vault::{VaultToken, VaultTransit};

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the master key is not 32 bytes in base64: make one with `openssl rand -base64 32`")]
    Key,
    #[error("it was sealed in a format that this version does not know")]
    Format,
    #[error("it was sealed with another master key, or changed since")]
    Tampered,
}
