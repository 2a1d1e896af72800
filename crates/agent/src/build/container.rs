//! One command of a build in a container of its own, with every limit, watched until it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use pierhead_engine::{
    ContainerSpec, EngineError, Exit, Limits, LogCursor, Mount, Profile, Usage, VolumeKind, VolumeSpec,
};
use pierhead_model::crash_point;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::log::LogStream;
use tokio::time::Instant;

use super::{Place, disk};
use crate::identity::{APP_UID, object_name};
use crate::lines::Lines;
use crate::service::network;
use crate::usage::disk_free;
use crate::worker::{Task, internal};

/// Where containers find the certificates they trust.
pub(crate) const CA_BUNDLE: Option<&str> = Some("/etc/ssl/certs/ca-certificates.crt");
/// What a build may print.
const LOG_LIMIT_MB: u32 = 64;
/// How often memory and processes are looked at.
const SAMPLE_PERIOD: Duration = Duration::from_millis(100);
/// How long the last lines may take after the end.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct BuildContainer<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    /// The folders below what it writes, the topmost first.
    pub(super) lower: &'a [PathBuf],
    pub(super) upper: &'a Path,
    pub(super) place: &'a Place,
}

/// Runs `command` in a shell inside the container. Everything it made in the engine is removed at the end.
pub(super) async fn run(
    task: &Task,
    container: &BuildContainer<'_>,
    command: &str,
    environment: BTreeMap<String, String>,
    deadline: Instant,
) -> Result<(), Failure> {
    let prepared = prepare(task, container, command, environment).await;
    let spec = prepared.map_err(|error| internal("preparing a build container", &error))?;
    task.say(container.name, format!("$ {command}")).await;
    crash_point!("agent.container_created");
    task.node
        .engine
        .container_start(&spec.name)
        .await
        .map_err(|error| internal("starting a build container", &error))?;
    crash_point!("agent.container_started");
    let verdict = watch(task, container, &spec.name, deadline).await;
    remove(task).await.map_err(|error| internal("removing a build container", &error))?;
    verdict
}

/// Removes a deployment's containers and volumes; the network stays for the service.
pub(super) async fn remove(task: &Task) -> Result<(), EngineError> {
    let labels = task.identity.labels_of(&task.assignment.deployment);
    for container in task.node.engine.container_list(&labels).await? {
        task.node.engine.container_remove(&container.name).await?;
    }
    for volume in task.node.engine.volume_list(&labels).await? {
        task.node.engine.volume_remove(&volume.name).await?;
    }
    Ok(())
}

async fn prepare(
    task: &Task,
    container: &BuildContainer<'_>,
    command: &str,
    environment: BTreeMap<String, String>,
) -> Result<ContainerSpec, EngineError> {
    let deployment = &task.assignment.deployment;
    let labels = task.identity.object_labels(&task.assignment, container.name);
    let io =
        |error: std::io::Error| EngineError::Other { doing: "preparing folders", message: error.to_string() };
    let empty = container.place.writable("empty").map_err(io)?;
    let volumes = [
        ("app", "/app", container.lower.to_vec(), container.upper.to_owned()),
        ("home", "/home/app", vec![empty.clone()], container.place.writable("home").map_err(io)?),
        ("tmp", "/tmp", vec![empty], container.place.writable("tmp").map_err(io)?),
    ];
    let mut mounts = Vec::new();
    for (part, target, lower, upper) in volumes {
        let name = object_name(deployment, &format!("{}-{part}", container.name));
        let work = container.place.writable(&format!("{}-{part}-overlay", container.name)).map_err(io)?;
        let kind = VolumeKind::Overlay { lower, upper, work };
        let volume = VolumeSpec { name: name.clone(), labels: labels.clone(), kind };
        task.node.engine.volume_create(&volume).await?;
        mounts.push(Mount::Volume { name, target: target.to_owned() });
    }
    if let (Some(source), Some(target)) = (&task.node.options.ca_bundle, CA_BUNDLE) {
        mounts.push(Mount::ReadOnlyBind { source: source.clone(), target: target.to_owned() });
    }
    let limits = &task.assignment.work.limits;
    let spec = ContainerSpec {
        name: object_name(deployment, container.name),
        image: container.image.to_owned(),
        entrypoint: None,
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()]),
        env: environment,
        working_dir: Some("/app".to_owned()),
        user: Some(format!("{APP_UID}:{APP_UID}")),
        labels,
        limits: Limits {
            memory_bytes: u64::from(limits.build_memory_mb) << 20,
            cpu_millis: cpu_millis(limits.build_cpu),
            pids: limits.build_pids,
        },
        mounts,
        network: Some(network::ensure(task).await?),
        profile: Profile::Build,
        read_only_root: true,
    };
    task.node.engine.container_create(&spec).await?;
    Ok(spec)
}

pub(crate) fn cpu_millis(cores: f64) -> u32 {
    (cores * 1000.0).clamp(1.0, f64::from(u32::MAX)) as u32
}

/// What is seen of a container while it runs.
#[derive(Debug, Default)]
struct Seen {
    usage: Usage,
    peak: u64,
}

