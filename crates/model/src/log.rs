//! A line of a deployment's log.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Longest line that is stored, in bytes; what is longer is cut and says so.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// One line of output. `number` counts from 1 per deployment, without gaps: it is how a reader resumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub number: u64,
    pub time: Timestamp,
    pub stream: LogStream,
    /// The step that said it: `clone`, `install`, `build`, `release`, `service`.
    pub step: String,
    pub text: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LogStream {
    Stdout,
    Stderr,
    /// Pierhead itself: what it does and decides. A program's output can never look like this.
    System,
}
