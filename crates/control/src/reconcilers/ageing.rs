//! Figures become coarser as they grow old, and are forgotten in the end: some slots at a time, so that nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use parking_lot::Mutex;
use pierhead_model::figures::keeping::LONGEST;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::figures::seconds;

/// Between two rounds through all slots and nodes.
const PERIOD: Duration = Duration::from_secs(600);
/// Slots and nodes at a time, and how long the next ones wait.
const AT_ONCE: usize = 20;
const SOON: Duration = Duration::from_millis(200);
/// Naps that are forgotten at a time.
const NAPS: u64 = 200;
/// A process that was not heard for so long will not say anything again.
const HEARD: u64 = 86_400;

#[derive(Debug)]
pub(crate) struct Ageing {
    core: Arc<Core>,
    /// The last one of this round.
    after: Mutex<Option<String>>,
}

impl Ageing {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core, after: Mutex::new(None) }
    }
}

#[async_trait]
impl Reconciler for Ageing {
    fn name(&self) -> &'static str {
        "ageing"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let (store, now) = (&self.core.store, self.core.outside.now());
        let after = self.after.lock().clone();
        let next = store.figures_roll_up(after.as_deref(), seconds(now), AT_ONCE).await.stored()?;
        let mut more = next.is_some();
        *self.after.lock() = next;
        if !more {
            store.figures_heard_forget(seconds(now).saturating_sub(HEARD)).await.stored()?;
            let kept = SignedDuration::from_secs(i64::try_from(LONGEST).unwrap_or(i64::MAX));
            more = store.rests_forget(now - kept, NAPS).await.stored()?;
        }
        Ok(more.then_some(SOON))
    }
}
