//! What is live on a node that is being drained goes live on another.
//!
//! Each service is deployed again from its release; the old one ends when the new one is healthy, as at any switch. Sites need
//! no node. A share of a deployment that another node leads is taken over by a third.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Reconciler;
use crate::capacity;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::services::moves::{move_away, must_move};
use crate::shares;

#[derive(Debug)]
pub(crate) struct Drains(pub(crate) Arc<Core>);

/// How soon to look again while something is on its way.
const SOON: Duration = Duration::from_secs(1);

#[async_trait]
impl Reconciler for Drains {
    fn name(&self) -> &'static str {
        "drains"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let core = &*self.0;
        let mut moving = false;
        for environment in core.store.environment_list().await.stored()? {
            let nodes = core.store.node_list(&environment.id).await.stored()?;
            let draining: Vec<_> = nodes.into_iter().filter(|node| node.draining).collect();
            if draining.is_empty() || capacity::candidates(core, &environment.id).await?.is_empty() {
                continue;
            }
            for node in draining {
                moving |= shares::move_away(core, &node).await?;
                for record in core.store.deployments_on_node(&node.id).await.stored()? {
                    if must_move(core, &record).await? {
                        let moved = move_away(core, &record).await?;
                        tracing::info!(from = %record.deployment.id, to = %moved, node = %node.name, "moving a service");
                    }
                }
            }
        }
        Ok(moving.then_some(SOON))
    }
}
