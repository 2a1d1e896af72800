//! Keeps a healthy service running until it is told to stop.
//!
//! A process that ends is started again after a wait that doubles; a minute without an end resets the wait. Nothing here
//! moves traffic or ends a deployment: what is, is reported, and the control plane decides. A container that was removed
//! by somebody else is made again from the release. One that nobody needs sleeps, see [`crate::sleeper`].

use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{InstanceReport, Phase};
use pierhead_model::health::HealthKind;
use pierhead_model::release::Release;
use pierhead_model::sleep::{Rest, RestOrder};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::executor::{self, Instance, Run, StepError};
use crate::health::{self, Answer};
use crate::sleeper::{self, Thawed};

/// A process that ran this long is not in a loop of crashes.
const STABLE: Duration = Duration::from_secs(60);
/// Before the engine is asked again when it fails.
const ENGINE_PAUSE: Duration = Duration::from_secs(2);

/// Keeps the service running. `started` is its container when it was just found healthy; without one, what runs is adopted.
pub(crate) async fn keep(run: &Run, release: &Release, started: Option<Instance>) -> StepError {
    let keeping = async {
        match keep_running(run, release, started).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    };
    tokio::select! {
        error = keeping => error,
        never = run.copy_output() => match never {},
    }
}

async fn keep_running(
    run: &Run,
    release: &Release,
    started: Option<Instance>,
) -> Result<std::convert::Infallible, StepError> {
    let (first, longest) = run.node.options.restart_backoff;
    let mut backoff = Backoff::new(first, longest);
    let mut next = started;
    let mut orders = run.node.rests.follow(&run.id, run.node.book.get(&run.id).as_ref());
    loop {
        let order = *orders.borrow_and_update();
        if order.rest == Rest::Stopped {
            sleeper::stop(run, &mut orders, order).await?;
            next = None;
            continue;
        }
        let instance = match next.take() {
            Some(instance) => instance,
            None => revive(run, release, &mut backoff, order.number).await?,
        };
        let begun = Instant::now();
        let awake = RestOrder { rest: Rest::Awake, number: order.number };
        healthy(run, &instance, awake).await?;
        let ended = if order.rest == Rest::Frozen {
            match sleeper::freeze(run, &instance, &mut orders, order).await? {
                Thawed::Told => {
                    next = Some(instance);
                    continue;
                }
                Thawed::Ended(ended) => ended,
            }
        } else {
            tokio::select! {
                ended = executor::wait(run, &instance.id) => ended,
                failed = watch_health(run, &instance) => { failed?; continue }
                () = sleeper::changed(&mut orders, order) => {
                    next = Some(instance);
                    continue;
                }
            }
        };
        if begun.elapsed() >= STABLE {
            backoff.reset();
        }
        let told = match ended {
            Ok(exit) => executor::tell(run, &exit),
            Err(StepError::Engine { error, .. }) if error.is_not_found() => {
                "its container was removed".to_owned()
            }
            Err(error) => {
                // The engine is away; the process may well go on.
                tracing::warn!(deployment = %run.id, %error, "the engine does not answer");
                tokio::time::sleep(ENGINE_PAUSE).await;
                continue;
            }
        };
        down(run, &told, &mut backoff, order.number).await?;
    }
}

/// Reports the end of the process and waits until the next start.
async fn down(run: &Run, told: &str, backoff: &mut Backoff, number: u64) -> Result<(), StepError> {
    let wait = backoff.advance();
    run.log.say(
        "service",
        &format!("the process ended: {told}; it is started again in {} s", wait.as_secs_f32()),
    );
    let at = Timestamp::now().checked_add(wait).ok();
    run.report(|report| {
        let instance = instance_of(report);
        instance.address = None;
        instance.healthy = false;
        instance.restarts += 1;
        instance.last_exit = Some(told.to_owned());
        instance.next_start_at = at;
        // Awake, though not well: whoever waits for it is told so, and waits no longer.
        instance.rest = RestOrder { rest: Rest::Awake, number };
    })
    .await?;
    tokio::time::sleep(wait).await;
    Ok(())
}

/// Starts the process (or finds it running) and waits until it is healthy, as long as that takes.
async fn revive(
    run: &Run,
    release: &Release,
    backoff: &mut Backoff,
    number: u64,
) -> Result<Instance, StepError> {
    loop {
        let instance = match executor::launch(run, release).await {
            Ok(instance) => instance,
            Err(error) => {
                tracing::warn!(deployment = %run.id, %error, "a service could not be started; trying again");
                down(run, &format!("it could not be started ({error})"), backoff, number).await?;
                continue;
            }
        };
        sleeper::thaw(run, &instance).await;
        let last = Mutex::new(String::new());
        tokio::select! {
            () = executor::wait_until_good(run, &instance, &last) => return Ok(instance),
            ended = executor::wait(run, &instance.id) => {
                let told = match ended {
                    Ok(exit) => executor::tell(run, &exit),
                    Err(error) => error.to_string(),
                };
                down(run, &told, backoff, number).await?;
            }
        }
    }
}

async fn healthy(run: &Run, instance: &Instance, awake: RestOrder) -> Result<(), StepError> {
    let address = instance.address;
    run.report(|report| {
        report.phase = Phase::Healthy;
        let instance = instance_of(report);
        instance.address = Some(address);
        instance.healthy = true;
        instance.next_start_at = None;
        instance.rest = awake;
    })
    .await?;
    pierhead_model::crash_point!("agent.healthy_reported");
    Ok(())
}

/// Asks now and then; reports when the answers turn bad. Returns when they are good again.
async fn watch_health(run: &Run, instance: &Instance) -> Result<(), StepError> {
    let work = &run.held.assignment.work;
    let check = &work.health;
    let mut ticks = tokio::time::interval(Duration::from_millis(check.interval_ms.max(20).into()));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut bad, mut unhealthy) = (0, false);
    loop {
        ticks.tick().await;
        remember_peak(run, instance).await?;
        if check.kind == HealthKind::Process {
            continue;
        }
        match health::ask(check, instance.address, work.hostname.as_str()).await {
            Answer::Good if unhealthy => {
                run.log.say("service", "healthy again");
                return Ok(());
            }
            Answer::Good => bad = 0,
            Answer::Bad(why) => {
                bad += 1;
                if bad >= check.unhealthy_after && !unhealthy {
                    unhealthy = true;
                    run.log.say("service", &format!("unhealthy: {why}"));
                    run.report(|report| instance_of(report).healthy = false).await?;
                }
            }
        }
    }
}

/// The highest memory seen, reported when it has grown by a tenth: a report for every byte would be noise.
async fn remember_peak(run: &Run, instance: &Instance) -> Result<(), StepError> {
    let Ok(stats) = run.node.engine.stats(&instance.id).await else { return Ok(()) };
    let known = run.node.book.get(&run.id).and_then(|report| report.peak_memory_bytes).unwrap_or(0);
    if stats.working_set > known + known / 10 {
        run.report(|report| report.peak_memory_bytes = Some(stats.working_set)).await?;
    }
    Ok(())
}

fn instance_of(report: &mut pierhead_model::assignment::Report) -> &mut InstanceReport {
    report.instance.get_or_insert_default()
}
