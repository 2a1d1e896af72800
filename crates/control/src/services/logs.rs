//! Logs of deployments: read, searched, followed.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use pierhead_model::deployment::State;
use pierhead_model::id::DeploymentId;
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

/// Which log is meant.
#[derive(Debug, Clone, Copy)]
pub struct LogOf<'l> {
    pub deployment: &'l str,
    /// Of a deployment whose replicas are on several nodes: the name or id of one. Each has a log of its own, and nothing said
    /// means the one that leads.
    pub node: Option<&'l str>,
}

impl Logs {
    pub async fn read(
        &self,
        principal: &Principal,
        of: LogOf<'_>,
        mut query: LogQuery,
    ) -> Result<LogPage, Error> {
        let (_, log) = self.find(principal, of).await?;
        query.limit = query.limit.clamp(1, MAXIMUM);
        let (lines, next) = self.0.store.logs().read(&log, &query).await.stored()?;
        Ok(LogPage { lines, next })
    }

    /// The deployment, and under which id its log is kept.
    async fn find(
        &self,
        principal: &Principal,
        of: LogOf<'_>,
    ) -> Result<(DeploymentId, DeploymentId), Error> {
        let record = policy::deployment(&self.0, principal, of.deployment, READ_DEPLOYMENT).await?;
        let id = record.deployment.id;
        let Some(name) = of.node else { return Ok((id.clone(), id)) };
        let absent = || Error::not_found("log of this deployment on the node", name);
        let node = self.0.store.node_find(name).await.stored()?.ok_or_else(absent)?;
        if record.deployment.node.as_ref() == Some(&node.id) {
            return Ok((id.clone(), id));
        }
        let share = record.shares.into_iter().find(|share| share.node == node.id).ok_or_else(absent)?;
        Ok((id, share.id))
    }

    /// What is there, and then what comes, until the deployment has ended and everything was told.
    pub async fn follow(
        &self,
        principal: &Principal,
        of: LogOf<'_>,
        mut query: LogQuery,
    ) -> Result<BoxStream<'static, LogItem>, Error> {
        let ids = self.find(principal, of).await?;
        query.limit = MAXIMUM;
        let (core, last) = (Arc::clone(&self.0), self.0.store.logs().follow(&ids.1).await.stored()?);
        let state = Some((core, last, query, ids));
        let batches = stream::unfold(state, |state| async move {
            let (core, mut last, mut query, (id, log)) = state?;
            loop {
                last.borrow_and_update();
                let found = core.store.deployment_get(&id).await.ok()?;
                let ended = found.filter(|it| it.deployment.state.is_ended() && !it.is_somewhere());
                let (lines, next) = core.store.logs().read(&log, &query).await.ok()?;
                let more = next > query.after;
                query.after = next;
                if !lines.is_empty() {
                    let items: Vec<LogItem> = lines.into_iter().map(LogItem::Line).collect();
                    return Some((stream::iter(items), Some((core, last, query, (id, log)))));
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
