//! Custom domains are looked at when their time has come: soon after they were claimed, and for as long as they are there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;

use super::Reconciler;
use crate::core::Core;
use crate::edge::looking;
use crate::error::{Error, StoreResult as _};

/// Looks at a time: each waits for DNS.
const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(crate) struct Domains(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Domains {
    fn name(&self) -> &'static str {
        "domains"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let due = self.0.store.domains_due(self.0.outside.now(), 4 * AT_ONCE as u64).await.stored()?;
        let more = due.len() == 4 * AT_ONCE;
        let looks = futures::stream::iter(due).for_each_concurrent(AT_ONCE, async |domain| {
            if let Err(error) = looking::look(&self.0, &domain).await {
                let error = super::driver::Chain(&error).to_string();
                tracing::warn!(host = %domain.host, error, "a custom domain could not be looked at");
            }
        });
        looks.await;
        Ok(more.then_some(Duration::ZERO))
    }
}
