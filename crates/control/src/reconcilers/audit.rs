//! The audit log is kept for a year, exchanged refresh tokens for a quarter of one: what is older goes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// How long entries are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long a copy of a refresh token is recognised as one. Later it is refused like any other unknown token.
const TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
const PERIOD: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct Audit(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let gone = self.0.store.audit_forget(self.0.outside.now() - KEPT).await.stored()?;
        if gone > 0 {
            tracing::info!(entries = gone, "the audit log was shortened");
        }
        self.0.store.rotated_tokens_forget(self.0.outside.now() - TOKENS_KEPT).await.stored()?;
        Ok(None)
    }
}
