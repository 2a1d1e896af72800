//! What a node says of what runs there, as figures over time.

use std::collections::HashMap;
use std::time::Duration;

use pierhead_model::assignment::Report;
use pierhead_model::id::{DeploymentId, NodeId, SlotId};
use pierhead_model::sleep::RestOrder;
use pierhead_wire::agent_to_control::{DeploymentUsage, MachineUsage};
use tokio::time::Instant;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// A measurement stands for the time since the one before it, but not for a long silence.
const LONGEST: Duration = Duration::from_secs(30);

/// Of one session.
#[derive(Debug, Default)]
pub(super) struct Measured {
    last: Option<Instant>,
    /// The slots of what the node runs; `None` for what is in none any more.
    slots: HashMap<DeploymentId, Option<SlotId>>,
}

impl Measured {
    /// What the machine and the services on it used since the message before.
    pub(super) async fn used(
        &mut self,
        core: &Core,
        node: &NodeId,
        (machine, deployments): (&MachineUsage, &[DeploymentUsage]),
        told: impl Fn(&DeploymentId) -> bool,
    ) -> Result<(), Error> {
        let now = Instant::now();
        let before = self.last.replace(now);
        let Some(during) = before.map(|before| (now - before).min(LONGEST)) else { return Ok(()) };
        let during_ms = u64::try_from(during.as_millis()).unwrap_or_default();
        let at = core.outside.now();
        if let Some(has) = core.fleet.machine(node) {
            core.figures.machine_used(node, (&has, machine), during_ms, at);
        }
        self.slots.retain(|deployment, _| told(deployment));
        for usage in deployments.iter().filter(|usage| !usage.services.is_empty() && told(&usage.deployment))
        {
            let Some(slot) = self.slot_of(core, &usage.deployment).await? else { continue };
            for service in &usage.services {
                core.figures.used(&slot, service, during_ms, at);
            }
        }
        Ok(())
    }

    /// Notes that services were started again, fell asleep, or woke up.
    pub(super) async fn reported(&mut self, core: &Core, report: &Report) -> Result<(), Error> {
        let Some(slot) = self.slot_of(core, &report.deployment).await? else { return Ok(()) };
        let now = core.outside.now();
        let news = core.figures.reported(&slot, report, now);
        if let Some(rest) = news.rest {
            core.store.rest_changed(&slot, &report.deployment, rest, now).await.stored()?;
        }
        let order = report.instance.as_ref().map_or_else(RestOrder::default, |instance| instance.rest);
        if news.is_awake
            && let Some(waited) = core.sleepers.answers(&report.deployment, order, now)
        {
            core.figures.woke(&slot, u64::try_from(waited.as_millis()).unwrap_or_default(), now);
        }
        Ok(())
    }

    /// What a node calls a deployment may be its share of one.
    async fn slot_of(&mut self, core: &Core, known_as: &DeploymentId) -> Result<Option<SlotId>, Error> {
        if let Some(known) = self.slots.get(known_as) {
            return Ok(known.clone());
        }
        let share = core.store.share_get(known_as).await.stored()?;
        let deployment = share.map_or_else(|| known_as.clone(), |share| share.deployment);
        let slot = core.store.deployment_slot(&deployment).await.stored()?;
        self.slots.insert(known_as.clone(), slot.clone());
        Ok(slot)
    }
}
