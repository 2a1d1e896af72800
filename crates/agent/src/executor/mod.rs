//! Builds: from sources to a release, and what a release gives to the container that runs it.
//!
//! A step returns what it made or why not; it never cleans up. Removing is done in one place, by label and by id
//! ([`crate::undo`]), whatever step failed or was cut: the worker drops the running step to cancel it, at any await.
//! What must not be cut in the middle (a call that creates something in the engine) is settled: it runs to its end in a
//! task of its own, and removing waits for those tasks.

mod clone;
mod compile;
mod container;
mod environment;
mod handed;
mod image;
mod network;
mod release;
mod service;
mod site;
mod variants;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pierhead_engine::Error as EngineError;
use pierhead_engine::spec::ContainerSpec;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Phase, Report, Source, StepReport, Work};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::id::DeploymentId;
use pierhead_model::plan::{BuildPlan, Kind};
use pierhead_model::release::Release;
use tokio_util::task::TaskTracker;

use crate::assignments::Held;
use crate::handover::{self, Handover};
use crate::identity::Identity;
use crate::images::ImageError;
use crate::layers::LayersError;
use crate::log::DeploymentLog;
use crate::node::Node;

pub(crate) use compile::millis;
pub(crate) use network::ensure as ensure_network;
pub(crate) use service::{app_base, image_base};

/// One attempt at a deployment.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) node: Arc<Node>,
    pub(crate) held: Arc<Held>,
    pub(crate) identity: Identity,
    pub(crate) id: DeploymentId,
    pub(crate) log: Arc<DeploymentLog>,
    settling: TaskTracker,
    stopped: Arc<AtomicBool>,
}

