//! What a service does while it sleeps, and how it wakes up.
//!
//! Frozen processes keep their sockets: who connects meanwhile is answered after the thaw. Stopped ones have given their memory
//! back; their container is kept, and the agent has what it must be handed, so waking up needs no control plane. Only an agent that was
//! restarted meanwhile asks for the secrets first.

use pierhead_engine::state::Exit;
use pierhead_model::sleep::{Rest, RestOrder};
use tokio::sync::watch;

use super::keep::Keeper;
use super::orders::patiently;
use crate::steps;
use crate::steps::service::{Running, Service};

/// Resolves when something else is ordered than `held`; a new number for the same depth is something else too, because whoever
/// gave it waits until it is reported.
pub(super) async fn changed(orders: &mut watch::Receiver<RestOrder>, held: RestOrder) {
    if orders.wait_for(|order| *order != held).await.is_err() {
        // Nobody will order anything any more; it stays as it is until the worker is told to stop.
        std::future::pending::<()>().await;
    }
}

/// Stops the processes in place until something else is ordered, or they end: then how.
pub(super) async fn freeze(
    keeper: &Keeper<'_>,
    service: &Service,
    running: &Running,
    orders: &mut watch::Receiver<RestOrder>,
    order: RestOrder,
) -> Option<Option<Exit>> {
    let run = keeper.orders.run;
    if let Some(freezer) = run.node.engine.freeze() {
        if let Err(error) = freezer.freeze(&running.id).await {
            // It runs on, which costs memory and nothing else.
            tracing::warn!(deployment = %run.id, %error, "an idle service could not be frozen");
        } else {
            let line = "asleep: nobody needed it; it goes on with the next request";
            run.log.say(keeper.name.as_str(), line);
        }
    }
    let rest = keeper.rested(service, order);
    keeper.say(|instance| instance.rest = rest).await;
    pierhead_model::crash_point!("agent.frozen");
    tokio::select! {
        () = changed(orders, order) => {
            steps::service::thaw(&keeper.orders.context, &running.id).await;
            None
        }
        exit = keeper.until_it_ends(service) => Some(exit),
    }
}

/// Ends the processes politely and waits until something else is ordered.
pub(super) async fn stop(
    keeper: &Keeper<'_>,
    service: &Service,
    orders: &mut watch::Receiver<RestOrder>,
    order: RestOrder,
) {
    let (log, context) = (&keeper.orders.run.log, &keeper.orders.context);
    let container = service.container();
    let mut has_ended = keeper.runs(service).await;
    patiently(|| steps::end::stop(context, &container, keeper.grace)).await;
    let secrets = &service.secret_values;
    if has_ended
        && !service.unknown
        && let Err(error) = steps::service::last_words(context, &service.step, &container, secrets).await
    {
        tracing::warn!(step = %keeper.name, %error, "the last words of a service cannot be read");
    }
    let mut order = order;
    loop {
        // What is stopped sleeps deeper than one that is only to be frozen, which is no harm.
        let rest = keeper.rested(service, RestOrder { rest: Rest::Stopped, number: order.number });
        keeper
            .say(|instance| {
                instance.set_replica(service.replica, None);
                instance.next_start_at = None;
                instance.rest = rest;
            })
            .await;
        if std::mem::take(&mut has_ended) {
            log.say(keeper.name.as_str(), "asleep: stopped, its memory is free; the next request starts it");
        }
        pierhead_model::crash_point!("agent.asleep");
        changed(orders, order).await;
        order = *orders.borrow_and_update();
        if order.rest == Rest::Awake {
            log.say(keeper.name.as_str(), "woken");
            return;
        }
    }
}
