//! What is run. Made from one version of a pipeline when the deployment starts; nothing that is edited later reaches it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limit::Limits;
use crate::pipeline::definition::{Kind, Step};
use crate::pipeline::plugin::{DEFAULT_TIMEOUT_S, Plugins};
use crate::pipeline::{Graph, Pipeline, StepName};

/// A plan, fixed for the whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: BTreeMap<StepName, PlannedStep>,
    /// From the start to success; when it is over, the run is rolled back.
    pub timeout_s: u32,
    pub policy: Policy,
}

/// What the machine needs to know of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub kind: Kind,
    /// Directly, for whatever reason.
    pub needs: BTreeSet<StepName>,
    /// Of one attempt: until the end of a build or plugin, until a service is healthy.
    pub timeout_s: u32,
    /// The first one included.
    pub attempts: u32,
    /// Before the second attempt; doubled before each later one.
    pub delay_s: u32,
    /// A plugin that is asked to undo what it made outside of the platform.
    pub destroys: bool,
}

/// Times of the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// To make network and volumes.
    pub prepare_timeout_s: u32,
    /// After which the order to stop a container is repeated.
    pub stop_again_s: u32,
    /// Of one attempt to undo.
    pub undo_timeout_s: u32,
    /// Between two attempts to undo: doubled each time, up to the maximum.
    pub undo_delay_s: u32,
    pub undo_delay_max_s: u32,
    /// After so many a plugin's `destroy` is given up. Everything else is undone until it succeeds.
    pub destroy_attempts: u32,
}

impl Default for Policy {
    /// A destroy is tried for about 40 minutes: longer than a database server restarts, shorter than anybody's patience.
    fn default() -> Self {
        Self {
            prepare_timeout_s: 120,
            stop_again_s: 60,
            undo_timeout_s: 300,
            undo_delay_s: 2,
            undo_delay_max_s: 300,
            destroy_attempts: 15,
        }
    }
}

/// The pipeline cannot be run; validation would have said so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRunnable {
    #[error("these steps wait for each other: {0:?}")]
    Cycle(Vec<StepName>),
    #[error("`{step}` needs `{needs}`, which does not exist")]
    NoSuchStep { step: StepName, needs: StepName },
    #[error("`{step}` uses a plugin that is not registered any more")]
    NoSuchPlugin { step: StepName },
}

impl Plan {
    /// The plan of a pipeline. `limits` fill in what its steps do not set.
    pub fn of(pipeline: &Pipeline, plugins: &dyn Plugins, limits: &Limits) -> Result<Self, NotRunnable> {
        let graph = Graph::of(pipeline);
        if let Some(cycle) = graph.stuck().cycles.into_iter().next() {
            return Err(NotRunnable::Cycle(cycle));
        }
        let mut steps = BTreeMap::new();
        for (name, step) in &pipeline.steps {
            if let Some(needs) = step.needs().iter().find(|need| !pipeline.steps.contains_key(*need)) {
                return Err(NotRunnable::NoSuchStep { step: name.clone(), needs: needs.clone() });
            }
            let mut planned = PlannedStep {
                kind: step.kind(),
                needs: graph.needs(name).map(|(other, _)| other.clone()).collect(),
                timeout_s: limits.startup_timeout_s,
                attempts: 1,
                delay_s: 0,
                destroys: false,
            };
            match step {
                Step::Build(build) => planned.timeout_s = build.timeout_s.unwrap_or(limits.build_timeout_s),
                Step::Service(service) => {
                    planned.timeout_s = service.startup_timeout_s.unwrap_or(limits.startup_timeout_s);
                }
                Step::Site(_) => {}
                Step::Plugin(plugin) => {
                    let declared = plugins
                        .plugin(&plugin.image)
                        .ok_or_else(|| NotRunnable::NoSuchPlugin { step: name.clone() })?;
                    let declared_timeout_s =
                        if declared.timeout_s == 0 { DEFAULT_TIMEOUT_S } else { declared.timeout_s };
                    planned.timeout_s = plugin.timeout_s.unwrap_or(declared_timeout_s);
                    planned.attempts = plugin.retry.attempts.max(1);
                    planned.delay_s = plugin.retry.delay_s;
                    planned.destroys = declared.destroys;
                }
            }
            steps.insert(name.clone(), planned);
        }
        let policy = Policy::default();
        let timeout_s = longest(&steps).saturating_add(policy.prepare_timeout_s).saturating_add(300);
        Ok(Self { steps, timeout_s, policy })
    }
}

/// The time of all attempts of all steps, one after the other: no run that is within its limits takes longer. The deadline of
/// a whole run is only there so that no mistake anywhere can keep one for ever.
fn longest(steps: &BTreeMap<StepName, PlannedStep>) -> u32 {
    steps
        .values()
        .map(|step| {
            let pauses = (1..step.attempts).map(|attempt| step.pause_s(attempt)).fold(0, u32::saturating_add);
            step.timeout_s.saturating_mul(step.attempts).saturating_add(pauses)
        })
        .fold(0, u32::saturating_add)
}

impl PlannedStep {
    /// Whether its container ends by itself, and tells by that how it went.
    pub const fn ends(&self) -> bool {
        matches!(self.kind, Kind::Plugin | Kind::Build)
    }

    /// How long to wait after a failed attempt, counted from 1.
    pub fn pause_s(&self, failed_attempt: u32) -> u32 {
        doubled(self.delay_s, failed_attempt, 3_600)
    }
}

impl Policy {
    /// How long to wait after a failed attempt to undo, counted from 1.
    pub fn undo_pause_s(&self, failed_attempt: u32) -> u32 {
        doubled(self.undo_delay_s, failed_attempt, self.undo_delay_max_s)
    }
}

fn doubled(first: u32, attempt: u32, maximum: u32) -> u32 {
    let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor.max(1)).min(maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let policy = Policy::default();
        let pauses: Vec<_> = [1, 2, 3, 9, 40, u32::MAX].map(|attempt| policy.undo_pause_s(attempt)).into();
        assert_eq!(pauses, [2, 4, 8, 300, 300, 300]);
        let total: u32 = (1..policy.destroy_attempts).map(|attempt| policy.undo_pause_s(attempt)).sum();
        assert!((1_800..3_600).contains(&total), "{total}");
    }
}
