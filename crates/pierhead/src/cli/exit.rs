//! Exit codes: a contract that scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failure = 1,
    Usage = 2,
    /// Not signed in, or not allowed.
    NotAllowed = 3,
    NotFound = 4,
    DeploymentFailed = 5,
    /// The current state forbids it.
    Refused = 6,
    /// The server cannot be reached, or its certificate is not trusted.
    Unreachable = 7,
    /// Waited too long; the work goes on.
    TimedOut = 8,
    NoCapacity = 9,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
