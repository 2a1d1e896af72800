//! Repositories that people pushed to go with their projects.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::sources::Pushes;

/// Removes repositories whose projects are gone.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) core: Arc<Core>,
    pub(crate) host: Arc<dyn Pushes>,
}

#[async_trait]
impl Reconciler for Pushed {
    fn name(&self) -> &'static str {
        "pushed"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        for project in self.host.hosted().await? {
            // An id is never used again, so what is not there now will not come.
            if self.core.store.project_get(&project).await.stored()?.is_none() {
                self.host.forget(&project).await?;
                tracing::info!(%project, "the repository of a project that is gone was removed");
            }
        }
        Ok(None)
    }
}
