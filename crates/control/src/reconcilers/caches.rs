//! Caches before the ingresses forget what a hostname does not show any more.
//!
//! What they were told is written down after they were told it, so a crash in between tells them twice and never not at all. They
//! are told when every ingress answers by the new table: earlier, they would fetch the old answer again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::Reconciler;
use crate::core::Core;
use crate::edge::caches::{Caches as Port, Stale, stale};
use crate::error::{Error, StoreResult as _};

/// Hostnames in one call: what Cloudflare takes.
const AT_ONCE: usize = 30;
/// For ingresses that are slow to answer by the new table.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a refusal.
const AGAIN: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Caches {
    core: Arc<Core>,
    port: Arc<dyn Port>,
    /// The generation that caches are told of.
    told: AtomicU64,
}

#[async_trait]
impl Reconciler for Caches {
    fn name(&self) -> &'static str {
        "caches"
    }

    fn period(&self) -> Duration {
        AGAIN
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let told = self.told.load(Ordering::Relaxed);
        let Some((generation, table)) = self.core.ingresses.published(told) else { return Ok(None) };
        let held = self.core.store.edge_caches().await.stored()?;
        let stale = stale(&held, &table);
        if !stale.purge.is_empty() || !stale.gone.is_empty() {
            self.tell(generation, &stale).await?;
        }
        self.told.store(generation, Ordering::Relaxed);
        Ok(None)
    }
}

impl Caches {
    pub(crate) fn new(core: Arc<Core>, port: Arc<dyn Port>) -> Self {
        Self { core, port, told: AtomicU64::new(0) }
    }

    async fn tell(&self, generation: u64, stale: &Stale) -> Result<(), Error> {
        if tokio::time::timeout(PATIENCE, self.core.ingresses.applied(generation)).await.is_err() {
            tracing::warn!(
                generation,
                "an ingress does not answer by the newest table: caches are told all the same"
            );
        }
        for hosts in stale.gone.chunks(AT_ONCE) {
            self.purge(hosts).await?;
            self.core.store.edge_caches_forget(hosts).await.stored()?;
        }
        for shown in stale.purge.chunks(AT_ONCE) {
            let hosts: Vec<String> = shown.iter().map(|(host, _)| host.clone()).collect();
            self.purge(&hosts).await?;
            self.core.store.edge_caches_put(shown).await.stored()?;
        }
        Ok(())
    }

    async fn purge(&self, hosts: &[String]) -> Result<(), Error> {
        let purged = self.port.purge(hosts).await;
        purged.map_err(|why| Error::Unavailable { detail: format!("caches cannot be told to forget: {why}") })
    }
}