/// Until it ends, or must be ended: the first limit that is reached is the reason.
async fn watch(
    task: &Task,
    container: &BuildContainer<'_>,
    name: &str,
    deadline: Instant,
) -> Result<(), Failure> {
    let limits = &task.assignment.work.limits;
    let mut seen = Seen::default();
    let mut printing = std::pin::pin!(print(task, container.name, name));
    let mut printed = false;
    let mut samples = tokio::time::interval(SAMPLE_PERIOD);
    let mut disk = disk::Watch::new(task, container, u64::from(limits.build_disk_mb) << 20);
    let mut ending = std::pin::pin!(task.node.engine.container_wait(name));
    let exit = loop {
        tokio::select! {
            exit = &mut ending => break exit.map_err(|error| internal("waiting for a build", &error))?,
            result = &mut printing, if !printed => {
                result?;
                printed = true;
            }
            _ = samples.tick() => {
                sample(task, name, &mut seen).await;
                disk.look().await?;
                if disk_free(&task.node.options.data_dir) < task.node.options.disk_reserve {
                    let detail = "The node's disk is nearly full, so this build was ended before anything else suffers. \
                                  Free some space on the node and redeploy.";
                    return Err(Failure::new(Reason::DiskLimit { limit_mb: limits.build_disk_mb }, detail));
                }
            }
            () = tokio::time::sleep_until(deadline) => {
                if seen.usage.pids_refused > 0 {
                    return Err(too_many_processes(task));
                }
                let limit_s = limits.build_timeout_s;
                let detail = format!("The build took longer than {limit_s} s. Raise limits.build_timeout_s if it has to.");
                return Err(Failure::new(Reason::BuildTimeout { limit_s }, detail));
            }
        }
    };
    crash_point!("agent.container_exited");
    if !printed && let Ok(result) = tokio::time::timeout(LAST_LINES_LIMIT, printing).await {
        result?;
    }
    task.report(|report| report.peak_memory_bytes = report.peak_memory_bytes.max(Some(seen.peak)));
    judge(task, container.name, exit, &seen)
}

async fn sample(task: &Task, name: &str, seen: &mut Seen) {
    if let Ok(Some(usage)) = task.node.engine.container_usage(name).await {
        seen.peak = seen.peak.max(usage.memory_peak_bytes);
        seen.usage = usage;
    }
}

/// What the end of a command means.
fn judge(task: &Task, step: &str, exit: Exit, seen: &Seen) -> Result<(), Failure> {
    let limits = &task.assignment.work.limits;
    if exit.code == 0 {
        return Ok(());
    }
    let limit = u64::from(limits.build_memory_mb) << 20;
    let killed_near_the_limit = exit.code == 137 && seen.peak >= limit / 10 * 9;
    if exit.out_of_memory || seen.usage.oom_kills > 0 || killed_near_the_limit {
        let (limit_mb, peak_mb) =
            (limits.build_memory_mb, u32::try_from(seen.peak >> 20).unwrap_or(u32::MAX));
        let detail = format!(
            "The build used more than its {limit_mb} MiB of memory (peak {peak_mb} MiB). Raise limits.build_memory_mb, \
             or let it use less."
        );
        return Err(Failure::new(Reason::OutOfMemory { limit_mb, peak_mb: peak_mb.min(limit_mb) }, detail));
    }
    if seen.usage.pids_refused > 0 {
        return Err(too_many_processes(task));
    }
    let detail = match exit.code {
        127 => format!(
            "The {step} command was not found (exit code 127). Is the tool among the project's dependencies?"
        ),
        code => format!("The {step} command exited with {code}. The last lines of the log say why."),
    };
    Err(Failure::new(Reason::BuildFailed { exit_code: Some(exit.code) }, detail))
}

fn too_many_processes(task: &Task) -> Failure {
    let limit = task.assignment.work.limits.build_pids;
    let detail = format!(
        "The build wanted more than {limit} processes at the same time. Raise limits.build_pids if it has to."
    );
    Failure::new(Reason::ProcessLimit { limit }, detail)
}

/// Carries the container's output to the log, until it ends or prints too much.
async fn print(task: &Task, step: &str, name: &str) -> Result<(), Failure> {
    let mut output = task.node.engine.container_logs(name, LogCursor::default());
    let (mut stdout, mut stderr) = (Lines::default(), Lines::default());
    while let Some(piece) = output.next().await {
        let piece = piece.map_err(|error| internal("reading a build's output", &error))?;
        let (stream, lines) = if piece.stderr {
            (LogStream::Stderr, stderr.push(&piece.bytes))
        } else {
            (LogStream::Stdout, stdout.push(&piece.bytes))
        };
        task.write(stream, step, lines).await;
        if task.node.spool.text_bytes(&task.assignment.deployment) > u64::from(LOG_LIMIT_MB) << 20 {
            let detail = format!("The build printed more than {LOG_LIMIT_MB} MiB and was ended.");
            return Err(Failure::new(Reason::LogLimit { limit_mb: LOG_LIMIT_MB }, detail));
        }
    }
    task.write(LogStream::Stdout, step, stdout.finish().into_iter().collect()).await;
    task.write(LogStream::Stderr, step, stderr.finish().into_iter().collect()).await;
    Ok(())
}
