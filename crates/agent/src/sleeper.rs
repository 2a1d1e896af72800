//! What a service does while it sleeps, and how it wakes up.
//!
//! Frozen processes keep their sockets: who connects meanwhile is answered after the thaw. Stopped ones have given their memory
//! back; their container is kept, with everything that was told to it, so waking up needs no secrets and no control plane.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::state::{Exit, Status};
use pierhead_model::sleep::{Rest, RestOrder};
use tokio::sync::watch;

use crate::executor::{self, Instance, Run, StepError};

/// Why a frozen service is not frozen any more.
#[derive(Debug)]
pub(crate) enum Thawed {
    /// It goes on, or is to be stopped: look at the orders.
    Told,
    Ended(Result<Exit, StepError>),
}

/// Resolves when something else is ordered than `held`; a new number for the same depth is something else too, because whoever
/// gave it waits until it is reported.
pub(crate) async fn changed(orders: &mut watch::Receiver<RestOrder>, held: RestOrder) {
    if orders.wait_for(|order| *order != held).await.is_err() {
        // Nobody will order anything any more; it stays as it is until the worker is told to stop.
        std::future::pending::<()>().await;
    }
}

/// Stops the processes in place until something else is ordered.
pub(crate) async fn freeze(
    run: &Run,
    instance: &Instance,
    orders: &mut watch::Receiver<RestOrder>,
    order: RestOrder,
) -> Result<Thawed, StepError> {
    if let Some(freezer) = run.node.engine.freeze() {
        if let Err(error) = freezer.freeze(&instance.id).await {
            // It runs on, which costs memory and nothing else.
            tracing::warn!(deployment = %run.id, %error, "an idle service could not be frozen");
        } else {
            run.log.say("service", "asleep: nobody needed it; it goes on with the next request");
        }
    }
    report(run, order).await?;
    pierhead_model::crash_point!("agent.frozen");
    let thawed = tokio::select! {
        () = changed(orders, order) => Thawed::Told,
        ended = executor::wait(run, &instance.id) => Thawed::Ended(ended),
    };
    if matches!(thawed, Thawed::Told) {
        thaw(run, instance).await;
    }
    Ok(thawed)
}

/// Lets the processes go on. Also for one that was found running: it may have been frozen when the agent ended.
pub(crate) async fn thaw(run: &Run, instance: &Instance) {
    let Some(freezer) = run.node.engine.freeze() else { return };
    if let Err(error) = freezer.thaw(&instance.id).await {
        // One that does not run needs no thaw; whoever waits for its end learns why.
        tracing::debug!(deployment = %run.id, %error, "a service could not be thawed");
    }
}

/// Ends the processes politely and waits until something else is ordered.
pub(crate) async fn stop(
    run: &Run,
    orders: &mut watch::Receiver<RestOrder>,
    order: RestOrder,
) -> Result<(), StepError> {
    const DOING: &str = "putting the service to sleep";
    let found = run.node.engine.find(&executor::name_of(run)).await.map_err(StepError::engine(DOING))?;
    let mut has_ended = false;
    let runs = |status| matches!(status, Status::Running | Status::Paused);
    if let Some(container) = found.filter(|container| runs(container.state.status())) {
        let grace = Duration::from_secs(run.held.assignment.work.limits.stop_grace_s.into());
        let engine = Arc::clone(&run.node.engine);
        run.settle(DOING, async move { engine.stop(&container.id, grace).await }).await?;
        has_ended = true;
    }
    let mut order = order;
    loop {
        run.report(|report| {
            if let Some(instance) = &mut report.instance {
                instance.address = None;
                instance.healthy = false;
                instance.next_start_at = None;
                // What is stopped sleeps deeper than one that is only to be frozen, which is no harm.
                instance.rest = RestOrder { rest: Rest::Stopped, number: order.number };
            }
        })
        .await?;
        if std::mem::take(&mut has_ended) {
            run.log.say("service", "asleep: stopped, its memory is free; the next request starts it");
        }
        pierhead_model::crash_point!("agent.asleep");
        changed(orders, order).await;
        order = *orders.borrow_and_update();
        if order.rest == Rest::Awake {
            run.log.say("service", "woken");
            return Ok(());
        }
    }
}

/// Says that an order was carried out.
pub(crate) async fn report(run: &Run, order: RestOrder) -> Result<(), StepError> {
    run.report(|report| {
        if let Some(instance) = &mut report.instance {
            instance.rest = order;
        }
    })
    .await
    .map(drop)
}
