//! The plugin contract, version 1: one JSON object in, one JSON object out. Nothing here does anything.
//!
//! `docs/plugins.md` is the same for people who write plugins.

mod answer;
mod exit_code;
mod input;

pub use answer::{Answer, MAX_DEPTH, MAX_STDOUT_BYTES, Violation, parse};
pub use exit_code::meaning;
pub use input::{Action, DeploymentInput, Input, InputTooLarge, MAX_INPUT_BYTES, StepInput};
