//! Starting a service, and waiting until it is healthy.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pierhead_engine::{ContainerSpec, EngineError, Limits, Mount, Profile, Status, VolumeKind, VolumeSpec};
use pierhead_model::assignment::{InstanceReport, Phase, platform_variables};
use pierhead_model::crash_point;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::digest::Digest;
use pierhead_model::health::HealthKind;
use pierhead_model::release::{Release, StartSettings};
use tokio::time::Instant;

use super::{health, network};
use crate::build;
use crate::identity::{APP_UID, object_name};
use crate::worker::{Task, internal};

/// Times a process may end by itself before it was healthy once.
const STARTS: u32 = 3;
/// The first question comes soon, so that a quick service is live at once; the next ones come ever later.
const FIRST_PAUSE: Duration = Duration::from_millis(15);

/// A container of a service, and how to reach it.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) container: String,
    pub(super) port: u16,
    pub(super) address: SocketAddr,
}

pub(super) async fn until_healthy(task: &Task, release: &Release) -> Result<Instance, Failure> {
    let limit_s = task.assignment.work.limits.startup_timeout_s;
    let deadline = Instant::now() + Duration::from_secs(u64::from(limit_s));
    let (spec, port) = prepare(task, release).await?;
    // A deployment never changes, so a container that is there from before a restart is the right one.
    if !exists(task, &spec.name).await? {
        let created = task.node.engine.container_create(&spec).await;
        created.map_err(|error| internal("making the service's container", &error))?;
    }
    crash_point!("agent.service_created");
    for start in 1.. {
        let instance = boot(task, &spec.name, port).await?;
        crash_point!("agent.service_started");
        let output = super::keep::Output::follow(task, &spec.name);
        match wait(task, &instance, deadline).await? {
            Answer::Healthy => {
                task.report(|report| {
                    report.phase = Phase::Healthy;
                    report.instance = Some(InstanceReport {
                        address: Some(instance.address),
                        healthy: true,
                        restarts: 0,
                        last_exit: None,
                        next_start_at: None,
                    });
                });
                crash_point!("agent.healthy");
                output.detach();
                return Ok(instance);
            }
            Answer::Ended => {
                output.finish().await;
                let failure = ended(task, &spec.name).await?;
                if start >= STARTS || Instant::now() >= deadline {
                    return Err(failure);
                }
                task.say("start", format!("{} It is started again.", failure.detail)).await;
                tokio::time::sleep(Duration::from_millis(500) * start).await;
            }
            Answer::TimedOut { last } => {
                let state = task.node.engine.container_inspect(&instance.container).await;
                if state.is_ok_and(|state| state.status == Status::Exited) {
                    return Err(ended(task, &spec.name).await?);
                }
                return Err(timed_out(task, &instance, limit_s, &last).await);
            }
        }
    }
    Err(Failure::new(Reason::Internal, "The service was not started."))
}

async fn exists(task: &Task, container: &str) -> Result<bool, Failure> {
    match task.node.engine.container_inspect(container).await {
        Ok(_) => Ok(true),
        Err(EngineError::NotFound { .. }) => Ok(false),
        Err(error) => Err(internal("looking for the service's container", &error)),
    }
}

/// Starts the container, unless it runs already, and finds its address.
pub(super) async fn boot(task: &Task, container: &str, port: u16) -> Result<Instance, Failure> {
    let failed = |error: EngineError| internal("starting the service", &error);
    let engine = &task.node.engine;
    if engine.container_inspect(container).await.map_err(failed)?.status != Status::Running {
        engine.container_start(container).await.map_err(failed)?;
    }
    let found = engine.container_inspect(container).await.map_err(failed)?;
    let ip = found.address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    Ok(Instance { container: container.to_owned(), port, address: SocketAddr::new(ip, port) })
}

enum Answer {
    Healthy,
    /// The process ended.
    Ended,
    TimedOut {
        last: String,
    },
}

