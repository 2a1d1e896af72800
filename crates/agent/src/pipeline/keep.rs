//! Services of a run that are healthy stay so.
//!
//! A process that ends is started again after a wait that doubles; a minute without an end resets the wait. Nothing here moves
//! traffic or ends a deployment: what is, is reported, and the control plane decides. A container that was removed by somebody
//! else is made again. A service that nobody needs sleeps, see [`super::sleep`].

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use pierhead_engine::state::{Exit, State};
use pierhead_model::Timestamp;
use pierhead_model::assignment::{InstanceReport, Report};
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::service::ServiceStep;
use pierhead_model::sleep::{Rest, RestOrder};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::notes::Notes;
use super::orders::Orders;
use super::sleep::{self, changed};
use crate::backoff::Backoff;
use crate::steps;
use crate::steps::service::{Answer, Check, Running, Service, Started};

/// A process that ran this long is not in a loop of crashes.
const STABLE: Duration = Duration::from_secs(60);
/// Before something that could not be done is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// The shortest time between two questions.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

/// Keeps the replicas of one service.
pub(super) struct Keeper<'k> {
    pub(super) orders: &'k Orders<'k>,
    pub(super) name: &'k StepName,
    /// Between the polite and the forced stop.
    pub(super) grace: Duration,
    /// The last order to sleep or to wake up that each replica has carried out.
    rests: Mutex<BTreeMap<u32, RestOrder>>,
}

/// Keeps every replica of a service running, beginning with those that were just found healthy. Never resolves; dropping it
/// leaves them running.
pub(super) fn keep<'r>(
    orders: Orders<'r>,
    name: StepName,
    step: ServiceStep,
    (attempt, mut found): (u32, BTreeMap<u32, Running>),
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
        // Each end of a process is told and waited for here.
        let replicas: Vec<_> = replicas.into_iter().map(|service| Service { starts: 1, ..service }).collect();
        let rests = replicas.iter().map(|service| (service.replica, RestOrder::default())).collect();
        let grace = super::orders::grace_of(&step);
        let keeper = Keeper { orders: &orders, name: &name, grace, rests: Mutex::new(rests) };
        let keeping: Vec<_> =
            replicas.iter().map(|service| keeper.keep_one(service, found.remove(&service.replica))).collect();
        join_all(keeping).await;
    })
}

