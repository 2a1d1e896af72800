//! One deployment, from acceptance to removal.
//!
//! The worker looks at what should be and at what was reported last, and goes on from there; it keeps no other state, so a
//! restart of the agent is nothing special. To cancel is to drop what is being done, wait until nothing that it began can
//! make anything any more, and remove what there is.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::state::Status;
use pierhead_model::assignment::{Goal, Phase, Source};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::release::Release;
use tokio::sync::watch;

use crate::assignments::Held;
use crate::backoff::Backoff;
use crate::executor::{self, Run, StepError};
use crate::identity::Identity;
use crate::keeper;
use crate::node::Node;
use crate::pipeline;
use crate::undo::{self, Images};

/// Attempts at a run that the node itself made fail.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How an attempt at running ended.
enum Ended {
    /// What should be has changed.
    Changed,
    Failed(StepError),
}

/// Works for one deployment until it is aborted.
pub(crate) async fn work(node: Arc<Node>, mut told: watch::Receiver<Arc<Held>>, fresh: bool) {
    let mut fresh = fresh;
    let mut attempts = 0;
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let held = Arc::clone(&told.borrow_and_update());
        let Some(identity) = node.identity() else { return };
        let run = match Run::new(Arc::clone(&node), held, identity) {
            Ok(run) => run,
            Err(error) => {
                tracing::error!(%error, "a deployment's log cannot be opened; trying again");
                tokio::time::sleep(pause.advance()).await;
                continue;
            }
        };
        if run.held.assignment.goal == Goal::Stop {
            if run.held.secrets_missing && undoing_needs_secrets(&run) {
                run.log.say("node", "waiting for the control plane: undoing needs this deployment's secrets");
                if told.changed().await.is_err() {
                    return;
                }
                continue;
            }
            stop(&run).await;
            if told.changed().await.is_err() {
                return;
            }
            continue;
        }
        let ended = tokio::select! {
            () = changed(&mut told, &run.held) => Ended::Changed,
            error = pursue(&run, fresh) => Ended::Failed(error),
        };
        fresh = false;
        run.settled().await;
        match ended {
            Ended::Changed => attempts = 0,
            Ended::Failed(error) if error.retryable() && attempts < ATTEMPTS => {
                attempts += 1;
                run.log.say("node", &format!("{error}; trying again"));
                tokio::time::sleep(pause.advance()).await;
            }
            Ended::Failed(error) => fail(&run, error.into_failure()).await,
        }
    }
}

/// Waits until the assignment says something that the running attempt must know.
async fn changed(told: &mut watch::Receiver<Arc<Held>>, held: &Held) {
    let matters = |now: &Arc<Held>| {
        now.assignment.goal != held.assignment.goal || (held.secrets_missing && !now.secrets_missing)
    };
    if told.wait_for(matters).await.is_err() {
        // Nobody will tell anything any more; the attempt goes on until it is aborted.
        std::future::pending::<()>().await;
    }
}

