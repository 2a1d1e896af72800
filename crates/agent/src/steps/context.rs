//! What a step works with, and why one could not be worked on.

use std::fmt::Debug;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::log::LogCursor;
use pierhead_engine::{Engine, Error as EngineError};
use pierhead_model::Timestamp;
use pierhead_model::log::LogStream;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// How long an engine that restarts is waited for.
const ENGINE_PATIENCE: Duration = Duration::from_secs(60);
/// Before an engine that does not answer is asked again.
pub(super) const ENGINE_PAUSE: Duration = Duration::from_secs(1);

/// One line that a step printed, without its line break, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub time: Timestamp,
    pub stream: LogStream,
    pub text: String,
}

/// Where the lines of steps are kept.
pub trait Lines: Send + Sync + Debug {
    /// Where the output of the container with this name was read up to, durably. `None`: nothing of it is kept.
    fn read_up_to(&self, container: &str) -> Option<LogCursor>;

    /// Keeps lines, in order, together with where reading goes on after them: either both or neither.
    fn keep(&self, step: &str, container: &str, lines: Vec<Line>, read_up_to: Option<LogCursor>);
}

/// What steps work with.
#[derive(Debug, Clone)]
pub struct Context {
    pub engine: Arc<dyn Engine>,
    pub lines: Arc<dyn Lines>,
    /// Calls that make something in the engine run to their end here, even when the step is dropped. Whoever removes what a
    /// deployment made waits for them first.
    pub settling: TaskTracker,
    /// A folder of the deployment's own; made when it is needed.
    pub folder: PathBuf,
    /// The program that hands secrets to processes in containers, see [`crate::handover`].
    pub init: PathBuf,
    /// What one step may print, in bytes.
    pub log_limit_bytes: u64,
    /// The engine's clock, for how long something has been running already.
    pub now: fn() -> Timestamp,
}

/// Why a step could not be worked on. It says nothing about the step itself: the same call may go well later.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("{doing} failed: {error}")]
    Engine { doing: &'static str, error: EngineError },
    #[error("{doing} did not end well; look at the agent's log")]
    Task { doing: &'static str },
    #[error("no subnet is free in {pool}: stop deployments on this node, or give it a larger range")]
    NoSubnet { pool: ipnet::Ipv4Net },
}

impl StepError {
    pub(super) fn engine(doing: &'static str) -> impl FnOnce(EngineError) -> Self {
        move |error| Self::Engine { doing, error }
    }

    /// Whether the same call may go well later without anybody doing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Engine { error, .. } => error.retryable(),
            Self::Task { .. } => true,
            Self::NoSubnet { .. } => false,
        }
    }
}

impl Context {
    /// Runs a call to its end even if whoever waits for it stops waiting.
    pub(super) async fn settle<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = pierhead_engine::Result<T>> + Send + 'static,
    ) -> Result<T, StepError> {
        match self.settling.spawn(work).await {
            Ok(result) => result.map_err(StepError::engine(doing)),
            Err(error) => {
                tracing::error!(%error, doing, "a task of a step ended badly");
                Err(StepError::Task { doing })
            }
        }
    }

    /// Asks the engine again for a while when it does not answer, as during its restart.
    pub(super) async fn patiently<T, F: Future<Output = pierhead_engine::Result<T>>>(
        &self,
        doing: &'static str,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, StepError> {
        let begun = Instant::now();
        loop {
            match ask().await {
                Err(error) if error.retryable() && begun.elapsed() < ENGINE_PATIENCE => {
                    tracing::warn!(%error, doing, "the engine does not answer; waiting for it");
                    tokio::time::sleep(ENGINE_PAUSE).await;
                }
                result => return result.map_err(StepError::engine(doing)),
            }
        }
    }

    /// Pierhead's own words about a step.
    pub(super) fn say(&self, step: &str, container: &str, text: &str) {
        let line = |text: &str| Line {
            time: Timestamp::now(),
            stream: LogStream::System,
            text: crate::log::clean(text.as_bytes(), 0),
        };
        self.lines.keep(step, container, text.lines().map(line).collect(), None);
    }
}
