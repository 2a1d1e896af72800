//! What nobody needs sleeps; see [`crate::sleepers`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::assignment::Phase;
use pierhead_model::deployment::State;
use pierhead_model::health::HealthKind;
use pierhead_model::release::Release;
use pierhead_model::sleep::{changes_in, idle_of};
use pierhead_store::DeploymentFilter;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::work::WorkRecord;

/// The shortest wait: what is due a moment later is as good as due now.
const SOON: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Sleep(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Sleep {
    fn name(&self) -> &'static str {
        "sleep"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let core = &*self.0;
        if core.ingresses.connected() == 0 {
            // Nobody could say that a service is needed.
            return Ok(None);
        }
        let filter = DeploymentFilter { states: vec![State::Production], ..DeploymentFilter::default() };
        let live = core.store.deployment_list(&filter, u64::from(u32::MAX)).await.stored()?;
        let patience = core.store.projects_sleep_after().await.stored()?;
        let mut known = std::collections::HashSet::with_capacity(live.len());
        let (mut changed, mut next) = (false, None::<Duration>);
        for record in &live {
            let deployment = &record.deployment;
            known.insert(deployment.id.clone());
            let sleeps = matches!(record.release, Some(Release::Service(_) | Release::Image(_)));
            let report = record.report.as_ref().filter(|report| report.phase == Phase::Healthy);
            let instance = report.and_then(|report| report.instance.as_ref());
            let (true, Some(instance), Some(node)) = (sleeps, instance, &deployment.node) else { continue };
            // One without a port works for nobody who could wake it.
            let is_visited = WorkRecord::from_text(&record.work)?.health.kind != HealthKind::Process;
            let after = patience.get(&deployment.project).copied().filter(|_| is_visited).unwrap_or_default();
            let now = core.outside.now();
            let (is_new, idle) = core.sleepers.compare(&deployment.id, node, instance.rest, after, now);
            changed |= is_new;
            let ordered = core.sleepers.order(&deployment.id, instance.rest);
            let wait = changes_in(idle.max(idle_of(ordered.rest, after)), after);
            next = [next, wait].into_iter().flatten().min();
            if is_new || ordered.number != instance.rest.number {
                core.fleet.wake(node);
            }
        }
        core.sleepers.keep(|deployment| known.contains(deployment));
        if changed {
            core.signals.routes.raise();
        }
        Ok(next.map(|wait| wait.max(SOON)))
    }
}

/// Tells nodes whom somebody waits for, without looking at anything else first.
pub(crate) fn wake(core: &Core) {
    let woken = core.sleepers.take_woken();
    let is_anybody_awake = !woken.is_empty();
    for (node, deployment, order) in woken {
        core.fleet.rest(&node, deployment, order);
    }
    core.signals.routes.raise();
    // When it may sleep again is counted from now on.
    if is_anybody_awake || core.sleepers.any_early() {
        core.signals.sleep.raise();
    }
}