impl Keeper<'_> {
    async fn keep_one(&self, service: &Service, found: Option<Running>) {
        let run = self.orders.run;
        let (first, longest) = run.node.options.restart_backoff;
        let mut backoff = Backoff::new(first, longest);
        let never = CancellationToken::new();
        let mut orders = run.node.rests.follow(&run.id, run.node.book.get(&run.id).as_ref());
        let mut known = found;
        loop {
            let order = *orders.borrow_and_update();
            if order.rest == Rest::Stopped {
                sleep::stop(self, service, &mut orders, order).await;
                known = None;
                continue;
            }
            let running = match known.take() {
                Some(running) => running,
                None => match self.orders.start_replica(service, &never).await {
                    Started::Healthy(running) => running,
                    Started::Failed(failure) => {
                        let end = End { told: failure.detail, words: "", oom: false };
                        self.down(service, &mut backoff, order.number, end).await;
                        continue;
                    }
                    Started::Cancelled => return,
                },
            };
            let begun = Instant::now();
            self.up(service, &running, order.number).await;
            let ended = if order.rest == Rest::Frozen {
                sleep::freeze(self, service, &running, &mut orders, order).await
            } else {
                tokio::select! {
                    exit = self.until_it_ends(service) => Some(exit),
                    () = self.watch(service, &running) => None,
                    () = changed(&mut orders, order) => None,
                }
            };
            let Some(exit) = ended else {
                known = Some(running);
                continue;
            };
            if begun.elapsed() >= STABLE {
                backoff.reset();
            }
            let told = exit.as_ref().map_or_else(
                || "its container was removed".to_owned(),
                |exit| steps::service::tell(service, exit),
            );
            let oom = exit.as_ref().is_some_and(|exit| exit.oom_killed);
            let end = End { told, words: "the process ended: ", oom };
            self.down(service, &mut backoff, order.number, end).await;
        }
    }

    /// Copies what it prints, also across a restart of the engine. `None` when its container is gone.
    pub(super) async fn until_it_ends(&self, service: &Service) -> Option<Exit> {
        loop {
            match steps::service::follow(&self.orders.context, service).await {
                Ok(exit) => return exit,
                // The engine is away; the process may well go on.
                Err(error) => {
                    tracing::warn!(step = %self.name, %error, "a service's output cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Asks now and then; reports when the answers turn bad. Returns when they are good again.
    async fn watch(&self, service: &Service, running: &Running) {
        let health = &service.health;
        let mut ticks = tokio::time::interval(health.interval.max(SHORTEST_INTERVAL));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut bad, mut unhealthy) = (0, false);
        loop {
            ticks.tick().await;
            self.remember_peak(running).await;
            if health.check == Check::Process {
                continue;
            }
            match steps::service::ask(&self.orders.context, running, health).await {
                Answer::Good if unhealthy => {
                    self.orders.run.log.say(self.name.as_str(), "healthy again");
                    return;
                }
                Answer::Good => bad = 0,
                Answer::Bad(why) => {
                    bad += 1;
                    if bad >= health.unhealthy_after && !unhealthy {
                        unhealthy = true;
                        self.orders.run.log.say(self.name.as_str(), &format!("unhealthy: {why}"));
                        self.say(|instance| match instance.replicas.len() {
                            // The others take its visitors; the last one keeps them, for a bad answer is better than none.
                            2.. => instance.set_replica(service.replica, None),
                            _ => instance.healthy = false,
                        })
                        .await;
                    }
                }
            }
        }
    }

    async fn up(&self, service: &Service, running: &Running, number: u64) {
        let awake = self.rested(service, RestOrder { rest: Rest::Awake, number });
        let Some(port) = service.port else { return };
        let address = (running.address, port).into();
        self.say(|instance| {
            instance.set_replica(service.replica, Some(address));
            instance.next_start_at = None;
            instance.rest = awake;
        })
        .await;
    }

    /// Reports the end of a process and waits until the next start.
    async fn down(
        &self,
        service: &Service,
        backoff: &mut Backoff,
        number: u64,
        End { told, words, oom }: End,
    ) {
        let wait = backoff.advance();
        let line = format!("{words}{told}; it is started again in {} s", wait.as_secs_f32());
        self.orders.run.log.say(self.name.as_str(), &line);
        let at = Timestamp::now().checked_add(wait).ok();
        // Awake, though not well: whoever waits for it is told so, and waits no longer.
        let awake = self.rested(service, RestOrder { rest: Rest::Awake, number });
        if service.port.is_some() {
            self.say(|instance| {
                instance.set_replica(service.replica, None);
                instance.restarts += 1;
                instance.oom_kills += u32::from(oom);
                instance.last_exit = Some(told.clone());
                instance.next_start_at = at;
                instance.rest = awake;
            })
            .await;
        }
        tokio::time::sleep(wait).await;
    }

    /// A replica has carried out an order. The service has when all of them have: what they have in common comes back.
    pub(super) fn rested(&self, service: &Service, order: RestOrder) -> RestOrder {
        let mut rests = self.rests.lock();
        rests.insert(service.replica, order);
        rests.values().min_by_key(|order| order.number).copied().unwrap_or(order)
    }

    /// Changes what is reported of the service.
    pub(super) async fn say(&self, change: impl Fn(&mut InstanceReport)) {
        let orders = self.orders;
        let said = orders.run.report(|report| change(instance_of(report, orders, self.name)));
        if let Err(error) = said.await {
            tracing::warn!(step = %self.name, %error, "a report cannot be written");
        }
    }

    /// The highest memory seen, reported when it has grown by a tenth: a report for every byte would be noise.
    async fn remember_peak(&self, running: &Running) {
        let run = self.orders.run;
        let Ok(stats) = run.node.engine.stats(&running.id).await else { return };
        let known = run.node.book.get(&run.id).and_then(|report| report.peak_memory_bytes).unwrap_or(0);
        if stats.working_set > known + known / 10
            && let Err(error) = run.report(|report| report.peak_memory_bytes = Some(stats.working_set)).await
        {
            tracing::warn!(step = %self.name, %error, "a report cannot be written");
        }
    }

    /// Whether its process is there, frozen or not.
    pub(super) async fn runs(&self, service: &Service) -> bool {
        let found = self.orders.run.node.engine.find(&service.container()).await;
        let runs = |state: &State| matches!(state, State::Running { .. } | State::Paused { .. });
        found.is_ok_and(|found| found.is_some_and(|found| runs(&found.state)))
    }
}

/// How a process ended.
struct End {
    told: String,
    /// Said before it in the log.
    words: &'static str,
    /// Its memory had run out.
    oom: bool,
}

/// An application's only service is its instance; those of a pipeline have names.
fn instance_of<'r>(report: &'r mut Report, orders: &Orders<'_>, name: &StepName) -> &'r mut InstanceReport {
    match orders.work.is_generated() {
        true => report.instance.get_or_insert_default(),
        false => report.services.entry(name.clone()).or_default(),
    }
}
