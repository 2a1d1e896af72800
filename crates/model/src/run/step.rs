//! `step`: the one way a run changes, and the forward half of it.

use std::collections::BTreeSet;

use super::event::{Effect, Event, IdempotencyKey};
use super::plan::PlannedStep;
use super::state::{Cause, Phase, Run, StepRun, StepState, after};
use crate::Timestamp;
use crate::deployment::{Failure, Reason};
use crate::pipeline::StepName;
use crate::pipeline::definition::Kind;
use crate::pipeline::name::OutputName;

/// Applies an event. What comes back is durable before the effects are carried out, in their order.
pub fn step(run: &Run, event: Event, now: Timestamp) -> (Run, Vec<Effect>) {
    let mut machine = Machine { run: run.clone(), effects: Vec::new(), now };
    machine.take(event);
    machine.settle();
    (machine.run, machine.effects)
}

/// A run while an event is applied to it.
pub(super) struct Machine {
    pub(super) run: Run,
    pub(super) effects: Vec<Effect>,
    pub(super) now: Timestamp,
}

impl Machine {
    fn take(&mut self, event: Event) {
        match event {
            Event::Begin => self.begin(),
            Event::Prepared => self.prepared(),
            Event::NotPrepared { message } => self.not_prepared(message),
            Event::Succeeded { step, attempt, outputs } => self.succeeded(&step, attempt, outputs),
            Event::Failed { step, attempt, failure } => self.failed(&step, attempt, failure),
            Event::Stopped { step, attempt } => self.stopped(&step, attempt),
            Event::Lost { step, failure } => self.lost(&step, failure),
            Event::Undone { step, attempt } => self.undone(&step, attempt),
            Event::NotUndone { step, attempt, message } => self.not_undone(&step, attempt, message),
            Event::Cleaned => self.cleaned(),
            Event::NotCleaned { message } => self.not_cleaned(message),
            Event::Cancel => {
                if !matches!(self.run.phase, Phase::Succeeded) {
                    self.roll_back(Cause::Cancelled);
                }
            }
            Event::Delete => self.roll_back(Cause::Deleted),
            Event::Tick => self.tick(),
        }
    }

    /// Does what the state allows, until there is nothing more to start.
    pub(super) fn settle(&mut self) {
        match self.run.phase {
            Phase::Running => self.start_ready(),
            Phase::RollingBack => self.undo_next(),
            Phase::Created
            | Phase::Preparing { .. }
            | Phase::Succeeded
            | Phase::Cleaning { .. }
            | Phase::CleaningPaused { .. }
            | Phase::RolledBack => {}
        }
    }

    fn begin(&mut self) {
        if self.run.phase == Phase::Created {
            self.run.phase =
                Phase::Preparing { deadline: after(self.now, self.run.plan.policy.prepare_timeout_s) };
            self.effects.push(Effect::Prepare);
        }
    }

    fn prepared(&mut self) {
        if !matches!(self.run.phase, Phase::Preparing { .. }) {
            return;
        }
        self.run.phase = Phase::Running;
        if let Some(cause) = self.run.cause.clone() {
            self.go_back(cause);
        }
    }

    pub(super) fn not_prepared(&mut self, message: String) {
        if matches!(self.run.phase, Phase::Preparing { .. }) {
            self.run.trouble = Some(message.clone());
            self.go_back(Cause::NotPrepared { message });
        }
    }

    /// Every step that waits for nothing any more, all at once.
    fn start_ready(&mut self) {
        let is_done = |name: &StepName| {
            matches!(self.run.steps.get(name).map(|it| &it.state), Some(StepState::Done { .. }))
        };
        let is_ready = |name: &&StepName| {
            let waits = self.run.steps.get(*name).is_some_and(|it| it.state == StepState::Waiting);
            waits && self.planned(name).is_none_or(|planned| planned.needs.iter().all(is_done))
        };
        let ready: Vec<StepName> = self.run.steps.keys().filter(is_ready).cloned().collect();
        for name in ready {
            self.start(&name, 1);
        }
        if self.run.steps.values().all(|step| matches!(step.state, StepState::Done { .. })) {
            self.run.phase = Phase::Succeeded;
            self.effects.push(Effect::Finish);
        }
    }

    pub(super) fn start(&mut self, name: &StepName, attempt: u32) {
        let timeout_s = self.planned(name).map_or(0, |planned| planned.timeout_s);
        let now = self.now;
        let Some(step) = self.run.steps.get_mut(name) else { return };
        step.state = StepState::Active { attempt, deadline: after(now, timeout_s) };
        step.attempt = attempt;
        step.started_at = step.started_at.or(Some(now));
        let key = IdempotencyKey::create(&self.run.deployment, name);
        self.effects.push(Effect::Start { step: name.clone(), attempt, key });
    }

    pub(super) fn succeeded(&mut self, name: &StepName, attempt: u32, outputs: BTreeSet<OutputName>) {
        if !self.is_at_work(name, attempt) {
            return;
        }
        let ends = self.planned(name).is_some_and(PlannedStep::ends);
        if !ends && self.is_stopping(name, attempt) {
            // It became healthy, and is being stopped: it will not be for long.
            return;
        }
        let going_back = self.run.phase != Phase::Running;
        self.end(name, |step, position| {
            step.outputs = outputs;
            // A success while it was to be stopped is true all the same; on the way back it only tells what to undo.
            step.state =
                if going_back { StepState::Broken { position } } else { StepState::Done { position } };
        });
        self.discard(name, attempt);
    }