/// Why a step did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("{}", .0.detail)]
    Failed(Failure),
    #[error("{doing} failed: {error}")]
    Engine { doing: &'static str, error: EngineError },
    #[error("{doing} failed: {error}")]
    Layers { doing: &'static str, error: LayersError },
    #[error("{doing} failed: {error}")]
    Image { doing: &'static str, error: ImageError },
    #[error("{doing} failed: {error}; free disk space, or look at the agent's log")]
    Disk { doing: &'static str, error: std::io::Error },
}

impl StepError {
    pub(crate) fn failed(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Failed(Failure::new(reason, detail))
    }

    pub(crate) fn engine(doing: &'static str) -> impl FnOnce(EngineError) -> Self {
        move |error| Self::Engine { doing, error }
    }

    pub(crate) fn disk(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Disk { doing, error }
    }

    pub(crate) fn layers(doing: &'static str) -> impl FnOnce(LayersError) -> Self {
        move |error| match error {
            LayersError::Refused(reason) => Self::failed(Reason::OutputRefused, format!("{doing}: {reason}")),
            error => Self::Layers { doing, error },
        }
    }

    pub(crate) fn image(doing: &'static str) -> impl FnOnce(ImageError) -> Self {
        move |error| Self::Image { doing, error }
    }

    /// Whether the same attempt may go well later.
    pub(crate) fn retryable(&self) -> bool {
        match self {
            Self::Engine { error, .. } => error.retryable(),
            Self::Layers { error, .. } => error.retryable(),
            Self::Image { error, .. } => error.retryable(),
            Self::Failed(_) | Self::Disk { .. } => false,
        }
    }

    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Image { .. } => Failure::new(Reason::ImagePullFailed, self.to_string()),
            error => Failure::new(Reason::Internal, error.to_string()),
        }
    }
}

impl Run {
    pub(crate) fn new(node: Arc<Node>, held: Arc<Held>, identity: Identity) -> std::io::Result<Self> {
        let id = held.assignment.deployment.clone();
        let log = node.logs.of(&id)?;
        log.hide(&held.mask());
        Ok(Self {
            node,
            held,
            identity,
            id,
            log,
            settling: TaskTracker::new(),
            stopped: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Changes this deployment's report, durably.
    pub(crate) async fn report(&self, change: impl FnOnce(&mut Report)) -> Result<Report, StepError> {
        self.node.book.update(&self.id, change).await.map_err(StepError::disk("writing the report"))
    }

    /// Runs something to its end even if whoever waits for it stops waiting.
    pub(crate) async fn settle<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = pierhead_engine::Result<T>> + Send + 'static,
    ) -> Result<T, StepError> {
        match self.settling.spawn(work).await {
            Ok(result) => result.map_err(StepError::engine(doing)),
            Err(error) => Err(StepError::Disk { doing, error: std::io::Error::other(error) }),
        }
    }

    /// Removes something while the run goes on. What is left by a failure is found by its label when the run is removed.
    pub(crate) fn remove_meanwhile(
        &self,
        what: &'static str,
        work: impl Future<Output = pierhead_engine::Result<()>> + Send + 'static,
    ) {
        let deployment = self.id.clone();
        self.settling.spawn(async move {
            if let Err(error) = work.await {
                tracing::warn!(%deployment, %error, what, "could not be removed yet");
            }
        });
    }

    /// A spec without the deployment's secrets, and what its first process is handed at each start.
    pub(crate) async fn conceal(
        &self,
        spec: ContainerSpec,
    ) -> Result<(ContainerSpec, Option<Handover>), StepError> {
        let (engine, init) = (&*self.node.engine, &self.node.init);
        let concealed = handover::conceal(engine, init, spec, &self.held.secrets()).await;
        concealed.map_err(StepError::engine("looking at the image"))
    }

    /// File work that may block; removing waits for it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StepError> {
        let done = self.settling.spawn_blocking(work).await.map_err(std::io::Error::other);
        done.and_then(|result| result).map_err(StepError::disk(doing))
    }

    /// What must run to its end before anything is removed.
    pub(crate) const fn settling(&self) -> &TaskTracker {
        &self.settling
    }

    /// Told to blocking work, which looks at it now and then.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// Waits until nothing that this attempt began can make anything any more.
    pub(crate) async fn settled(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.settling.close();
        self.settling.wait().await;
    }

    /// Runs a step and writes down when it began and ended.
    pub(crate) async fn step<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        self.report(|report| {
            let step = StepReport {
                name: name.to_owned(),
                started_at: Timestamp::now(),
                finished_at: None,
                exit_code: None,
                note: None,
                status: None,
            };
            report.steps.push(step);
        })
        .await?;
        let result = work.await;
        self.report(|report| {
            if let Some(step) = report.steps.iter_mut().rev().find(|step| step.name == name) {
                step.finished_at = Some(Timestamp::now());
            }
        })
        .await?;
        result
    }

    /// A step that took no time, and why.
    pub(crate) async fn skipped(&self, name: &'static str, note: &str) -> Result<(), StepError> {
        self.log.say(name, note);
        let now = Timestamp::now();
        self.report(|report| {
            report.steps.push(StepReport {
                name: name.to_owned(),
                started_at: now,
                finished_at: Some(now),
                exit_code: None,
                note: Some(note.to_owned()),
                status: None,
            });
        })
        .await
        .map(drop)
    }

    /// A folder of this run's own.
    pub(crate) fn folder(&self, name: &str) -> std::path::PathBuf {
        self.node.layout.work(&self.id).join(name)
    }
}

/// Builds the release, or takes the one that is given, and reports it.
pub(crate) async fn build(run: &Run) -> Result<Release, StepError> {
    let release = match &run.held.assignment.work.source {
        Source::Release { release } => release.clone(),
        Source::Git { .. } | Source::Files { .. } | Source::Image { .. } => from_source(run).await?,
        Source::Pipeline { .. } => {
            return Err(StepError::failed(Reason::Internal, "a pipeline is run, not built"));
        }
    };
    run.report(|report| {
        report.phase = Phase::Released;
        report.release = Some(release.clone());
    })
    .await?;
    pierhead_model::crash_point!("agent.release_stored");
    Ok(release)
}

/// Builds one part of a run: other sources, under the same deployment.
pub(crate) async fn build_part(run: &Run, work: Work) -> Result<Release, StepError> {
    let mut held = Held::clone(&run.held);
    held.assignment.work = work;
    let part = Run::new(Arc::clone(&run.node), Arc::new(held), run.identity.clone())
        .map_err(StepError::disk("opening the deployment's log"))?;
    // Whoever removes what the run made waits for what its parts began.
    let part = Run { settling: run.settling.clone(), ..part };
    from_source(&part).await
}

async fn from_source(run: &Run) -> Result<Release, StepError> {
    let place = run.node.builds.enter(run.held.assignment.project_id.clone()).await;
    let place = place.ok_or_else(|| StepError::failed(Reason::Internal, "the agent is stopping"))?;
    let free = run.node.free_disk().map_err(StepError::disk("measuring the disk"))?;
    if free < run.node.options.disk_reserve_bytes {
        let detail = format!(
            "the node has {} MiB of disk left and keeps {} MiB in reserve: free some space on it",
            free >> 20,
            run.node.options.disk_reserve_bytes >> 20
        );
        return Err(StepError::failed(Reason::NoCapacity, detail));
    }
    run.report(|report| report.phase = Phase::Building).await?;
    if let Source::Image { image } = &run.held.assignment.work.source {
        return run.step("image", handed::image(run, image)).await;
    }
    let (checkout, ()) = tokio::join!(run.step("clone", clone::clone(run)), network::ahead(run));
    let checkout = checkout?;
    pierhead_model::crash_point!("agent.clone_done");
    let plan = clone::detect(run, &checkout).await?;
    let release = match plan.kind {
        Kind::Image => run.step("build", image::build(run, &plan, &checkout)).await?,
        Kind::Site | Kind::Service => {
            let built = compile::compile(run, &plan, checkout).await?;
            run.step("release", release::release(run, &plan, built)).await?
        }
    };
    tidy(run).await?;
    drop(place);
    Ok(release)
}

/// What the build needed and the release does not.
async fn tidy(run: &Run) -> Result<(), StepError> {
    for name in ["checkout", "install", "build", "home", "tmp"] {
        let removed = crate::durable::remove_folder(run.folder(name)).await;
        removed.map_err(StepError::disk("removing the build's folders"))?;
    }
    Ok(())
}

/// The root directory of a plan as a relative path, empty for the repository's own.
pub(crate) fn root_of(plan: &BuildPlan) -> &str {
    if plan.root_directory == "." { "" } else { &plan.root_directory }
}
