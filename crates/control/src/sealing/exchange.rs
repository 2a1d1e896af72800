//! Another master key: every data key is wrapped by it, a new one is made for what is sealed from then on, and only then is
//! forgotten what the old one wrapped.
//!
//! The same at a start (with the old key beside the new one) and while the server runs (when somebody asks for it). Whenever it
//! is cut, each data key is still there under one of the two, and the next attempt goes on.

use std::fmt;

use pierhead_store::{Store, WrappedKey};
use secrecy::ExposeSecret as _;

use super::master::{MasterKey, WrapError};
use super::ring::Keyring;
use crate::error::{Error, StoreResult as _};
use crate::outside::Outside;

/// Where the next master key comes from.
pub trait MasterKeySource: Send + Sync + fmt::Debug {
    /// The key after `current`, which is kept beside it until the exchange is done. Asked again after a cut, it is the same one.
    /// An error is a sentence that says what to do.
    fn successor(&self, current: &MasterKey) -> Result<Successor, String>;
}

/// What follows a master key.
#[derive(Debug)]
pub enum Successor {
    Other(MasterKey),
    /// The same key, of which there may be a newer version where it is kept.
    SameKey,
}

/// Why keys cannot be exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error(transparent)]
    Control(#[from] Error),
    #[error(transparent)]
    Wrap(#[from] WrapError),
}

impl ExchangeError {
    /// Whether the same may go well in a moment.
    pub(super) const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Wrap(WrapError::Unreachable(_)))
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Control(error) => error,
            ExchangeError::Wrap(WrapError::Seal(error)) => Self::internal(error),
            ExchangeError::Wrap(error) => Self::Unavailable { detail: error.to_string() },
        }
    }
}

/// Wraps every data key of the ring with `to`, and adds a new one. What others wrapped stays until it is forgotten by
/// [`Store::data_keys_keep_only`].
pub(super) async fn carry_over(
    ring: &Keyring,
    store: &Store,
    to: &MasterKey,
    outside: &dyn Outside,
) -> Result<(), ExchangeError> {
    let (stored, name) = (store.data_keys().await.stored()?, to.name());
    let is_there = |id: u32| stored.iter().any(|key| key.id == id && key.master == name);
    for (id, bytes) in ring.all() {
        if !is_there(id) {
            let wrapped = to.wrap(id, bytes.expose_secret(), outside).await?;
            let key =
                WrappedKey { id, master: name.clone(), wrapped, created_at: created(&stored, id, outside) };
            store.data_key_put(&key).await.stored()?;
            pierhead_model::crash_point!("control.data_key_wrapped_again");
        }
    }
    // Who had the old master key could have opened the newest data key; what is sealed from now on is beyond that.
    let newest = ring.newest();
    if stored.iter().any(|key| Some(key.id) == newest && key.master != name) {
        ring.make(store, to, outside).await?;
    }
    pierhead_model::crash_point!("control.master_key_exchanged");
    Ok(())
}

/// Wraps every data key with the newest version of the same master key, and adds a new one.
pub(super) async fn renew(
    ring: &Keyring,
    store: &Store,
    master: &MasterKey,
    outside: &dyn Outside,
) -> Result<(), ExchangeError> {
    for key in store.data_keys().await.stored()? {
        if key.master == master.name()
            && let Some(wrapped) = master.wrap_newer(&key.wrapped).await?
        {
            store.data_key_put(&WrappedKey { wrapped, ..key }).await.stored()?;
        }
    }
    ring.make(store, master, outside).await
}

fn created(stored: &[WrappedKey], id: u32, outside: &dyn Outside) -> pierhead_model::Timestamp {
    stored.iter().find(|key| key.id == id).map_or_else(|| outside.now(), |key| key.created_at)
}
