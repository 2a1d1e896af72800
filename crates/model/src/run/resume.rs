//! After a crash: what is there, by name, decides how each step goes on.
//!
//! The state is written before its effects are carried out, and read again before this is asked. So an order may not have
//! been carried out (then it is given again, with the same key), its result may not have been heard (then it is read from the
//! container, which is removed only after its result is durable), or it is still being carried out (then it is watched).

use std::collections::{BTreeMap, BTreeSet};

use super::event::Effect;
use super::state::{Phase, Run, StepState};
use super::step::Machine;
use crate::Timestamp;
use crate::deployment::{Failure, Reason};
use crate::pipeline::StepName;
use crate::pipeline::definition::Kind;
use crate::pipeline::name::OutputName;

/// What was found on the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// A step that is not listed has nothing.
    pub steps: BTreeMap<StepName, StepObserved>,
}

/// What was found of a step. For a service `work` is about all of its containers: missing or exited if any is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepObserved {
    /// The container of the current attempt.
    pub work: Observation,
    /// The container of the current attempt to undo.
    pub undo: Observation,
}

/// What was found of a container, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Observation {
    #[default]
    Missing,
    Running,
    Exited(Ended),
}

/// How a container ended, from its exit code and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Succeeded { outputs: BTreeSet<OutputName> },
    Failed(Failure),
}

/// Goes on after a crash. May be called at any time and any number of times; what is underway is not started twice.
pub fn resume(run: &Run, observed: &Observed, now: Timestamp) -> (Run, Vec<Effect>) {
    let mut machine = Machine { run: run.clone(), effects: Vec::new(), now };
    match run.phase {
        Phase::Preparing { .. } => machine.effects.push(Effect::Prepare),
        Phase::Cleaning { .. } => machine.effects.push(Effect::Clean),
        Phase::Succeeded | Phase::RolledBack => machine.effects.push(Effect::Finish),
        Phase::Created | Phase::Running | Phase::RollingBack | Phase::CleaningPaused { .. } => {}
    }
    let nothing = StepObserved::default();
    let found = |name: &StepName| observed.steps.get(name).unwrap_or(&nothing);
    // First everything that is over, because it may start the way back; then orders for what goes on as it was.
    for name in run.steps.keys() {
        machine.hear(name, found(name));
    }
    for (name, before) in &run.steps {
        if machine.run.steps.get(name).is_some_and(|step| step.state == before.state) {
            machine.order_again(name, found(name));
        }
    }
    machine.tick();
    machine.settle();
    (machine.run, machine.effects)
}

impl Machine {
    /// Takes over what the containers tell that was not heard.
    fn hear(&mut self, name: &StepName, found: &StepObserved) {
        let Some(step) = self.run.steps.get(name) else { return };
        match (step.state.clone(), &found.work, &found.undo) {
            (StepState::Active { attempt, .. } | StepState::Stopping { attempt, .. }, work, _) => {
                match work {
                    Observation::Exited(ended) => self.ended(name, attempt, ended),
                    Observation::Missing => self.stopped(name, attempt),
                    Observation::Running => {}
                }
            }
            (StepState::Done { .. }, work, _) => self.hear_done(name, work),
            (StepState::Undoing { attempt, .. }, _, Observation::Exited(Ended::Succeeded { .. })) => {
                self.undone(name, attempt);
            }
            (StepState::Undoing { attempt, .. }, _, Observation::Exited(Ended::Failed(failure))) => {
                self.not_undone(name, attempt, failure.detail.clone());
            }
            // Containers of earlier attempts are removed with the step, or by the cleaning at the end.
            _ => {}
        }
    }

    /// Orders what is not underway once more, and watches what is.
    fn order_again(&mut self, name: &StepName, found: &StepObserved) {
        let Some(state) = self.run.steps.get(name).map(|step| step.state.clone()) else { return };
        match state {
            StepState::Active { attempt, .. } if found.work == Observation::Running => {
                self.effects.push(Effect::Watch { step: name.clone(), attempt });
            }
            StepState::Active { attempt, .. } => self.start(name, attempt),
            StepState::Stopping { attempt, .. } => self.stop(name, attempt),
            StepState::Undoing { attempt, .. } if found.undo == Observation::Running => {
                self.effects.push(Effect::WatchUndo { step: name.clone(), attempt });
            }
            StepState::Undoing { attempt, .. } => self.undo(name, attempt),
            _ => {}
        }
    }

    fn ended(&mut self, name: &StepName, attempt: u32, ended: &Ended) {
        match ended {
            Ended::Succeeded { outputs } => self.succeeded(name, attempt, outputs.clone()),
            Ended::Failed(failure) => self.failed(name, attempt, failure.clone()),
        }
    }

    /// A plugin's container has told what it had to; a service must still be there while others count on it.
    fn hear_done(&mut self, name: &StepName, work: &Observation) {
        let kind = self.planned(name).map(|planned| planned.kind);
        match (kind, work) {
            (Some(Kind::Service), Observation::Missing) => {
                let detail = format!("`{name}` was gone after a restart. Redeploy.");
                self.lost(name, Failure::new(Reason::StartFailed { exit_code: None }, detail));
            }
            (Some(Kind::Service), Observation::Exited(Ended::Failed(failure))) => {
                self.lost(name, failure.clone());
            }
            (Some(Kind::Service), Observation::Exited(Ended::Succeeded { .. })) => {
                let detail = format!("`{name}` had ended, though a service keeps running. Redeploy.");
                self.lost(name, Failure::new(Reason::StartFailed { exit_code: Some(0) }, detail));
            }
            (Some(Kind::Service), Observation::Running) => {}
            (_, Observation::Missing) => {}
            (_, Observation::Running | Observation::Exited(_)) => {
                let attempt = self.run.steps.get(name).map_or(0, |step| step.attempt);
                self.discard(name, attempt);
            }
        }
    }
}
