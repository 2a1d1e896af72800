//! Every deployment on its way has a node, moves when its node reports, and ends in time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::assignment::{Phase, Report, Source};
use pierhead_model::deployment::{Deployment, Event, Failure, Observed, Reason, Reservation, State, decide};
use pierhead_model::placement::{Need, place};
use pierhead_model::release::Release;
use pierhead_model::spread::{NodeShare, Spread, spread};
use pierhead_store::DeploymentRecord;

use super::Reconciler;
use crate::builds::is_built;
use crate::capacity;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::lifecycle::advance;
use crate::shares;
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
        let records = self.0.store.deployments_in_progress().await.stored()?;
        let (mut building, mut waiting, mut in_line) = (Vec::new(), Vec::new(), Vec::new());
        for record in &records {
            // One that cannot be moved must not hold up the others; it is tried again at the next activation.
            match self.move_on(record).await {
                Ok(Moved::On(deployment)) => building.push((record, deployment)),
                Ok(Moved::NeedsNode) => waiting.push(record),
                Ok(Moved::InLine) => in_line.push(record),
                Err(error) => {
                    complain(record, &error);
                    building.push((record, Box::new(record.deployment.clone())));
                }
            }
        }
        for record in waiting {
            if let Err(error) = self.place(record).await {
                complain(record, &error);
            }
        }
        if self.0.builds.limit().is_some() {
            building.retain(|(record, _)| is_built(record).unwrap_or(true));
            let building = building.iter().map(|(_, deployment)| &**deployment);
            self.0.builds.observe(building, |node| self.0.fleet.is_online(node), self.0.outside.now());
            self.let_in(in_line).await;
        }
        Ok(None)
    }
}

/// What became of one that was looked at.
enum Moved {
    On(Box<Deployment>),
    /// It waits for a node with room.
    NeedsNode,
    /// The same, when it may be built: there is a limit over all nodes.
    InLine,
}

fn complain(record: &DeploymentRecord, error: &Error) {
    let error = super::driver::Chain(error).to_string();
    tracing::warn!(deployment = %record.deployment.id, error, "could not be moved");
}

impl Deployments {
    /// Gives nodes to those whose turn it is to be built. One that no node takes holds up nobody.
    async fn let_in(&self, mut in_line: Vec<&DeploymentRecord>) {
        let builds = &self.0.builds;
        while builds.has_room() {
            let Some(next) = builds.next(&in_line) else { return };
            let record = in_line.remove(next);
            match self.place(record).await {
                Ok(true) => builds.begin(&record.deployment.project),
                // It waits for a node now, and that not for ever.
                Ok(false) => {
                    let late = record.deployment.deadline.is_some_and(|it| it <= self.0.outside.now());
                    if late && let Err(error) = self.end_late(record).await {
                        complain(record, &error);
                    }
                }
                Err(error) => complain(record, &error),
            }
        }
    }

    async fn end_late(&self, record: &DeploymentRecord) -> Result<(), Error> {
        let now = self.0.outside.now();
        let observed = Observed { report: None, shares: &[], live_number: None, now };
        match decide(&record.deployment, observed) {
            Some(event) => advance(&self.0, &record.deployment.id, event).await.map(drop),
            None => Ok(()),
        }
    }

    async fn move_on(&self, record: &DeploymentRecord) -> Result<Moved, Error> {
        let core = &*self.0;
        let mut deployment = record.deployment.clone();
        let in_line = deployment.state == State::Queued
            && deployment.node.is_none()
            && core.builds.limit().is_some()
            && is_built(record)?;
        if in_line {
            // Who waits for a turn is not late.
            deployment.deadline = None;
        }
        let report = match &record.report {
            Some(report) => Some(report.clone()),
            None => ready_without_a_node(record)?,
        };
        for _ in 0..ROUNDS {
            let live = core.store.slot_live(&deployment.slot).await.stored()?;
            let shares: Vec<_> = record.shares.iter().map(|share| share.report.as_ref()).collect();
            let observed = Observed {
                report: report.as_ref(),
                shares: &shares,
                live_number: live.map(|live| live.number),
                now: core.outside.now(),
            };
            let Some(event) = decide(&deployment, observed) else { break };
            if let (Event::Released { .. }, Some(report)) = (&event, &report) {
                self.remember_release(record, report).await?;
            }
            deployment = advance(core, &deployment.id, event).await?;
        }
        if deployment.state == State::Queued && deployment.node.is_none() && report.is_none() {
            return Ok(match (deployment.cancel_requested_at, in_line) {
                (Some(_), _) => Moved::On(Box::new(deployment)),
                (None, true) => Moved::InLine,
                (None, false) => Moved::NeedsNode,
            });
        }
        if report.is_some_and(|report| report.handed.is_some()) {
            // The other nodes may begin.
            for share in record.shares.iter().filter(|share| share.on_node && share.report.is_none()) {
                core.fleet.wake(&share.node);
            }
        }
        Ok(Moved::On(Box::new(deployment)))
    }

    /// Gives it to a node with room. Without any node that is connected and takes work it waits; when none of those has room
    /// it fails at once, with the numbers. Whether it has a node now.
    async fn place(&self, record: &DeploymentRecord) -> Result<bool, Error> {
        let core = &*self.0;
        let limits = &record.deployment.limits;
        let work = WorkRecord::from_text(&record.work)?;
        let candidates = capacity::candidates(core, &record.environment_id).await?;
        let chosen = match &work.source {
            Source::Pipeline { work: run } => spread(&run.pipeline, &work.limits, &candidates),
            Source::Git { .. } | Source::Files { .. } | Source::Image { .. } | Source::Release { .. } => {
                let need = Need {
                    memory_mb: limits.memory_mb.into(),
                    cpu: limits.cpu,
                    widest_cpu: limits.cpu,
                    build_memory_mb: limits.build_memory_mb.into(),
                };
                place(need, &candidates).map(|chosen| chosen.map(|node| Spread::on(node.node.clone())))
            }
        };
        let event = match chosen {
            Ok(Some(Spread { leader, shares: parts })) => {
                let whole = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
                let share = |NodeShare { node, replicas, room }: NodeShare| {
                    let (memory_mb, cpu_milli) = (whole(room.memory_mb), whole(room.cpu_milli));
                    let reserved = Reservation { memory_mb, cpu_milli };
                    shares::new(core, &record.deployment.id, (node, replicas), reserved)
                };
                let planned: Vec<_> = parts.into_iter().map(share).collect();
                if !planned.is_empty() {
                    core.store.shares_plan(&record.deployment.id, &planned).await.stored()?;
                    pierhead_model::crash_point!("control.shares_planned");
                }
                Event::Placed { node: leader }
            }
            Ok(None) => return Ok(false),
            Err(no_room) => Event::Failed(Failure::new(Reason::NoCapacity, no_room.to_string())),
        };
        Ok(advance(core, &record.deployment.id, event).await?.node.is_some())
    }

    async fn remember_release(&self, record: &DeploymentRecord, report: &Report) -> Result<(), Error> {
        let Some(release) = &report.release else { return Ok(()) };
        self.0
            .store
            .release_store(&record.deployment.project, release, report.plan.as_ref(), self.0.outside.now())
            .await
            .stored()
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
