//! The same request twice is carried out once.

use std::sync::Arc;

use pierhead_model::digest::Digest;
use pierhead_store as store;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Idempotency(pub(crate) Arc<Core>);

/// What a request with a key has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    Fresh,
    Replay { status: u16, body: String },
}

impl Idempotency {
    pub async fn begin(
        &self,
        principal: &Principal,
        key: &str,
        fingerprint: &Digest,
    ) -> Result<Begun, Error> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid("/Idempotency-Key", "must have 1 to 255 visible ASCII characters"));
        }
        let now = self.0.outside.now();
        let begun =
            self.0.store.idempotency_begin(principal.user.as_ref(), key, fingerprint, now).await.stored()?;
        match begun {
            store::Begun::Fresh => Ok(Begun::Fresh),
            store::Begun::Replay { status, body } => Ok(Begun::Replay { status, body }),
            store::Begun::InProgress => {
                Err(Error::Conflict { detail: "The same request is being carried out right now.".into() })
            }
            store::Begun::OtherRequest => Err(Error::IdempotencyReuse),
        }
    }

    pub async fn finish(
        &self,
        principal: &Principal,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), Error> {
        self.0.store.idempotency_finish(principal.user.as_ref(), key, status, body).await.stored()
    }

    pub async fn abandon(&self, principal: &Principal, key: &str) -> Result<(), Error> {
        self.0.store.idempotency_abandon(principal.user.as_ref(), key).await.stored()
    }
}
