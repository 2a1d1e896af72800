//! Events: every transition, in order, as it happens.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
pub use pierhead_store::EventRecord as EventView;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Read from the table at once.
const BATCH: u64 = 200;

#[derive(Debug)]
pub struct Events(pub(crate) Arc<Core>);

impl Events {
    /// The events after `after`, and from then on those that happen, as far as one may see them; `None` begins now. Ends when the store does not answer.
    pub async fn follow(
        &self,
        principal: &Principal,
        after: Option<u64>,
    ) -> Result<BoxStream<'static, EventView>, Error> {
        let after = match after {
            Some(after) => after,
            None => self.0.store.events_last().await.stored()?,
        };
        let (store, visible) = (self.0.store.clone(), principal.visibility());
        let written = store.events_written();
        let batches = stream::unfold(
            (store, written, after, visible),
            |(store, mut written, after, visible)| async move {
                loop {
                    written.borrow_and_update();
                    let events = store.events_after(after, BATCH, &visible).await.ok()?;
                    if let Some(last) = events.last().map(|event| event.sequence) {
                        return Some((stream::iter(events), (store, written, last, visible)));
                    }
                    written.changed().await.ok()?;
                }
            },
        );
        Ok(batches.flatten().boxed())
    }
}
