//! What was counted and measured is stored.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// How often it is looked whether something has waited long enough.
const PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Figures(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Figures {
    fn name(&self) -> &'static str {
        "figures"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let core = &self.0;
        core.figures.flush(&core.store, core.outside.now(), false).await.stored()?;
        Ok(None)
    }
}
