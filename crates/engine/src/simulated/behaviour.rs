//! What a simulated container does when it runs: a script, chosen by name, command or image.
//!
//! Scripts are data that can be serialised, so that a real program can play the same script in a real container
//! and one contract suite checks both (`tests/contract/probe.rs`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{log::Output, spec::ContainerSpec};

/// One thing a program does. After the last one it exits with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Writes the text and a newline.
    Print {
        output: Output,
        text: String,
    },
    Sleep {
        millis: u64,
    },
    /// Holds this much memory from here on. Over the limit it is killed.
    HoldMemory {
        bytes: u64,
    },
    /// A child process takes this much memory and is killed when that is over the limit; the program goes on.
    ChildMemory {
        bytes: u64,
    },
    /// Starts child processes that live on, as many as it may; prints `started N`.
    Fork {
        count: u64,
    },
    /// Accepts TCP connections on every address from here on.
    Listen {
        port: u16,
    },
    /// Tries for some seconds to connect; exits with 1 when it cannot.
    Connect {
        host: String,
        port: u16,
    },
    /// Copies standard input to standard output until end-of-file.
    Echo,
    /// Reads standard input to its end; exits with 64 unless it is one JSON object, as a plugin does that got half of one.
    ReadObject,
    /// Exits with 1 when it cannot, as in a read-only place.
    Write {
        path: String,
        text: String,
    },
    /// Prints a file; exits with 1 when there is none.
    Read {
        path: String,
    },
    /// From here on the stop signal does nothing.
    IgnoreStop,
    Exit {
        code: u8,
    },
    Forever,
}

impl Act {
    #[must_use]
    pub fn print(text: impl Into<String>) -> Self {
        Self::Print { output: Output::Stdout, text: text.into() }
    }

    #[must_use]
    pub fn sleep(time: Duration) -> Self {
        Self::Sleep { millis: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// How a container behaves in automatic mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Starting fails with `Refused` and this reason.
    NeverStarts {
        reason: String,
    },
    Runs {
        acts: Vec<Act>,
    },
}

impl Behaviour {
    #[must_use]
    pub fn runs(acts: impl Into<Vec<Act>>) -> Self {
        Self::Runs { acts: acts.into() }
    }

    #[must_use]
    pub fn exits_after(time: Duration, code: u8) -> Self {
        Self::runs([Act::sleep(time), Act::Exit { code }])
    }

    /// A server: listens and runs until it is stopped.
    #[must_use]
    pub fn serves(port: u16) -> Self {
        Self::runs([Act::Listen { port }, Act::Forever])
    }
}

/// Which containers a behaviour is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    Any,
    /// Names that begin like this.
    NamePrefix(String),
    /// The reference in the spec.
    Image(String),
    /// The whole command.
    Command(Vec<String>),
}

impl Selector {
    pub(super) fn fits(&self, spec: &ContainerSpec) -> bool {
        match self {
            Self::Any => true,
            Self::NamePrefix(prefix) => spec.name.starts_with(prefix.as_str()),
            Self::Image(image) => spec.image == *image,
            Self::Command(command) => spec.command.as_ref() == Some(command),
        }
    }
}
