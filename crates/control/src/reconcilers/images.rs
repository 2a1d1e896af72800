//! An image that is live outlives the node that built it, where there is another node to run it.
//!
//! Files of sites and services are stored while they are built. The image of a Dockerfile is large, and of no use to others
//! as long as there is one node: it is stored when its environment has a second one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::deployment::State;
use pierhead_model::digest::Digest;
use pierhead_model::release::Release;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub(crate) struct Images(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let core = &*self.0;
        for environment in core.store.environment_list().await.stored()? {
            let nodes = core.store.node_list(&environment.id).await.stored()?;
            if nodes.len() < 2 {
                continue;
            }
            for node in nodes.into_iter().filter(|node| core.fleet.is_online(&node.id)) {
                for record in core.store.deployments_on_node(&node.id).await.stored()? {
                    let Some(Release::Image(release)) = record.release else { continue };
                    if record.deployment.state == State::Production && !self.is_stored(&release.image).await {
                        core.fleet.keep_image(&node.id, release.image);
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Images {
    /// A store that does not answer is asked again at the next look.
    async fn is_stored(&self, image: &str) -> bool {
        let Some(digest) = image.strip_prefix("sha256:").and_then(|id| id.parse::<Digest>().ok()) else {
            return true;
        };
        self.0.blobs.missing(&[digest]).await.is_ok_and(|missing| missing.is_empty())
    }
}
