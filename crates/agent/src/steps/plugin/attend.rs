//! From the start of an attempt to its end: its input, its output, its time, and a cancel.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::Error as EngineError;
use pierhead_engine::engine::StdinWriter;
use pierhead_engine::state::{Container, ContainerId, Exit, State};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::judge::Judge;
use super::{Attempt, Outcome, spec};
use crate::steps::mask::Mask;
use crate::steps::output::{Collector, Stdout, TooMuch};
use crate::steps::{Context, StepError, handed, service};

/// What a plugin that is stopped may take to tidy up.
const GRACE: Duration = Duration::from_secs(5);

/// How long the connection to the input of a plugin that has ended may take to notice.
const LAST_INPUT: Duration = Duration::from_secs(2);

const REMOVED: &str = "its container was removed by somebody else";

/// An attempt while it is attended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attending<'a> {
    pub(super) context: &'a Context,
    pub(super) attempt: &'a Attempt,
    pub(super) container: &'a str,
    pub(super) mask: &'a Mask,
}

/// Why nobody waits any more.
enum Ended {
    ByItself(Exit),
    TooMuch(TooMuch),
    TimedOut,
    Cancelled,
    /// By somebody else.
    Removed,
}

impl Attending<'_> {
    /// Makes the container, starts it and hands over the input.
    pub(super) async fn begin(&self, cancel: &CancellationToken) -> Result<Outcome, StepError> {
        let bytes = match self.attempt.input.to_bytes() {
            Ok(bytes) => bytes,
            Err(refused) => return Ok(self.judge().failed(refused.to_string())),
        };
        match Box::pin(self.start()).await {
            Ok((id, stdin)) => {
                let feeding = self.hand_over(&id, stdin, bytes);
                self.attend(&id, self.attempt.timeout, feeding, cancel).await
            }
            Err(StepError::Engine { error, .. }) if is_final(&error) => Ok(self.judge().not_started(&error)),
            Err(error) => Err(error),
        }
    }

    async fn start(&self) -> Result<(ContainerId, StdinWriter), StepError> {
        service::ensure_volumes(self.context, &self.attempt.place, &self.attempt.volumes).await?;
        let (engine, spec) = (Arc::clone(&self.context.engine), spec::of(self.attempt, self.container));
        let made =
            self.context.settle("creating the plugin's container", async move { engine.create(&spec).await });
        let id = made.await?.id;
        let opened = self.context.engine.open_stdin(&id).await;
        let stdin = opened.map_err(StepError::engine("opening the plugin's standard input"))?;
        let (engine, starting) = (Arc::clone(&self.context.engine), id.clone());
        self.context.settle("starting the plugin", async move { engine.start(&starting).await }).await?;
        Ok((id, stdin))
    }

    /// A plugin may end, or close its input, without reading it: that is its own affair.
    async fn hand_over(&self, id: &ContainerId, mut stdin: StdinWriter, bytes: Vec<u8>) {
        let handed = async {
            stdin.write_all(&bytes).await?;
            stdin.shutdown().await
        };
        if let Err(error) = handed.await {
            tracing::debug!(container = self.container, %error, "a plugin did not read all of its input");
        }
        handed::note(self.context, self.container, id).await;
    }

    /// Attends to a container that runs and has its input.
    pub(super) async fn watch(
        &self,
        found: &Container,
        cancel: &CancellationToken,
    ) -> Result<Outcome, StepError> {
        let ran = match found.state {
            State::Running { started_at, .. } | State::Paused { started_at, .. } => {
                Duration::try_from((self.context.now)().duration_since(started_at)).unwrap_or_default()
            }
            State::Created | State::Exited(_) | State::Dead => Duration::ZERO,
        };
        let left = self.attempt.timeout.saturating_sub(ran);
        self.attend(&found.id, left, async {}, cancel).await
    }

    /// Waits for the end, however it comes, and judges it. `feeding` ends when there is nothing more to hand over.
    async fn attend(
        &self,
        id: &ContainerId,
        left: Duration,
        feeding: impl Future<Output = ()>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, StepError> {
        let mut output = self.collector();
        let mut feeding = std::pin::pin!(feeding);
        let ended = {
            let wait = || self.context.engine.wait(id);
            let mut waiting = std::pin::pin!(self.context.patiently("waiting for the plugin", wait));
            let mut reading = std::pin::pin!(output.follow(id));
            let mut late = std::pin::pin!(tokio::time::sleep(left));
            let mut fed = false;
            // What is handed over goes on until the plugin has ended: one that never reads is waited for no longer.
            loop {
                tokio::select! {
                    biased;
                    exit = &mut waiting => {
                        if !fed {
                            let _cut = tokio::time::timeout(LAST_INPUT, &mut feeding).await;
                        }
                        break match exit {
                            Ok(exit) => Ended::ByItself(exit),
                            Err(StepError::Engine { error, .. }) if error.is_not_found() => Ended::Removed,
                            Err(error) => return Err(error),
                        };
                    }
                    broken = &mut reading => break Ended::TooMuch(broken),
                    () = cancel.cancelled() => break Ended::Cancelled,
                    () = &mut late => break Ended::TimedOut,
                    () = &mut feeding, if !fed => fed = true,
                }
            }
        };
        match ended {
            Ended::ByItself(_) => {}
            // Neither its exit code nor its answer can be known any more.
            Ended::Removed => return Ok(self.judge().failed(REMOVED.to_owned())),
            Ended::TooMuch(_) | Ended::TimedOut | Ended::Cancelled => self.stop(id, &ended).await?,
        }
        let broken = output.rest(id).await?;
        Ok(match (ended, broken) {
            (Ended::ByItself(exit), None) => self.judge().end(&exit, output.collected()),
            (Ended::TooMuch(broken), _) | (Ended::ByItself(_), Some(broken)) => {
                self.judge().too_much(broken, self.context.log_limit_bytes)
            }
            (Ended::TimedOut, _) => self.judge().timed_out(self.attempt.timeout),
            (Ended::Cancelled, _) => Outcome::Cancelled,
            (Ended::Removed, _) => self.judge().failed(REMOVED.to_owned()),
        })
    }

    /// The end of a container that was found ended.
    pub(super) async fn read_end(&self, found: &Container) -> Result<Outcome, StepError> {
        let Some(exit) = found.state.exit() else {
            return Ok(self.judge().failed(REMOVED.to_owned()));
        };
        let mut output = self.collector();
        let broken = output.rest(&found.id).await?;
        Ok(match broken {
            Some(broken) => self.judge().too_much(broken, self.context.log_limit_bytes),
            None => self.judge().end(exit, output.collected()),
        })
    }

    async fn stop(&self, id: &ContainerId, why: &Ended) -> Result<(), StepError> {
        // What prints without end is not asked politely.
        let grace = if matches!(why, Ended::TooMuch(_)) { Duration::ZERO } else { GRACE };
        let stop = || self.context.engine.stop(id, grace);
        match self.context.patiently("stopping the plugin", stop).await {
            Err(StepError::Engine { error, .. }) if error.is_not_found() => Ok(()),
            result => result,
        }
    }

    fn collector(&self) -> Collector<'_> {
        Collector::new(self.context, &self.attempt.step, self.container, self.mask, Stdout::Collect)
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            step: &self.attempt.step,
            action: self.attempt.input.action,
            limits: &self.attempt.limits,
            mask: self.mask,
        }
    }
}

/// Whether the engine would say the same if it were asked again.
fn is_final(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::NoSuchImage { .. } | EngineError::Refused { .. } | EngineError::NotFound { .. }
    )
}
