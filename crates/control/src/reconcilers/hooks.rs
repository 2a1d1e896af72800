//! Webhooks that nobody needs any more are taken away at their services, or given up after a day of trying.
//!
//! One at each look, so that stopping never waits for more than one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::notice::pause_after;
use pierhead_store::HookRemoval;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::call::{Caller, Trouble};
use crate::forge::hook::{self, Place};
use crate::forge::{Forge, link};

const PERIOD: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Hooks(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Hooks {
    fn name(&self) -> &'static str {
        "hooks"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let (core, now) = (&*self.0, self.0.outside.now());
        let Some(removal) = core.store.hook_removal_next().await.stored()? else { return Ok(None) };
        if removal.next_at > now {
            return Ok(Duration::try_from(removal.next_at.duration_since(now)).ok());
        }
        let attempts = removal.attempts.saturating_add(1);
        let (repository, hook) = (&removal.repository, &removal.hook);
        let (attempts, wait) = match take_away(core, &removal).await {
            Ok(()) => (attempts, None),
            // It was not refused for what it is: nothing is counted.
            Err(Trouble::Limited(wait)) => (removal.attempts, Some(wait)),
            Err(trouble) => {
                let again = pause_after(attempts).filter(|_| trouble.may_pass());
                let given_up = again.is_none();
                tracing::warn!(repository, hook, %trouble, given_up, "a webhook was not taken away at its service");
                (attempts, again)
            }
        };
        match wait.and_then(|wait| now.checked_add(wait).ok()) {
            Some(next_at) => core.store.hook_removal_tried(&removal, attempts, next_at).await.stored()?,
            None => core.store.hook_removal_delete(&removal).await.stored()?,
        }
        Ok(Some(Duration::ZERO))
    }
}

async fn take_away(core: &Core, removal: &HookRemoval) -> Result<(), Trouble> {
    let unreadable = |error: &dyn std::fmt::Display| Trouble::Unreadable(error.to_string());
    let forge: Forge = removal.provider.parse().map_err(|error: strum::ParseError| unreadable(&error))?;
    let api = removal.api_url.parse().map_err(|error: url::ParseError| unreadable(&error))?;
    let token = link::open(core, &removal.project, &removal.token).map_err(|error| unreadable(&error))?;
    let caller = Caller { core, forge, api, token };
    let place = Place { forge, repository: &removal.repository, repository_id: removal.repository_id };
    hook::remove(&caller, place, &removal.hook).await
}
