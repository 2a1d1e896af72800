//! Sealing: what the database holds of a secret.
//!
//! AES-256-GCM with a random 96-bit nonce. The place a value belongs to (its table and key) is associated data, so a sealed
//! value that is moved to another row does not open. Values are sealed with data keys ([`ring`]), which are in the database
//! wrapped by the master key, which is not: the database alone opens nothing, and another master key costs a few rows.

mod cipher;
mod ring;

use aws_lc_rs::hmac;
use base64::Engine as _;
use secrecy::{ExposeSecret, SecretBox};

use crate::outside::Outside;

pub(crate) use ring::Keyring;

/// The master key: 32 bytes that never leave this process.
pub struct MasterKey {
    key: SecretBox<[u8; 32]>,
    /// The one before, while it is exchanged.
    previous: Option<Box<MasterKey>>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the master key must be 32 bytes in base64")]
    Key,
    #[error("the sealed value has a format that this version does not know")]
    Format,
    #[error("the sealed value does not open: another master key was used, or it was changed or moved")]
    Tampered,
}

impl MasterKey {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { key: SecretBox::new(Box::new(bytes)), previous: None }
    }

    /// Reads the form of `PIERHEAD_MASTER_KEY`.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|_| SealError::Key)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SealError::Key)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(SealError::Key);
        }
        Ok(Self::from_bytes(bytes))
    }

    /// This key from now on; what `previous` wrapped is opened once more, and wrapped again.
    #[must_use]
    pub fn instead_of(self, previous: Self) -> Self {
        Self { previous: Some(Box::new(previous)), ..self }
    }

    fn bytes(&self) -> &[u8; 32] {
        self.key.expose_secret()
    }

    /// Tells keys apart, and nothing about them.
    fn name(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.bytes());
        let digest = hmac::sign(&key, b"pierhead master key: name");
        format!("local:{}", hex::encode(digest.as_ref().get(..8).unwrap_or_default()))
    }

    fn wrap(&self, id: u32, key: &[u8; 32], outside: &dyn Outside) -> Result<String, SealError> {
        cipher::seal(self.bytes(), &format!("data-key/{id}"), key, outside)
    }

    fn unwrap_key(&self, id: u32, wrapped: &str) -> Result<SecretBox<[u8; 32]>, SealError> {
        let bytes = cipher::open(self.bytes(), &format!("data-key/{id}"), wrapped)?;
        let bytes: [u8; 32] = bytes.expose_secret().try_into().map_err(|_| SealError::Format)?;
        Ok(SecretBox::new(Box::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_or_short_key_is_refused() {
        for text in ["", "aGVsbG8=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert_eq!(MasterKey::from_base64(text).unwrap_err(), SealError::Key, "{text}");
        }
    }

    #[test]
    fn a_name_tells_keys_apart_and_nothing_of_them() {
        let (one, other) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        assert_eq!(one.name(), MasterKey::from_bytes([1; 32]).name());
        assert_ne!(one.name(), other.name());
        assert!(!one.name().contains(&hex::encode([1; 8])));
    }
}