async fn wait(task: &Task, instance: &Instance, deadline: Instant) -> Result<Answer, Failure> {
    let check = &task.assignment.work.health;
    let mut pause = FIRST_PAUSE;
    let longest = Duration::from_millis(u64::from(check.interval_ms.max(50))).min(Duration::from_secs(1));
    let mut good = 0;
    let mut last = String::from("nothing answered");
    loop {
        let ask = health::ask(task, instance);
        match tokio::time::timeout_at(deadline, ask).await {
            Err(_) => return Ok(Answer::TimedOut { last }),
            Ok(Ok(())) => {
                good += 1;
                if good >= check.healthy_after.max(1) {
                    return Ok(Answer::Healthy);
                }
            }
            Ok(Err(why)) => {
                good = 0;
                last = why;
            }
        }
        let state = task.node.engine.container_inspect(&instance.container).await;
        if state.map_err(|error| internal("looking at the service", &error))?.status != Status::Running {
            return Ok(Answer::Ended);
        }
        if Instant::now() + pause >= deadline {
            return Ok(Answer::TimedOut { last });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(longest);
    }
}

/// What the end of a process that was not healthy yet means.
async fn ended(task: &Task, container: &str) -> Result<Failure, Failure> {
    let found = task.node.engine.container_inspect(container).await;
    let exit = found.map_err(|error| internal("looking at the service", &error))?.exit;
    let limit_mb = task.assignment.work.limits.memory_mb;
    let code = exit.map(|exit| exit.code);
    if exit.is_some_and(|exit| exit.out_of_memory) {
        let detail = format!(
            "The service used more than its {limit_mb} MiB of memory while it started. Raise limits.memory_mb."
        );
        return Ok(Failure::new(Reason::OutOfMemory { limit_mb, peak_mb: limit_mb }, detail));
    }
    let shown = code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
    let detail = format!(
        "The service ended with exit code {shown} before it was healthy; the log has its last words."
    );
    Ok(Failure::new(Reason::StartFailed { exit_code: code }, detail))
}

/// A wrong port or address is the usual cause, so look what really listens.
async fn timed_out(task: &Task, instance: &Instance, limit_s: u32, last: &str) -> Failure {
    let port = instance.port;
    let listening = task.node.engine.container_listening(&instance.container).await.unwrap_or_default();
    let elsewhere: Vec<&SocketAddr> =
        listening.iter().filter(|socket| socket.port() != port || socket.ip().is_loopback()).collect();
    // The engine's own name server listens on 127.0.0.11.
    let own: Vec<String> = elsewhere
        .iter()
        .filter(|socket| socket.ip() != IpAddr::from([127, 0, 0, 11]))
        .map(ToString::to_string)
        .collect();
    let on_port = listening.iter().any(|socket| socket.port() == port && !socket.ip().is_loopback());
    let detail = if on_port {
        format!(
            "The service listens on port {port}, but did not answer {} well within {limit_s} s: {last}. Correct it, or \
             set health.path.",
            task.assignment.work.health.path
        )
    } else if own.is_empty() {
        format!(
            "Nothing answered on 0.0.0.0:{port} within {limit_s} s, and no process listens at all. Listen on 0.0.0.0:$PORT."
        )
    } else {
        format!(
            "Nothing answered on 0.0.0.0:{port} within {limit_s} s. The process listens on {}. Listen on 0.0.0.0 and use \
             $PORT, or set the port.",
            own.join(", ")
        )
    };
    Failure::new(Reason::StartupTimeout { limit_s }, detail)
}

async fn prepare(task: &Task, release: &Release) -> Result<(ContainerSpec, u16), Failure> {
    let failed = |error: EngineError| internal("preparing the service", &error);
    let labels = task.identity.object_labels(&task.assignment, "web");
    let limits = &task.assignment.work.limits;
    let (image, start, mounts, is_ours) = match release {
        Release::Site(_) => return Err(Failure::new(Reason::Internal, "A site has no process to start.")),
        Release::Service(service) => {
            let image =
                build::runtime_image(task, &service.runtime, Some(&service.runtime_version)).await?.image;
            let mounts = files(task, &service.layers, &labels).await?;
            (image, &service.start, mounts, true)
        }
        Release::Image(release) => (release.image.clone(), &release.start, Vec::new(), false),
    };
    if task.node.engine.image_id(&image).await.map_err(failed)?.is_none() {
        let detail = format!("The image {image} is not on this node any more. Deploy again to build it.");
        return Err(Failure::new(Reason::ImagePullFailed, detail));
    }
    let port = task.assignment.work.settings.port.unwrap_or(start.port);
    let command = task.assignment.work.settings.start_command.clone().or_else(|| start.command.clone());
    let spec = ContainerSpec {
        name: object_name(&task.assignment.deployment, "web"),
        image,
        entrypoint: None,
        // `exec` makes the process the one that gets the polite signal.
        command: command.map(|command| vec!["sh".to_owned(), "-c".to_owned(), command]),
        env: environment(task, start, port),
        working_dir: is_ours.then(|| "/app".to_owned()),
        user: is_ours.then(|| format!("{APP_UID}:{APP_UID}")),
        labels,
        limits: Limits {
            memory_bytes: u64::from(limits.memory_mb) << 20,
            cpu_millis: ((limits.cpu * 1000.0) as u32).max(1),
            pids: limits.pids,
        },
        mounts,
        network: Some(network::ensure(task).await.map_err(failed)?),
        profile: Profile::Service,
        read_only_root: is_ours,
    };
    Ok((spec, port))
}

/// The release's layers on top of each other, and on top of them a folder for what the process writes.
async fn files(
    task: &Task,
    layers: &[Digest],
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Mount>, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| internal("preparing the service's files", error);
    let folder = build::folder(task);
    fs_err::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let mut lower = Vec::new();
    for layer in layers.iter().rev() {
        lower.push(build::materialise(task, *layer).await?);
    }
    let empty = writable(&folder.join("empty")).map_err(|error| failed(&error))?;
    let volumes =
        [("app", "/app", lower), ("home", "/home/app", vec![empty.clone()]), ("tmp", "/tmp", vec![empty])];
    let mut mounts = Vec::new();
    for (part, target, lower) in volumes {
        let name = object_name(&task.assignment.deployment, &format!("web-{part}"));
        let upper = writable(&folder.join(format!("web-{part}"))).map_err(|error| failed(&error))?;
        let work = writable(&folder.join(format!("web-{part}-overlay"))).map_err(|error| failed(&error))?;
        let kind = VolumeKind::Overlay { lower, upper, work };
        let volume = VolumeSpec { name: name.clone(), labels: labels.clone(), kind };
        task.node.engine.volume_create(&volume).await.map_err(|error| failed(&error))?;
        mounts.push(Mount::Volume { name, target: target.to_owned() });
    }
    Ok(mounts)
}

fn writable(folder: &std::path::Path) -> std::io::Result<PathBuf> {
    fs_err::create_dir_all(folder)?;
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(folder, Some(APP_UID), Some(APP_UID))?;
    }
    Ok(folder.to_owned())
}

fn environment(task: &Task, start: &StartSettings, port: u16) -> BTreeMap<String, String> {
    let mut environment = platform_variables(&task.assignment, task.latest().commit.as_ref());
    let fixed =
        [("HOST", "0.0.0.0"), ("HOSTNAME", "0.0.0.0"), ("PYTHONUNBUFFERED", "1"), ("HOME", "/home/app")];
    environment.extend(fixed.map(|(key, value)| (key.to_owned(), value.to_owned())));
    environment.extend(start.variables.clone());
    let at_runtime = task.assignment.work.variables.iter().filter(|variable| variable.exposure.at_runtime());
    environment.extend(at_runtime.map(|variable| (variable.key.as_str().to_owned(), variable.value.clone())));
    if task.assignment.work.health.kind != HealthKind::Process {
        environment.insert("PORT".to_owned(), port.to_string());
    }
    if let Some(root) = &start.document_root {
        environment.insert("PIERHEAD_DOCUMENT_ROOT".to_owned(), root.clone());
    }
    environment
}
