//! Every deployment on its way has a node, moves when its node reports, and ends in time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::assignment::{Phase, Report, Source};
use pierhead_model::deployment::{Event, Observed, State, decide};
use pierhead_model::id::NodeId;
use pierhead_model::release::Release;
use pierhead_store::DeploymentRecord;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::lifecycle::advance;
use crate::work::WorkRecord;

/// Far more than the longest chain of events that one observation can cause.
const ROUNDS: usize = 8;

#[derive(Debug)]
pub(crate) struct Deployments(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Deployments {
    fn name(&self) -> &'static str {
        "deployments"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        for record in self.0.store.deployments_in_progress().await.stored()? {
            // One that cannot be moved must not hold up the others; it is tried again at the next activation.
            if let Err(error) = self.move_on(&record).await {
                let error = super::driver::Chain(&error).to_string();
                tracing::warn!(deployment = %record.deployment.id, error, "could not be moved");
            }
        }
        Ok(None)
    }
}

impl Deployments {
    async fn move_on(&self, record: &DeploymentRecord) -> Result<(), Error> {
        let core = &*self.0;
        let mut deployment = record.deployment.clone();
        let report = match &record.report {
            Some(report) => Some(report.clone()),
            None => ready_without_a_node(record)?,
        };
        for _ in 0..ROUNDS {
            let live = core.store.slot_live(&deployment.slot).await.stored()?;
            let observed = Observed {
                report: report.as_ref(),
                live_number: live.map(|live| live.number),
                now: core.outside.now(),
            };
            let Some(event) = decide(&deployment, observed) else { break };
            if let (Event::Released { .. }, Some(report)) = (&event, &report) {
                self.remember_release(record, report).await?;
            }
            deployment = advance(core, &deployment.id, event).await?;
        }
        let waits = deployment.state == State::Queued && deployment.node.is_none() && report.is_none();
        if waits && let Some(node) = self.choose_node(record).await? {
            advance(core, &deployment.id, Event::Placed { node }).await?;
        }
        Ok(())
    }

    async fn remember_release(&self, record: &DeploymentRecord, report: &Report) -> Result<(), Error> {
        let Some(release) = &report.release else { return Ok(()) };
        self.0
            .store
            .release_store(&record.deployment.project, release, report.plan.as_ref(), self.0.outside.now())
            .await
            .stored()
    }

    /// A node of the environment that is connected and takes new work.
    async fn choose_node(&self, record: &DeploymentRecord) -> Result<Option<NodeId>, Error> {
        let nodes = self.0.store.node_list(&record.environment_id).await.stored()?;
        let mut fitting: Vec<_> = nodes
            .into_iter()
            .filter(|node| node.schedulable)
            .filter_map(|node| self.0.fleet.connected(&node.id).map(|connected| (node.id, connected)))
            .collect();
        fitting.sort_by_key(|(_, connected)| connected.deployments.len());
        Ok(fitting.into_iter().next().map(|(id, _)| id))
    }
}

/// A site that was built before needs no node to be live: its files are stored.
fn ready_without_a_node(record: &DeploymentRecord) -> Result<Option<Report>, Error> {
    let work = WorkRecord::from_text(&record.work)?;
    let Source::Release { release: release @ Release::Site(_) } = work.source else { return Ok(None) };
    let mut report = Report::accepted(record.deployment.id.clone());
    report.phase = Phase::Healthy;
    report.release = Some(release);
    Ok(Some(report))
}
