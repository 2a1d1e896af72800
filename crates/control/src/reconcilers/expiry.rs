//! Slots that nobody needed for their lifetime are deleted, as if a person had done it.
//!
//! Marking and extending are one conditional write each, so a press of `extend` in the last moment either counts or comes too
//! late, and says so. What is on its way in a slot is activity, and so is a visit: the time begins anew when it is found.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::lifetime::is_expired;
use pierhead_store::Slot;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::services::slots;

#[derive(Debug)]
pub(crate) struct Expiry(pub(crate) Arc<Core>);

/// Slots that are looked at in one round; the rest in the next.
const AT_ONCE: u64 = 200;
/// Ids in one query: every database takes that many.
const IN_ONE_QUERY: usize = 500;
const PERIOD: Duration = Duration::from_secs(30);

#[async_trait]
impl Reconciler for Expiry {
    fn name(&self) -> &'static str {
        "expiry"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        self.visits().await?;
        let now = self.0.outside.now();
        for slot in self.0.store.slots_expiring(AT_ONCE).await.stored()? {
            match slot.expires_at {
                Some(expires_at) if expires_at <= now => self.expire(&slot).await?,
                // They come in order: the rest is later still.
                Some(expires_at) => {
                    let wait = expires_at.duration_since(now);
                    return Ok(Some(wait.unsigned_abs().max(Duration::from_millis(100))));
                }
                None => {}
            }
        }
        Ok(None)
    }
}

impl Expiry {
    /// Whoever visits a slot needs it. That is written down now and then, not at every visit.
    async fn visits(&self) -> Result<(), Error> {
        let visited: Vec<_> = self.0.ingresses.take_visited().into_iter().collect();
        for some in visited.chunks(IN_ONE_QUERY) {
            for slot in self.0.store.slots_expiring_of(some).await.stored()? {
                slots::visited(&self.0, &slot).await?;
            }
        }
        Ok(())
    }

    async fn expire(&self, slot: &Slot) -> Result<(), Error> {
        let now = self.0.outside.now();
        let history = self.0.store.slot_summary(&slot.id).await.stored()?;
        let in_progress = history.iter().any(|summary| summary.state.is_in_progress());
        if !is_expired(slot.expires_at, in_progress, now) {
            return slots::touch(&self.0, slot).await;
        }
        if self.0.store.slot_expire(&slot.id, now).await.stored()? {
            tracing::info!(slot = %slot.name, "nobody needed a slot for its lifetime: deleting it with all it has");
            self.0.signals.removals.raise();
        }
        Ok(())
    }
}
