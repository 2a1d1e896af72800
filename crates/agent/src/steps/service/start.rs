//! From the start of a service to its first good answer, or the reason why there is none.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_engine::Error as EngineError;
use pierhead_engine::state::{Container, ContainerId, Exit, State};
use pierhead_model::deployment::{Failure, Reason};
use tokio_util::sync::CancellationToken;

use super::end::{copy_until_it_ends, tell};
use super::{Running, Service, Started, health, silence, spec, volumes};
use crate::backoff::Backoff;
use crate::handover;
use crate::steps::output::runs;
use crate::steps::{Context, StepError, end};

/// The longest wait between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What a service that is stopped before it was healthy may take.
const GRACE: Duration = Duration::from_secs(5);

/// What is known while a start takes its time.
#[derive(Debug, Default)]
struct Known {
    /// The last answer that was not good.
    last: Mutex<String>,
    container: Mutex<Option<ContainerId>>,
    /// What to say of a process that has ended and is not up again: that is the reason, not the time that went by.
    ended: Mutex<Option<Failure>>,
}

/// Starts the service, or finds it running, and waits until it is healthy. What fails is left as it is.
///
/// When `cancel` is triggered before it is healthy, it is stopped and the result is `Cancelled`. Dropping the future leaves the
/// container as it is, for the next call.
pub async fn start(
    context: &Context,
    service: &Service,
    cancel: &CancellationToken,
) -> Result<Started, StepError> {
    let container = service.container();
    let known = Known { last: Mutex::new("nothing was asked yet".to_owned()), ..Known::default() };
    let starting = async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(None),
            result = tokio::time::timeout(service.startup_timeout, Box::pin(try_starts(context, service, &container, &known))) => {
                Ok(Some(match result {
                    Ok(started) => started?,
                    Err(_) => Started::Failed(late(context, service, known).await),
                }))
            }
        }
    };
    match starting.await? {
        Some(started) => Ok(started),
        None => {
            end::stop(context, &container, GRACE).await?;
            Ok(Started::Cancelled)
        }
    }
}

