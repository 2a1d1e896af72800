//! Commands inside of a running container that somebody talks to: what to run, and both ways to it.

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

use crate::{engine::StdinWriter, error::Result, state::ContainerId};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSpec {
    pub command: Vec<String>,
    /// Beside those that the container has.
    pub environment: Vec<(String, String)>,
    /// With a terminal of this size, on which both outputs are one.
    pub terminal: Option<TerminalSize>,
}

/// In characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

/// A piece of what a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// Everything, where there is a terminal.
    Output(Bytes),
    Errors(Bytes),
}

/// What a command prints, until it has ended and nothing holds its outputs open.
pub type PrintedStream = Pin<Box<dyn Stream<Item = Result<Printed>> + Send>>;

/// A command that runs.
pub struct Session {
    pub input: StdinWriter,
    pub printed: PrintedStream,
    pub process: Arc<dyn Process>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("process", &self.process).finish_non_exhaustive()
    }
}

/// The command itself.
#[async_trait]
pub trait Process: Send + Sync + fmt::Debug {
    async fn resize(&self, size: TerminalSize) -> Result<()>;

    /// 0 to 255, once it has ended; 128 + n when signal n ended it, 126 or 127 when it could not be executed.
    async fn exit_code(&self) -> Result<Option<i64>>;

    /// Nobody is there any more: it and all that it started are told so, and killed if they are still there a moment later. What has
    /// begun a session of its own meanwhile (`setsid`) lives as long as its container.
    async fn hang_up(&self);
}

/// A driver that can run commands which somebody talks to.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Runs a command inside of a running container, beside its main process and under the same limits.
    ///
    /// Fails with `Conflict` when the container does not run.
    async fn begin(&self, id: &ContainerId, spec: &SessionSpec) -> Result<Session>;
}