    pub(super) fn failed(&mut self, name: &StepName, attempt: u32, failure: Failure) {
        if self.is_at_work(name, attempt) {
            self.discard(name, attempt);
            self.attempt_is_over(name, attempt, Some(failure));
        }
    }

    pub(super) fn stopped(&mut self, name: &StepName, attempt: u32) {
        if self.is_stopping(name, attempt) {
            self.discard(name, attempt);
            self.attempt_is_over(name, attempt, None);
        }
    }

    /// Tries again, or gives up and starts the way back.
    fn attempt_is_over(&mut self, name: &StepName, attempt: u32, failure: Option<Failure>) {
        let Some(planned) = self.planned(name).cloned() else { return };
        let now = self.now;
        let going_back = self.run.phase != Phase::Running;
        if let Some(step) = self.run.steps.get_mut(name) {
            // What made it stop says more than how it then ended.
            let was_stopped = matches!(step.state, StepState::Stopping { .. });
            step.failure = match step.failure.take() {
                Some(reason) if was_stopped => Some(reason),
                earlier => failure.or(earlier),
            };
            if !going_back && attempt < planned.attempts {
                let until = after(now, planned.pause_s(attempt));
                step.state = StepState::Pausing { attempt: attempt + 1, until };
                return;
            }
        }
        let failure = self.end(name, |step, position| {
            step.state = StepState::Broken { position };
            step.failure.clone()
        });
        if !going_back {
            let failure = failure.flatten().unwrap_or_else(|| {
                Failure::new(Reason::Internal, "The step ended without saying why; see its log.")
            });
            self.roll_back(Cause::StepFailed { step: name.clone(), failure });
        }
    }

    pub(super) fn lost(&mut self, name: &StepName, failure: Failure) {
        let is_running = self.run.phase == Phase::Running;
        let is_service = self.planned(name).is_some_and(|planned| planned.kind == Kind::Service);
        let Some(step) = self.run.steps.get_mut(name) else { return };
        if is_running && is_service && matches!(step.state, StepState::Done { .. }) {
            step.failure = Some(failure.clone());
            self.roll_back(Cause::StepFailed { step: name.clone(), failure });
        }
    }

    /// An attempt that took too long: stopped, and judged when it is.
    pub(super) fn overdue(&mut self, name: &StepName, attempt: u32) {
        let Some(planned) = self.planned(name) else { return };
        let failure = overdue(name, planned);
        if let Some(step) = self.run.steps.get_mut(name) {
            step.failure = Some(failure);
        }
        self.stop(name, attempt);
    }

    pub(super) fn stop(&mut self, name: &StepName, attempt: u32) {
        let again_at = after(self.now, self.run.plan.policy.stop_again_s);
        if let Some(step) = self.run.steps.get_mut(name) {
            step.state = StepState::Stopping { attempt, again_at };
            self.effects.push(Effect::Stop { step: name.clone(), attempt });
        }
    }

    fn is_stopping(&self, name: &StepName, attempt: u32) -> bool {
        self.run.steps.get(name).is_some_and(
            |step| matches!(step.state, StepState::Stopping { attempt: current, .. } if current == attempt),
        )
    }

    fn is_at_work(&self, name: &StepName, attempt: u32) -> bool {
        self.run.steps.get(name).is_some_and(|step| match step.state {
            StepState::Active { attempt: current, .. } | StepState::Stopping { attempt: current, .. } => {
                current == attempt
            }
            _ => false,
        })
    }

    /// Gives a step its place in the order of ends.
    pub(super) fn end<T>(
        &mut self,
        name: &StepName,
        change: impl FnOnce(&mut StepRun, u32) -> T,
    ) -> Option<T> {
        let step = self.run.steps.get_mut(name)?;
        let position = self.run.ended;
        self.run.ended += 1;
        step.ended_at = Some(self.now);
        Some(change(step, position))
    }

    /// The container of a service that started goes on; every other has told what it had to.
    pub(super) fn discard(&mut self, name: &StepName, attempt: u32) {
        if self.planned(name).is_some_and(PlannedStep::ends) {
            self.effects.push(Effect::Discard { step: name.clone(), attempt });
        }
    }

    pub(super) fn planned(&self, name: &StepName) -> Option<&PlannedStep> {
        self.run.plan.steps.get(name)
    }
}

fn overdue(name: &StepName, planned: &PlannedStep) -> Failure {
    let limit_s = planned.timeout_s;
    match planned.kind {
        Kind::Plugin => Failure::new(
            Reason::PluginTimeout { limit_s },
            format!("`{name}` did not end within {limit_s} s. See its log, or raise its `timeout_s`."),
        ),
        Kind::Build => Failure::new(
            Reason::BuildTimeout { limit_s },
            format!("`{name}` was not built within {limit_s} s. See its log, or raise its `timeout_s`."),
        ),
        Kind::Service | Kind::Site => Failure::new(
            Reason::StartupTimeout { limit_s },
            format!("`{name}` was not healthy within {limit_s} s. See its log and its health check."),
        ),
    }
}