async fn try_starts(
    context: &Context,
    service: &Service,
    container: &str,
    known: &Known,
) -> Result<Started, StepError> {
    let mut pause = Backoff::new(service.pause, LONGEST_PAUSE.max(service.pause));
    let mut starts = 0;
    loop {
        let (id, found) = match launch(context, service, container).await {
            Ok(launched) => launched,
            Err(StepError::Engine { error, .. }) if is_final(&error) => {
                return Ok(Started::Failed(not_started(service, &error)));
            }
            Err(error) => return Err(error),
        };
        *known.container.lock() = Some(id.clone());
        let address = match service.privileges.host_network {
            true => Some(Ipv4Addr::LOCALHOST),
            false => found.addresses.get(&service.networks.outside).copied(),
        };
        let healthy = async {
            match address.filter(|_| runs(&found.state)) {
                Some(address) => {
                    let running = Running { id: id.clone(), address };
                    health::wait_until_good(context, &running, &service.health, &known.last).await;
                    running
                }
                // It has ended already: whoever waits for that learns how.
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            exit = copy_until_it_ends(context, service, container, &id) => match exit {
                // Removed by somebody else: it is made again, and that is a start like any other.
                Err(StepError::Engine { error, .. }) if error.is_not_found() && starts + 1 < service.starts => {
                    starts += 1;
                    continue;
                }
                exit => exit?,
            },
            running = healthy => return Ok(Started::Healthy(running)),
        };
        starts += 1;
        context.say(
            &service.step,
            container,
            &format!("the process ended before it was healthy: {}", tell(service, &exit)),
        );
        let failure = ended(service, &exit, starts);
        if exit.oom_killed || starts >= service.starts {
            return Ok(Started::Failed(failure));
        }
        *known.ended.lock() = Some(failure);
        tokio::time::sleep(pause.advance()).await;
    }
}

/// Makes the container run: takes the one that is there, or makes it.
async fn launch(
    context: &Context,
    service: &Service,
    container: &str,
) -> Result<(ContainerId, Container), StepError> {
    let find = || context.engine.find(container);
    let found = context.patiently("looking for the service's container", find).await?;
    // The image may have to be asked what it runs; only of a container that has secrets and does not run.
    let concealed = async || {
        let (engine, init) = (&*context.engine, &context.init);
        let secrets: Vec<&str> = service.secret_values.iter().map(String::as_str).collect();
        let concealed = handover::conceal(engine, init, spec::of(service, container), &secrets).await;
        concealed.map_err(StepError::engine("looking at the service's image"))
    };
    let (id, handover) = match found.filter(|found| found.state != State::Dead) {
        Some(found) if runs(&found.state) || !handover::is_needed(&found) => (found.id, None),
        _ if service.unknown => {
            let why = "waiting for the control plane: only it knows this deployment's secrets";
            context.say(&service.step, container, why);
            // Whoever attends to the service begins anew when they have come.
            return std::future::pending().await;
        }
        Some(found) => (found.id, concealed().await?.1),
        None => {
            end::remove(context, container).await?;
            volumes::ensure(context, &service.place, &service.volumes).await?;
            let (spec, handover) = concealed().await?;
            let engine = Arc::clone(&context.engine);
            let made = context
                .settle("creating the service's container", async move { engine.create(&spec).await })
                .await?;
            (made.id, handover)
        }
    };
    pierhead_model::crash_point!("agent.container_created");
    let (engine, starting) = (Arc::clone(&context.engine), id.clone());
    context.settle("starting the service", handover::start(engine, starting, handover)).await?;
    pierhead_model::crash_point!("agent.container_started");
    thaw(context, &id).await;
    let found = context.patiently("looking at the service", || context.engine.inspect(&id)).await?;
    Ok((id, found))
}

/// Lets its processes go on: also of one that was found, for it may have been put to sleep before a crash.
pub async fn thaw(context: &Context, id: &ContainerId) {
    let Some(freezer) = context.engine.freeze() else { return };
    if let Err(error) = freezer.thaw(id).await {
        // One that does not run needs no thaw; whoever waits for its end learns why.
        tracing::debug!(%id, %error, "a service could not be thawed");
    }
}

async fn late(context: &Context, service: &Service, known: Known) -> Failure {
    if let Some(failure) = known.ended.into_inner() {
        return failure;
    }
    let limit_s = u32::try_from(service.startup_timeout.as_secs()).unwrap_or(u32::MAX);
    let (last, container) = (known.last.into_inner(), known.container.into_inner());
    let why = silence::explain_at(context, service, container.as_ref(), &last).await;
    let detail = format!("the service `{}` was not healthy within {limit_s} s: {why}", service.step);
    Failure::new(Reason::StartupTimeout { limit_s }, service.mask().apply(detail))
}

fn ended(service: &Service, exit: &Exit, starts: u32) -> Failure {
    if exit.oom_killed {
        let limit_mb = service.memory_mb;
        let detail = format!(
            "the service `{}` needed more than its {limit_mb} MiB of memory while starting: raise its `memory_mb`, or make it use less",
            service.step
        );
        return Failure::new(Reason::OutOfMemory { limit_mb, peak_mb: limit_mb }, detail);
    }
    let times = if starts == 1 { "once".to_owned() } else { format!("{starts} times") };
    let detail = format!(
        "the process of the service `{}` ended {times} before it was healthy, last with {}: see its log",
        service.step,
        tell(service, exit)
    );
    Failure::new(Reason::StartFailed { exit_code: Some(exit.code) }, detail)
}

fn not_started(service: &Service, error: &EngineError) -> Failure {
    let why = service.mask().apply(error.to_string());
    let detail = format!("the service `{}` could not be started: {why}", service.step);
    match error {
        EngineError::NoSuchImage { .. } => Failure::new(Reason::ImagePullFailed, detail),
        _ => Failure::new(Reason::StartFailed { exit_code: None }, detail),
    }
}

/// Whether the engine would say the same if it were asked again.
fn is_final(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::NoSuchImage { .. } | EngineError::Refused { .. } | EngineError::NotFound { .. }
    )
}
