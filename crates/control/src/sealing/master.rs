//! The master key: what data keys are wrapped by. It is here, or in Vault and never comes here.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use super::exchange::MasterKeySource;
use super::vault::VaultTransit;
use super::{SealError, cipher};
use crate::outside::Outside;

/// A master key, perhaps with the one before, and with the place that the next one comes from.
#[derive(Clone)]
pub struct MasterKey {
    kind: Arc<Kind>,
    previous: Option<Box<Self>>,
    source: Option<Arc<dyn MasterKeySource>>,
}

enum Kind {
    Local(SecretBox<[u8; 32]>),
    Vault(VaultTransit),
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.name())
    }
}

/// Why a data key cannot be wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrapError {
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The same may go well in a moment.
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Refused(String),
}

impl MasterKey {
    /// 32 bytes that never leave this process.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::of(Kind::Local(SecretBox::new(Box::new(bytes))))
    }

    /// Reads the form of `PIERHEAD_MASTER_KEY`.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = BASE64.decode(text.trim()).map_err(|_| SealError::Key)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SealError::Key)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(SealError::Key);
        }
        Ok(Self::from_bytes(bytes))
    }

    /// A key of Vault's transit engine.
    pub fn in_vault(transit: VaultTransit) -> Self {
        Self::of(Kind::Vault(transit))
    }

    fn of(kind: Kind) -> Self {
        Self { kind: Arc::new(kind), previous: None, source: None }
    }

    /// This key from now on; what `previous` wrapped is opened once more, and wrapped again.
    #[must_use]
    pub fn instead_of(self, previous: Self) -> Self {
        Self { previous: Some(Box::new(previous)), ..self }
    }

    /// Without this, it is exchanged by a restart only.
    #[must_use]
    pub fn kept_in(self, source: Arc<dyn MasterKeySource>) -> Self {
        Self { source: Some(source), ..self }
    }

    pub(super) fn previous(&self) -> Option<&Self> {
        self.previous.as_deref()
    }

    pub(super) fn source(&self) -> Option<&Arc<dyn MasterKeySource>> {
        self.source.as_ref()
    }

    /// The key itself, to be kept by whoever keeps it; `None` of one that is elsewhere.
    pub fn to_base64(&self) -> Option<SecretString> {
        self.bytes().map(|bytes| BASE64.encode(bytes).into())
    }

    pub(super) fn bytes(&self) -> Option<&[u8; 32]> {
        match &*self.kind {
            Kind::Local(key) => Some(key.expose_secret()),
            Kind::Vault(_) => None,
        }
    }

    /// Tells keys apart, and nothing about them.
    pub fn name(&self) -> String {
        match &*self.kind {
            Kind::Local(key) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
                let digest = hmac::sign(&key, b"pierhead master key: name");
                format!("local:{}", hex::encode(digest.as_ref().get(..8).unwrap_or_default()))
            }
            Kind::Vault(transit) => transit.name(),
        }
    }

    pub(super) async fn wrap(
        &self,
        id: u32,
        key: &[u8; 32],
        outside: &dyn Outside,
    ) -> Result<String, WrapError> {
        match &*self.kind {
            Kind::Local(own) => Ok(cipher::seal(own.expose_secret(), &place(id), key, outside)?),
            Kind::Vault(transit) => transit.wrap(&place(id), key).await,
        }
    }

    pub(super) async fn unwrap_key(&self, id: u32, wrapped: &str) -> Result<SecretBox<[u8; 32]>, WrapError> {
        let bytes = match &*self.kind {
            Kind::Local(own) => cipher::open(own.expose_secret(), &place(id), wrapped)?,
            Kind::Vault(transit) => transit.unwrap_key(&place(id), wrapped).await?,
        };
        let bytes: [u8; 32] = bytes.expose_secret().try_into().map_err(|_| SealError::Format)?;
        Ok(SecretBox::new(Box::new(bytes)))
    }

    /// The same under this key's newest version; `None` where keys have no versions.
    pub(super) async fn wrap_newer(&self, wrapped: &str) -> Result<Option<String>, WrapError> {
        match &*self.kind {
            Kind::Local(_) => Ok(None),
            Kind::Vault(transit) => transit.rewrap(wrapped).await.map(Some),
        }
    }
}

fn place(id: u32) -> String {
    format!("data-key/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_or_short_key_is_refused() {
        for text in ["", "AAAA", "not base64", &BASE64.encode([1; 32]), &BASE64.encode([1; 31])] {
            assert_eq!(MasterKey::from_base64(text).unwrap_err(), SealError::Key, "{text}");
        }
    }

    #[test]
    fn a_name_tells_keys_apart_and_nothing_of_them() {
        let (one, other) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        assert_eq!(one.name(), MasterKey::from_bytes([1; 32]).name());
        assert_ne!(one.name(), other.name());
        assert!(!one.name().contains(&hex::encode([1; 8])));
        assert!(!format!("{one:?}").contains(&*BASE64.encode([1; 32])));
    }
}
