//! The way back: stop what runs, undo what was made, clean up, and end only then.

use super::event::{Effect, IdempotencyKey};
use super::state::{Cause, Phase, StepState, after};
use super::step::Machine;
use crate::pipeline::StepName;

impl Machine {
    /// Starts the way back, unless it has begun or ended. The first cause stays.
    ///
    /// While network and volumes are being made it only notes the cause: what is made during the cleaning would be left.
    pub(super) fn roll_back(&mut self, cause: Cause) {
        match self.run.phase {
            Phase::Created | Phase::Running | Phase::Succeeded => self.go_back(cause),
            Phase::Preparing { .. } => {
                self.run.cause.get_or_insert(cause);
            }
            Phase::RollingBack
            | Phase::Cleaning { .. }
            | Phase::CleaningPaused { .. }
            | Phase::RolledBack => {}
        }
    }

    pub(super) fn go_back(&mut self, cause: Cause) {
        self.run.cause.get_or_insert(cause);
        self.run.phase = Phase::RollingBack;
        let names: Vec<StepName> = self.run.steps.keys().cloned().collect();
        for name in names {
            let state = self.run.steps.get(&name).map(|step| step.state.clone());
            match state {
                Some(StepState::Waiting) => {
                    if let Some(step) = self.run.steps.get_mut(&name) {
                        step.state = StepState::Skipped;
                    }
                }
                Some(StepState::Active { attempt, .. }) => self.stop(&name, attempt),
                Some(StepState::Pausing { .. }) => {
                    self.end(&name, |step, position| step.state = StepState::Broken { position });
                }
                _ => {}
            }
        }
    }

    /// When nothing runs and nothing is being undone: the next to undo, the one that ended last. After all, the cleaning.
    pub(super) fn undo_next(&mut self) {
        let is_busy = |state: &StepState| {
            matches!(
                state,
                StepState::Stopping { .. } | StepState::Undoing { .. } | StepState::UndoPausing { .. }
            )
        };
        if self.run.steps.values().any(|step| is_busy(&step.state)) {
            return;
        }
        let last = self.run.steps.iter().filter_map(|(name, step)| match step.state {
            StepState::Done { position } | StepState::Broken { position } => Some((position, name)),
            _ => None,
        });
        match last.max().map(|(_, name)| name.clone()) {
            Some(name) => self.undo(&name, 1),
            None => self.clean(1),
        }
    }

    pub(super) fn undo(&mut self, name: &StepName, attempt: u32) {
        let deadline = after(self.now, self.run.plan.policy.undo_timeout_s);
        if let Some(step) = self.run.steps.get_mut(name) {
            step.state = StepState::Undoing { attempt, deadline };
            let destroy = self.planned(name).is_some_and(|planned| planned.destroys);
            let key = IdempotencyKey::destroy(&self.run.deployment, name);
            self.effects.push(Effect::Undo { step: name.clone(), attempt, key, destroy });
        }
    }

    /// An attempt to undo that is over time may yet succeed while the next one waits: that is as good.
    fn is_being_undone(&self, name: &StepName, attempt: u32) -> bool {
        self.run.steps.get(name).is_some_and(|step| match step.state {
            StepState::Undoing { attempt: current, .. } => current == attempt,
            StepState::UndoPausing { attempt: next, .. } => next == attempt.saturating_add(1),
            StepState::LeftOver => true,
            _ => false,
        })
    }

    pub(super) fn undone(&mut self, name: &StepName, attempt: u32) {
        if self.is_being_undone(name, attempt)
            && let Some(step) = self.run.steps.get_mut(name)
        {
            step.state = StepState::Undone;
        }
    }

    pub(super) fn not_undone(&mut self, name: &StepName, attempt: u32, message: String) {
        let policy = self.run.plan.policy;
        let destroys = self.planned(name).is_some_and(|planned| planned.destroys);
        let now = self.now;
        let Some(step) = self.run.steps.get_mut(name) else { return };
        let is_current =
            matches!(step.state, StepState::Undoing { attempt: current, .. } if current == attempt);
        if !is_current {
            return;
        }
        step.undo_failure = Some(message);
        step.state = if destroys && attempt >= policy.destroy_attempts {
            StepState::LeftOver
        } else {
            let until = after(now, policy.undo_pause_s(attempt));
            StepState::UndoPausing { attempt: attempt.saturating_add(1), until }
        };
    }

    pub(super) fn clean(&mut self, attempt: u32) {
        let deadline = after(self.now, self.run.plan.policy.undo_timeout_s);
        self.run.phase = Phase::Cleaning { attempt, deadline };
        self.effects.push(Effect::Clean);
    }

    pub(super) fn cleaned(&mut self) {
        if matches!(self.run.phase, Phase::Cleaning { .. } | Phase::CleaningPaused { .. }) {
            self.run.phase = Phase::RolledBack;
            self.effects.push(Effect::Finish);
        }
    }

    pub(super) fn not_cleaned(&mut self, message: String) {
        if let Phase::Cleaning { attempt, .. } = self.run.phase {
            self.run.trouble = Some(message);
            let until = after(self.now, self.run.plan.policy.undo_pause_s(attempt));
            self.run.phase = Phase::CleaningPaused { attempt: attempt.saturating_add(1), until };
        }
    }
}
