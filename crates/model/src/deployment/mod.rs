//! The lifecycle of a deployment.
//!
//! `QUEUED → BUILDING → PROVISIONING → PRODUCTION → INACTIVE`, and `FAILED` from any of the first three.
//!
//! - [`state`]: the table of legal transitions, a total function that can refuse.
//! - [`mod@step`]: `step(deployment, event, now) → (deployment, effects)`, the only way a deployment changes.
//! - [`mod@decide`]: what was observed and what time it is → the events that follow. Level-triggered: it may be asked at any
//!   moment, any number of times, with any subset of what happened, and says the same.
//! - [`failure`]: every way to end FAILED, with what a person needs to know.

pub mod decide;
pub mod failure;
pub mod state;
pub mod step;

pub use decide::{Observed, decide};
pub use failure::{CloneFailure, Failure, Reason};
pub use state::{IllegalTransition, State, Transition};
pub use step::{Deployment, Effect, Event, Reservation, Timings, step};
