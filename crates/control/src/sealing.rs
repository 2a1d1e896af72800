//! Sealing: what the database holds of a secret.
//!
//! AES-256-GCM with a random 96-bit nonce. The place a value belongs to (its table and key) is associated data, so a sealed
//! value that is moved to another row does not open. The text carries the version of the format, for keys that rotate.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::outside::Outside;

const FORMAT: &str = "v1";
const NONCE_BYTES: usize = 12;

/// The master key: 32 bytes that never leave this process.
pub struct MasterKey(SecretBox<[u8; 32]>);

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
        Self(SecretBox::new(Box::new(bytes)))
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

    /// Seals `plain` for its place.
    pub(crate) fn seal(&self, place: &str, plain: &str, outside: &dyn Outside) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        outside.fill(&mut nonce);
        let mut sealed = plain.as_bytes().to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError::Tampered)?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        Ok(format!("{FORMAT}:{}", BASE64.encode(bytes)))
    }

    /// A key of its own for a place, in base64: the same one each time, and no way back to this one.
    pub(crate) fn derive(&self, place: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret());
        let derived = hmac::sign(&key, format!("pierhead derived key: {place}").as_bytes());
        base64::engine::general_purpose::STANDARD.encode(derived)
    }

    /// Opens what was sealed for the same place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let text =
            sealed.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix(':')).ok_or(SealError::Format)?;
        let mut bytes = BASE64.decode(text).map_err(|_| SealError::Format)?;
        if bytes.len() < NONCE_BYTES {
            return Err(SealError::Format);
        }
        let mut body = bytes.split_off(NONCE_BYTES);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| SealError::Format)?;
        let plain = self
            .cipher()?
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| SealError::Tampered)?;
        String::from_utf8(plain.to_vec()).map(Into::into).map_err(|_| SealError::Tampered)
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose_secret()).map_err(|_| SealError::Key)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixed;

    fn key(first: u8) -> MasterKey {
        let mut bytes = [7; 32];
        bytes[0] = first;
        MasterKey::from_bytes(bytes)
    }

    #[test]
    fn opens_only_with_its_key_in_its_place_and_unchanged() {
        let sealed = key(1).seal("variables/1", "hunter2", &Fixed::default()).unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_eq!(key(1).open("variables/1", &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(key(2).open("variables/1", &sealed).unwrap_err(), SealError::Tampered);
        assert_eq!(key(1).open("variables/2", &sealed).unwrap_err(), SealError::Tampered);
        let flipped = sealed.replace(&sealed[6..7], if &sealed[6..7] == "A" { "B" } else { "A" });
        assert!(key(1).open("variables/1", &flipped).is_err());
        for broken in ["", "v1:", "v2:AAAA", "v1:!!", "v1:AAAA"] {
            assert!(key(1).open("variables/1", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_weak_or_short_key_is_refused() {
        for text in ["", "aGVsbG8=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert_eq!(MasterKey::from_base64(text).unwrap_err(), SealError::Key, "{text}");
        }
    }
}
