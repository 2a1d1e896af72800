//! What the reports of nodes say beside what is stored of them: that a service was started again, fell asleep, or woke up.

use std::collections::HashMap;

use pierhead_model::Timestamp;
use pierhead_model::assignment::{InstanceReport, Phase, Report};
use pierhead_model::figures::Usage;
use pierhead_model::id::{DeploymentId, SlotId};
use pierhead_model::sleep::Rest;
use pierhead_store::FiguresOf;

use super::{Recorder, seconds};

/// The one service of a project with a repository.
pub(crate) const SERVICE: &str = "service";

/// Deployments that are remembered. Beyond that all are forgotten: the next report of each begins anew.
const MOST: usize = 20_000;

/// What was known of each deployment by its last report.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<DeploymentId, Last>);

#[derive(Debug, Default)]
struct Last {
    /// Times that each service was started again, and how many of them for want of memory.
    restarts: HashMap<String, (u32, u32)>,
    rest: Rest,
}

/// What is new in a report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// It rests as deeply as this now, and did not before or it is not known.
    pub(crate) rest: Option<Rest>,
    /// Its service is there, awake.
    pub(crate) is_awake: bool,
}

impl Recorder {
    /// Takes a report, and says what is new.
    pub(crate) fn reported(&self, slot: &SlotId, report: &Report, now: Timestamp) -> News {
        let rest = match (&report.instance, report.phase) {
            (Some(instance), Phase::Healthy) => instance.rest.rest,
            _ => Rest::Awake,
        };
        let instance = report.instance.iter().map(|instance| (SERVICE.to_owned(), instance));
        let named = report.services.iter().map(|(name, instance)| (name.to_string(), instance));
        let restarts: HashMap<String, (u32, u32)> =
            instance.chain(named).map(|(name, it)| (name, (it.restarts, it.oom_kills))).collect();
        let mut state = self.state.lock();
        if state.known.0.len() >= MOST {
            state.known.0.clear();
        }
        let ended = matches!(report.phase, Phase::Failed | Phase::Stopped);
        let last = match ended {
            true => state.known.0.remove(&report.deployment),
            false => {
                state.known.0.insert(report.deployment.clone(), Last { restarts: restarts.clone(), rest })
            }
        };
        if let Some(last) = &last {
            for (service, (count, oom)) in restarts {
                let (known, known_oom) = last.restarts.get(&service).copied().unwrap_or_default();
                let (restarts, oom_kills) = (count.saturating_sub(known), oom.saturating_sub(known_oom));
                if restarts == 0 && oom_kills == 0 {
                    continue;
                }
                let more = Usage {
                    restarts: u64::from(restarts),
                    oom_kills: u64::from(oom_kills),
                    ..Usage::default()
                };
                if let Some(figures) = state.at(FiguresOf::Slot(slot.clone()), seconds(now), now) {
                    figures.usage.entry(service).or_default().add(&more);
                }
            }
        }
        let is_new = last.is_none_or(|last| last.rest != rest);
        let there =
            |instance: &InstanceReport| instance.address.is_some() && instance.rest.rest == Rest::Awake;
        let is_awake = report.phase == Phase::Healthy && report.instance.as_ref().is_some_and(there);
        News { rest: is_new.then_some(rest), is_awake }
    }
}
