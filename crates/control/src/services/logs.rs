//! Logs of deployments: read, searched, followed.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use pierhead_model::deployment::State;
use pierhead_model::log::LogLine;
pub use pierhead_store::LogQuery;

use super::auth::Principal;
use crate::access::policy::{self, READ_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Lines that one answer holds at most.
const MAXIMUM: usize = 10_000;
/// How often a follower looks whether the deployment has ended.
const STATE_PERIOD: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Logs(pub(crate) Arc<Core>);

/// A page of a log.
#[derive(Debug, Clone)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// To go on after.
    pub next: u64,
}

/// What a follower hears.
#[derive(Debug, Clone)]
pub enum LogItem {
    Line(LogLine),
    /// The deployment has failed or was stopped, and all its lines were told.
    End(State),
}

impl Logs {
    pub async fn read(
        &self,
        principal: &Principal,
        deployment: &str,
        mut query: LogQuery,
    ) -> Result<LogPage, Error> {
        let record = policy::deployment(&self.0, principal, deployment, READ_DEPLOYMENT).await?;
        query.limit = query.limit.clamp(1, MAXIMUM);
        let (lines, next) = self.0.store.logs().read(&record.deployment.id, &query).await.stored()?;
        Ok(LogPage { lines, next })
    }

    /// What is there, and then what comes, until the deployment has ended and everything was told.
    pub async fn follow(
        &self,
        principal: &Principal,
        deployment: &str,
        mut query: LogQuery,
    ) -> Result<BoxStream<'static, LogItem>, Error> {
        let id = policy::deployment(&self.0, principal, deployment, READ_DEPLOYMENT).await?.deployment.id;
        query.limit = MAXIMUM;
        let (core, last) = (Arc::clone(&self.0), self.0.store.logs().follow(&id).await.stored()?);
        let state = Some((core, last, query, id));
        let batches = stream::unfold(state, |state| async move {
            let (core, mut last, mut query, id) = state?;
            loop {
                last.borrow_and_update();
                let found = core.store.deployment_get(&id).await.ok()?;
                let ended = found.filter(|it| it.deployment.state.is_ended() && !it.on_node);
                let (lines, next) = core.store.logs().read(&id, &query).await.ok()?;
                let more = next > query.after;
                query.after = next;
                if !lines.is_empty() {
                    let items: Vec<LogItem> = lines.into_iter().map(LogItem::Line).collect();
                    return Some((stream::iter(items), Some((core, last, query, id))));
                }
                if let (Some(ended), false) = (ended, more) {
                    return Some((stream::iter(vec![LogItem::End(ended.deployment.state)]), None));
                }
                let _ = tokio::time::timeout(STATE_PERIOD, last.changed()).await;
            }
        });
        Ok(batches.flatten().boxed())
    }

    /// Whether somebody may still read a deployment's log: asked again while they follow it.
    pub async fn may_read(&self, principal: &Principal, deployment: &str) -> Result<(), Error> {
        policy::deployment(&self.0, principal, deployment, READ_DEPLOYMENT).await.map(drop)
    }
}
