//! One deployment, from acceptance to removal.
//!
//! The worker looks at what should be and at what was reported last, and goes on from there; it keeps no other state, so a
//! restart of the agent is nothing special. To cancel is to drop what is being done, wait until nothing that it began can
//! make anything any more, and remove what there is.

use std::sync::Arc;
use std::time::Duration;

use pierhead_model::assignment::{Goal, Phase, Report, Source};
use pierhead_model::deployment::Failure;
use tokio::sync::watch;

use crate::assignments::Held;
use crate::backoff::Backoff;
use crate::executor::{Run, StepError};
use crate::identity::Identity;
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
pub(crate) async fn work(node: Arc<Node>, mut told: watch::Receiver<Arc<Held>>) {
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
            error = pursue(&run) => Ended::Failed(error),
        };
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
async fn pursue(run: &Run) -> StepError {
    match run.report(|_| {}).await {
        Ok(report) if has_ended(&report) => std::future::pending().await,
        Ok(_) => pipeline::pursue(run).await,
        Err(error) => error,
    }
}

/// Removes everything, then says why. A failure whose remains cannot be removed is not reported before they can.
async fn fail(run: &Run, mut failure: Failure) {
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
    matches!(run.held.assignment.work.source, Source::Pipeline { .. }) && !is_over(run)
}

fn is_over(run: &Run) -> bool {
    run.node.book.get(&run.id).is_some_and(|report| has_ended(&report))
}

const fn has_ended(report: &Report) -> bool {
    matches!(report.phase, Phase::Stopped | Phase::Failed)
}

/// Stops politely, removes everything, and says so when the engine shows nothing any more.
async fn stop(run: &Run) {
    let was_over = is_over(run);
    if !was_over && let Err(error) = pipeline::undo(run).await {
        run.log.say("node", &format!("{error}; what it had made is removed without its plugins' help"));
    }
    let released = run.node.book.get(&run.id).is_some_and(|report| report.release.is_some());
    let images = if released { Images::Keep } else { Images::Remove };
    remove_for_sure(&run.node, &run.identity, run, images).await;
    if !was_over {
        run.log.say("node", "stopped");
        report_for_sure(run, |report| {
            report.phase = Phase::Stopped;
            report.instance = None;
        })
        .await;
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

async fn report_for_sure(run: &Run, change: impl Fn(&mut Report)) {
    let mut pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = run.report(&change).await {
        tracing::warn!(deployment = %run.id, %error, "a report cannot be written; trying again");
        tokio::time::sleep(pause.advance()).await;
    }
}
