//! One attempt of a plugin: handed its input, watched, judged by its exit code and its answer.
//!
//! The attempt is found by its container's name. So [`run`] may be called any number of times: it makes the container, or
//! watches the one that runs, or reads the result of the one that has ended. [`crate::steps::end::remove`] comes after the
//! result is written down.
//!
//! | module | holds |
//! | --- | --- |
//! | `spec` | the container's description, from the attempt's |
//! | `found` | what a container that was found means; pure |
//! | `judge` | what an end means; pure |
//! | `attend` | from the start to the end: input, output, time, cancel |

mod attend;
mod found;
mod judge;
mod spec;

use std::time::Duration;

use pierhead_model::deployment::Failure;
use tokio_util::sync::CancellationToken;

use self::found::{Found, Next};
use super::contract::{Answer, Input};
use super::mask::Mask;
use super::place::Place;
use super::service::SlotVolume;
use super::{Context, StepError, handed};

/// What one attempt may use. Everything is mandatory: a plugin without limits does not run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub memory_mb: u32,
    /// In cores.
    pub cpu: f64,
    pub pids: u32,
    /// Of the scratch folder `/tmp`; it counts as memory.
    pub scratch_mb: u32,
}

impl Default for Limits {
    /// Enough for a client of a database or of an HTTP API in any language.
    fn default() -> Self {
        Self { memory_mb: 256, cpu: 1.0, pids: 64, scratch_mb: 64 }
    }
}

/// One attempt, completely described.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub place: Place,
    /// The step's name in its pipeline: a host label.
    pub step: String,
    /// Counts attempts; another one is another container.
    pub generation: u32,
    /// On the node already, by digest where that is known.
    pub image: String,
    pub input: Input,
    /// Values that must not be shown, beside the input's secrets: those that parameters and outputs of earlier steps hold.
    pub secret_values: Vec<String>,
    pub limits: Limits,
    /// From its start to its end.
    pub timeout: Duration,
    /// The engine's network that it is attached to; `None`: loopback only.
    pub network: Option<String>,
    /// Volumes of the slot. They are made when they are missing.
    pub volumes: Vec<SlotVolume>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Succeeded(Answer),
    /// Secrets are masked in the detail.
    Failed(Failure),
    /// As asked for: nothing of it runs any more.
    Cancelled,
}

/// What there is of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Nothing that counts: it has to be run.
    Nothing,
    Running,
    Ended(Outcome),
}

impl Attempt {
    /// The name of its container.
    #[must_use]
    pub fn container(&self) -> String {
        self.place.plugin_container(&self.step, self.input.action, self.generation)
    }

    fn mask(&self) -> Mask {
        let secrets = self.input.secrets.values().chain(&self.secret_values);
        Mask::new(secrets.map(String::as_str))
    }
}

/// Runs the attempt to its end, from wherever it stands. The container is still there afterwards.
///
/// When `cancel` is triggered, the plugin is stopped and the outcome is `Cancelled`, unless it had ended before. Dropping the
/// future leaves the container as it is, for the next call.
pub async fn run(
    context: &Context,
    attempt: &Attempt,
    cancel: &CancellationToken,
) -> Result<Outcome, StepError> {
    let (container, mask) = (attempt.container(), attempt.mask());
    let attending = attend::Attending { context, attempt, container: &container, mask: &mask };
    match look(context, &container).await? {
        (Next::Begin, _) => {}
        (Next::BeginAnew, _) => super::end::remove(context, &container).await?,
        (Next::Watch, Some(found)) => return attending.watch(&found, cancel).await,
        (Next::Judge { trusted }, Some(found)) => {
            let outcome = attending.read_end(&found).await?;
            if trusted || matches!(outcome, Outcome::Succeeded(_)) {
                return Ok(outcome);
            }
            context.say(
                &attempt.step,
                &container,
                "it is not known whether the plugin got its whole input before the agent was restarted: it is run again",
            );
            super::end::remove(context, &container).await?;
        }
        (Next::Watch | Next::Judge { .. }, None) => {}
    }
    if cancel.is_cancelled() {
        return Ok(Outcome::Cancelled);
    }
    attending.begin(cancel).await
}

/// What there is of the attempt, without changing anything.
pub async fn observe(context: &Context, attempt: &Attempt) -> Result<Observed, StepError> {
    let (container, mask) = (attempt.container(), attempt.mask());
    let attending = attend::Attending { context, attempt, container: &container, mask: &mask };
    Ok(match look(context, &container).await? {
        (Next::Watch, Some(_)) => Observed::Running,
        (Next::Judge { trusted }, Some(found)) => match attending.read_end(&found).await? {
            Outcome::Failed(_) if !trusted => Observed::Nothing,
            outcome => Observed::Ended(outcome),
        },
        _ => Observed::Nothing,
    })
}

async fn look(
    context: &Context,
    container: &str,
) -> Result<(Next, Option<pierhead_engine::state::Container>), StepError> {
    let found =
        context.patiently("looking for the plugin's container", || context.engine.find(container)).await?;
    let noted = match &found {
        Some(found) => handed::is_noted(context, container, &found.id).await,
        None => false,
    };
    Ok((found::next(Found::of(found.as_ref().map(|found| &found.state)), noted), found))
}
