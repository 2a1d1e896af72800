//! One deployment on this node, from its assignment to the proof that nothing of it is left.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::EngineError;
use pierhead_model::assignment::{Assignment, Goal, Phase, Report, Source};
use pierhead_model::crash_point;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::log::LogStream;
use pierhead_model::release::Release;
use tokio::sync::watch;

use crate::identity::Identity;
use crate::{Node, build, service};

/// What a worker and everything it calls know of their deployment.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) node: Arc<Node>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) assignment: Assignment,
}

impl Task {
    /// Says something to the person who watches the deployment.
    pub(crate) async fn say(&self, step: &str, text: impl Into<String>) {
        self.write(LogStream::System, step, vec![text.into()]).await;
    }

    pub(crate) async fn write(&self, stream: LogStream, step: &str, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.node.spool.write(&self.assignment.deployment, stream, step, lines).await {
            tracing::error!(%error, "log lines could not be written to disk");
        }
    }

    /// Changes the report, durably. A disk that cannot be written ends up in the log of the machine: there is nobody else
    /// to tell.
    pub(crate) fn report(&self, change: impl FnOnce(&mut Report)) {
        if let Err(error) = self.node.reports.update(&self.assignment.deployment, change) {
            tracing::error!(%error, "a report could not be written to disk");
        }
    }

    pub(crate) fn latest(&self) -> Report {
        self.node.reports.get(&self.assignment.deployment)
    }
}

/// Works until it is stopped or has failed, and everything is cleaned up.
pub(crate) async fn run(
    node: Arc<Node>,
    identity: Arc<Identity>,
    mut assignments: watch::Receiver<Assignment>,
) {
    let assignment = assignments.borrow_and_update().clone();
    let task = Task { node, identity, assignment };
    let phase = task.latest().phase;
    if matches!(phase, Phase::Failed | Phase::Stopped) {
        // It ended before a restart; what is left is to prove it once more.
        clean_up(&task, Duration::ZERO).await;
        return;
    }
    let wants_to_stop = task.assignment.goal == Goal::Stop;
    let end = if wants_to_stop {
        None
    } else {
        tokio::select! {
            failure = work(&task) => Some(failure),
            _ = assignments.wait_for(|assignment| assignment.goal == Goal::Stop) => None,
        }
    };
    crash_point!("agent.before_clean_up");
    let grace = match end {
        // Something that never became healthy has nobody to be polite to.
        Some(_) => Duration::ZERO,
        None if task.latest().phase < Phase::Healthy => Duration::ZERO,
        None => Duration::from_secs(u64::from(task.assignment.work.limits.stop_grace_s)),
    };
    clean_up(&task, grace).await;
    crash_point!("agent.after_clean_up");
    match end {
        Some(failure) => {
            task.say("end", format!("Failed: {}", failure.detail)).await;
            task.report(|report| {
                report.phase = Phase::Failed;
                report.failure = Some(failure);
                report.instance = None;
            });
        }
        None => task.report(|report| {
            report.phase = Phase::Stopped;
            report.instance = None;
        }),
    }
}

/// Builds what is not built and runs what is to run. Returns only when it has failed.
async fn work(task: &Task) -> Failure {
    let release = match obtain_release(task).await {
        Ok(release) => release,
        Err(failure) => return failure,
    };
    match release {
        Release::Site(_) => {
            task.report(|report| report.phase = Phase::Healthy);
            std::future::pending().await
        }
        release @ (Release::Service(_) | Release::Image(_)) => service::run(task, &release).await,
    }
}

async fn obtain_release(task: &Task) -> Result<Release, Failure> {
    if let Some(release) = task.latest().release {
        return Ok(release);
    }
    let release = match &task.assignment.work.source {
        Source::Release { release } => release.clone(),
        Source::Git { .. } => {
            // What an earlier attempt left behind would be in the way.
            clean_up(task, Duration::ZERO).await;
            let place = task.node.builds.acquire().await;
            let built = build::run(task).await;
            drop(place);
            let built = built?;
            crash_point!("agent.built");
            build::tidy(task).await;
            built
        }
    };
    task.report(|report| {
        report.release = Some(release.clone());
        report.phase = report.phase.max(Phase::Released);
    });
    crash_point!("agent.released");
    Ok(release)
}

/// Removes everything of the deployment from the engine and from disk; does not give up before it is gone.
async fn clean_up(task: &Task, grace: Duration) {
    let mut pause = Duration::from_millis(200);
    while let Err(error) = remove_all(task, grace).await {
        tracing::warn!(deployment = %task.assignment.deployment, %error, "could not clean up yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

async fn remove_all(task: &Task, grace: Duration) -> Result<(), EngineError> {
    let engine = &task.node.engine;
    let labels = task.identity.labels_of(&task.assignment.deployment);
    for container in engine.container_list(&labels).await? {
        if container.running && !grace.is_zero() {
            engine.container_stop(&container.name, grace).await?;
        }
        engine.container_remove(&container.name).await?;
    }
    for volume in engine.volume_list(&labels).await? {
        engine.volume_remove(&volume.name).await?;
    }
    for network in engine.network_list(&labels).await? {
        engine.network_remove(&network.name).await?;
    }
    let folder = build::folder(task);
    match fs_err::tokio::remove_dir_all(&folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::Other { doing: "removing a working folder", message: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// A failure of ours, not of the project.
pub(crate) fn internal(doing: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut detail = format!("This node failed while {doing}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        detail.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Failure::new(Reason::Internal, detail)
}
