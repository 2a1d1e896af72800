//! What nodes need to enter repositories is fetched ahead, so that telling a node what to do never waits for another service.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Reconciler;
use crate::assignments;
use crate::core::Core;
use crate::error::Error;
use crate::forge::call::Trouble;
use crate::forge::tokens::{self, Failed};

/// Between attempts while something waits.
const AGAIN: Duration = Duration::from_secs(5);

/// Fetches tokens for deployments that are about to be built.
#[derive(Debug)]
pub(crate) struct Tokens(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Tokens {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let (mut again, mut failed) = (None, HashSet::new());
        for (record, usable) in assignments::waiting_for_tokens(&self.0).await? {
            // Several deployments of a project need one token, and one that is refused is not asked for again at once.
            if failed.contains(&usable.link.project) {
                continue;
            }
            match tokens::ready_to_read(&self.0, &usable).await {
                Ok(()) => {}
                Err(Failed::Here(error)) => return Err(error),
                Err(Failed::Forge(trouble)) => {
                    tracing::warn!(project = %record.project_name, %trouble, "a token for a repository did not come");
                    failed.insert(usable.link.project.clone());
                    if trouble.may_pass() {
                        let wait = if let Trouble::Limited(wait) = trouble { wait } else { AGAIN };
                        again = Some(again.map_or(wait, |known: Duration| known.min(wait)));
                        continue;
                    }
                }
            }
            if let Some(node) = &record.deployment.node {
                self.0.fleet.wake(node);
            }
        }
        Ok(again)
    }
}
