//! Time: what is overdue, and when to look again.

use super::state::{Cause, Phase, Run, StepState};
use super::step::Machine;
use crate::Timestamp;
use crate::pipeline::StepName;

impl Run {
    /// When a [`super::Event::Tick`] is due, if ever.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let of_phase = match &self.phase {
            Phase::Preparing { deadline } => Some((*deadline).min(self.deadline)),
            Phase::Created | Phase::Running => Some(self.deadline),
            Phase::Cleaning { deadline, .. } => Some(*deadline),
            Phase::CleaningPaused { until, .. } => Some(*until),
            Phase::Succeeded | Phase::RollingBack | Phase::RolledBack => None,
        };
        let of_step = |state: &StepState| match state {
            StepState::Active { deadline, .. } | StepState::Undoing { deadline, .. } => Some(*deadline),
            StepState::Stopping { again_at, .. } => Some(*again_at),
            StepState::Pausing { until, .. } | StepState::UndoPausing { until, .. } => Some(*until),
            StepState::Waiting
            | StepState::Done { .. }
            | StepState::Broken { .. }
            | StepState::Undone
            | StepState::Skipped
            | StepState::LeftOver => None,
        };
        self.steps.values().filter_map(|step| of_step(&step.state)).chain(of_phase).min()
    }
}

impl Machine {
    pub(super) fn tick(&mut self) {
        let now = self.now;
        match self.run.phase {
            Phase::Preparing { deadline } if deadline <= now => {
                self.not_prepared("Network and volumes were not made in time.".to_owned());
            }
            Phase::Cleaning { deadline, .. } if deadline <= now => {
                self.not_cleaned("It was not cleaned up in time.".to_owned());
            }
            Phase::CleaningPaused { attempt, until } if until <= now => self.clean(attempt),
            Phase::Created | Phase::Preparing { .. } | Phase::Running if self.run.deadline <= now => {
                self.roll_back(Cause::TimedOut);
            }
            _ => {}
        }
        let names: Vec<StepName> = self.run.steps.keys().cloned().collect();
        for name in names {
            self.tick_step(&name);
        }
    }

    fn tick_step(&mut self, name: &StepName) {
        let now = self.now;
        let Some(state) = self.run.steps.get(name).map(|step| step.state.clone()) else { return };
        match state {
            StepState::Active { attempt, deadline } if deadline <= now => self.overdue(name, attempt),
            StepState::Pausing { attempt, until } if until <= now => self.start(name, attempt),
            StepState::Stopping { attempt, again_at } if again_at <= now => self.stop(name, attempt),
            StepState::Undoing { attempt, deadline } if deadline <= now => {
                let limit_s = self.run.plan.policy.undo_timeout_s;
                self.not_undone(name, attempt, format!("It took longer than {limit_s} s."));
            }
            StepState::UndoPausing { attempt, until } if until <= now => self.undo(name, attempt),
            _ => {}
        }
    }
}