/// Goes on from where the last report stands. Returns only when it fails.
async fn pursue(run: &Run, fresh: bool) -> StepError {
    match try_pursue(run, fresh).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn try_pursue(run: &Run, fresh: bool) -> Result<std::convert::Infallible, StepError> {
    let report = run.report(|_| {}).await?;
    if let Source::Pipeline { work } = &run.held.assignment.work.source
        && !matches!(report.phase, Phase::Failed | Phase::Stopped)
    {
        return Err(pipeline::pursue(run, work).await);
    }
    let release = match (report.phase, report.release) {
        (Phase::Failed | Phase::Stopped, _) => return Ok(std::future::pending().await),
        (Phase::Healthy, Some(release)) => return Err(live(run, &release, None).await),
        (Phase::Released, Some(release)) => {
            clear(run).await?;
            release
        }
        _ => {
            if !fresh {
                run.log.say("node", "the agent was restarted: the build begins again");
                clear(run).await?;
                run.report(|report| report.steps.clear()).await?;
            }
            if run.held.secrets_missing {
                run.log.say("node", "waiting for the control plane: only it knows this deployment's secrets");
                return Ok(std::future::pending().await);
            }
            executor::build(run).await?
        }
    };
    let started = match &release {
        Release::Site(_) | Release::Run(_) => None,
        Release::Service(_) | Release::Image(_) => {
            Some(run.step("start", executor::start(run, &release)).await?)
        }
    };
    Err(live(run, &release, started).await)
}

/// A site has nothing to run: it is healthy once it is stored.
async fn live(run: &Run, release: &Release, started: Option<executor::Instance>) -> StepError {
    match release {
        Release::Site(_) | Release::Run(_) => {
            if let Err(error) = run.report(|report| report.phase = Phase::Healthy).await {
                return error;
            }
            // What the build made is not needed any more; nobody has to wait until it is gone.
            remove_for_sure(&run.node, &run.identity, run, Images::Keep).await;
            std::future::pending().await
        }
        Release::Service(_) | Release::Image(_) => keeper::keep(run, release, started).await,
    }
}

/// Removes what an earlier attempt left.
async fn clear(run: &Run) -> Result<(), StepError> {
    undo::remove(&run.node, &run.identity, &run.id, Images::Keep).await.map_err(|error| match error {
        undo::UndoError::Engine(error) => StepError::Engine { doing: "removing what an attempt left", error },
        undo::UndoError::Disk(error) => StepError::Disk { doing: "removing what an attempt left", error },
        undo::UndoError::Remains(_) => StepError::failed(Reason::Internal, error.to_string()),
    })
}

/// Removes everything, then says why. A failure whose remains cannot be removed is not reported before they can.
async fn fail(run: &Run, mut failure: Failure) {
    last_words(run).await;
    // A program's or an engine's words may be in it.
    failure.detail = run.log.masked(failure.detail);
    run.log.say("node", &format!("failed: {}", failure.detail));
    remove_for_sure(&run.node, &run.identity, run, Images::Remove).await;
    report_for_sure(run, |report| {
        report.phase = Phase::Failed;
        report.failure = Some(failure.clone());
        report.instance = None;
    })
    .await;
}

/// Plugins are asked to undo what they made, with the secrets they made it with. Those come with the next session.
fn undoing_needs_secrets(run: &Run) -> bool {
    matches!(run.held.assignment.work.source, Source::Pipeline { .. }) && !has_ended(run)
}

fn has_ended(run: &Run) -> bool {
    let report = run.node.book.get(&run.id);
    report.is_some_and(|report| matches!(report.phase, Phase::Stopped | Phase::Failed))
}

/// Stops politely, removes everything, and says so when the engine shows nothing any more.
async fn stop(run: &Run) {
    let ended = has_ended(run);
    if let Source::Pipeline { work } = &run.held.assignment.work.source
        && !ended
        && let Err(error) = pipeline::undo(run, work).await
    {
        run.log.say("node", &format!("{error}; what it had made is removed without its plugins' help"));
    }
    let container = run.node.engine.find(&executor::name_of(run)).await.ok().flatten();
    if let Some(container) = container.filter(|container| container.state.status() == Status::Running) {
        let grace = Duration::from_secs(run.held.assignment.work.limits.stop_grace_s.into());
        run.log.say("service", "stopping");
        if let Err(error) = run.node.engine.stop(&container.id, grace).await {
            tracing::warn!(deployment = %run.id, %error, "a service could not be stopped politely; it is removed");
        }
    }
    pierhead_model::crash_point!("agent.stopped_process");
    last_words(run).await;
    let released = run.node.book.get(&run.id).is_some_and(|report| report.release.is_some());
    let images = if released { Images::Keep } else { Images::Remove };
    remove_for_sure(&run.node, &run.identity, run, images).await;
    if !ended {
        run.log.say("node", "stopped");
        report_for_sure(run, |report| {
            report.phase = Phase::Stopped;
            report.instance = None;
        })
        .await;
    }
}

/// What the service said before it ended.
async fn last_words(run: &Run) {
    if let Ok(Some(container)) = run.node.engine.find(&executor::name_of(run)).await {
        executor::drain(run, &container.id).await;
    }
}

async fn remove_for_sure(node: &Node, identity: &Identity, run: &Run, images: Images) {
    remove_objects_for_sure(node, identity, run, images).await;
    if let Source::Pipeline { .. } = &run.held.assignment.work.source {
        let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Err(error) = pipeline::remove_volumes(run).await {
            tracing::warn!(deployment = %run.id, %error, "the slot's volumes cannot be removed yet; trying again");
            tokio::time::sleep(pause.advance()).await;
        }
    }
}

async fn remove_objects_for_sure(node: &Node, identity: &Identity, run: &Run, images: Images) {
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = undo::remove(node, identity, &run.id, images).await {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::warn!(deployment = %run.id, %error, cause, "trying again");
        tokio::time::sleep(pause.advance()).await;
    }
}

async fn report_for_sure(run: &Run, change: impl Fn(&mut pierhead_model::assignment::Report)) {
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = run.report(&change).await {
        tracing::warn!(deployment = %run.id, %error, "a report cannot be written; trying again");
        tokio::time::sleep(pause.advance()).await;
    }
}
