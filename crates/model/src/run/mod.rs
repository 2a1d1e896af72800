//! The run of a pipeline on its node, as a pure machine.
//!
//! `step(run, event, now) → (run, effects)` is the only way a run changes, and `resume(run, observed, now)` what happens after
//! a crash. Both are total: an event that comes twice, late, or for another attempt changes nothing.
//!
//! The rules, each held by a property test:
//!
//! - A step starts when everything it needs has succeeded, and then at once: independent steps run in parallel.
//! - The new state is durable *before* its effects are carried out. So whatever exists was intended, and after a crash the
//!   state says what to look for: by name, because every container is named after deployment, step and attempt.
//! - An attempt that is repeated, for whatever reason, has the same idempotency key.
//! - Any failure, cancel or timeout stops what is running, then undoes every step that was started, in reverse order of their
//!   ends, one after the other: what a step made may be needed to undo what was made with its help.
//! - Undoing is repeated until it succeeds; each failure is visible. Only the `destroy` of a plugin, which may depend on
//!   machines that are gone for ever, is given up after many attempts, and is then listed as left over.
//! - At the end one more effect removes whatever still carries the deployment's label, and says that nothing is left.
//! - The state holds the *names* of outputs. Their values may be secret; whoever carries out effects keeps them, sealed.
//!
//! | module | holds |
//! | --- | --- |
//! | [`plan`] | what is run: steps, needs, limits; taken from a pipeline once, untouched by later versions |
//! | [`state`] | the run and its steps |
//! | [`event`] | what can happen, and what must be done |
//! | [`mod@step`] | the forward way: start, retry, succeed, fail |
//! | [`undo`] | the way back |
//! | [`mod@resume`] | after a crash |
//! | [`work`] | what a node is told |

pub mod event;
pub mod plan;
pub mod resume;
pub mod state;
pub mod step;
mod timer;
mod undo;
pub mod work;

pub use event::{Effect, Event, IdempotencyKey};
pub use plan::{Plan, PlannedStep, Policy};
pub use resume::{Ended, Observation, Observed, StepObserved, resume};
pub use state::{Cause, Phase, Run, StepRun, StepState};
pub use step::step;
pub use work::{Handed, PipelineWork, PublicStep, Share};
