//! A service on this node: started, asked until it is healthy, kept running.

mod health;
mod keep;
pub(crate) mod network;
mod start;

use pierhead_model::deployment::Failure;
use pierhead_model::release::Release;

use crate::build::step;
use crate::worker::Task;

/// Runs the service of a release. Returns only when it never became healthy.
pub(crate) async fn run(task: &Task, release: &Release) -> Failure {
    let instance = match step(task, "start", start::until_healthy(task, release)).await {
        Ok(instance) => instance,
        Err(failure) => return failure,
    };
    keep::running(task, instance).await
}
