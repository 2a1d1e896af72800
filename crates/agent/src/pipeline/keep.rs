//! Services of a run that are healthy stay so: one that ends is started again, after a wait that doubles.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use pierhead_engine::state::State;
use pierhead_model::Timestamp;
use pierhead_model::assignment::InstanceReport;
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::service::ServiceStep;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::notes::Notes;
use super::orders::{Orders, shown_port};
use crate::backoff::Backoff;
use crate::steps;
use crate::steps::service::{Service, Started};

/// A process that ran this long is not in a loop of crashes.
const STABLE: Duration = Duration::from_secs(60);
/// Before something that could not be done is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Keeps every replica of a service running. Never resolves; dropping it leaves them running.
pub(super) fn keep<'r>(
    orders: Orders<'r>,
    name: StepName,
    step: ServiceStep,
    attempt: u32,
    notes: Notes,
) -> BoxFuture<'r, ()> {
    Box::pin(async move {
        let replicas = loop {
            match orders.describe_service(&name, &step, attempt, &notes).await {
                Ok(replicas) => break replicas,
                Err(failure) => {
                    tracing::warn!(deployment = %orders.run.id, step = %name, detail = failure.detail, "trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let port = shown_port(&step);
        join_all(replicas.iter().map(|service| keep_one(&orders, &name, service, port))).await;
    })
}

async fn keep_one(orders: &Orders<'_>, name: &StepName, service: &Service, shown: Option<u16>) {
    let (first, longest) = orders.run.node.options.restart_backoff;
    let mut backoff = Backoff::new(first, longest);
    let never = CancellationToken::new();
    loop {
        let told = match orders.start_replica(service, &never).await {
            Started::Healthy(running) => {
                let begun = Instant::now();
                if let Some(port) = shown {
                    let address = (running.address, port).into();
                    say(orders, name, |instance| {
                        instance.set_replica(service.replica, Some(address));
                        instance.next_start_at = None;
                    })
                    .await;
                }
                if let Err(error) = steps::service::follow(&orders.context, service).await {
                    tracing::warn!(step = %name, %error, "a service's output cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
                if runs(orders, service).await {
                    continue;
                }
                if begun.elapsed() >= STABLE {
                    backoff.reset();
                }
                "the process ended".to_owned()
            }
            Started::Failed(failure) => failure.detail,
            Started::Cancelled => return,
        };
        let wait = backoff.advance();
        orders
            .run
            .log
            .say(name.as_str(), &format!("{told}; it is started again in {} s", wait.as_secs_f32()));
        let at = Timestamp::now().checked_add(wait).ok();
        if shown.is_some() {
            say(orders, name, |instance| {
                instance.set_replica(service.replica, None);
                instance.restarts += 1;
                instance.last_exit = Some(told.clone());
                instance.next_start_at = at;
            })
            .await;
        }
        tokio::time::sleep(wait).await;
    }
}

async fn runs(orders: &Orders<'_>, service: &Service) -> bool {
    let found = orders.run.node.engine.find(&service.container()).await;
    found.is_ok_and(|found| found.is_some_and(|found| matches!(found.state, State::Running { .. })))
}

async fn say(orders: &Orders<'_>, name: &StepName, change: impl Fn(&mut InstanceReport)) {
    let said = orders.run.report(|report| change(report.services.entry(name.clone()).or_default()));
    if let Err(error) = said.await {
        tracing::warn!(step = %name, %error, "a report cannot be written");
    }
}
