//! Building a Dockerfile.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use futures::StreamExt as _;
use pierhead_engine::{BuildOutput, BuildSpec, EngineError, Limits};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::log::LogStream;
use pierhead_model::plan::BuildPlan;
use pierhead_model::release::{ImageRelease, Release, StartSettings};
use tokio::time::Instant;

use super::container::cpu_millis;
use super::tree;
use crate::lines::Lines;
use crate::service::network;
use crate::worker::{Task, internal};

/// What is sent to the builder at most.
const MAXIMUM_CONTEXT_BYTES: u64 = 1 << 30;

/// Builds the project's Dockerfile to an image that only this project is called after.
pub(super) async fn build(
    task: &Task,
    source: &Path,
    plan: &BuildPlan,
    deadline: Instant,
) -> Result<Release, Failure> {
    let dockerfile = plan.dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
    let folder = source.to_owned();
    let packing = tokio::task::spawn_blocking(move || context(&folder)).await;
    let context = packing.map_err(|error| internal("packing the build's files", &error))??;
    let network = network::ensure(task).await.map_err(|error| internal("making a network", &error))?;
    let limits = &task.assignment.work.limits;
    let at_build = task.assignment.work.variables.iter().filter(|variable| variable.exposure.at_build());
    let spec = BuildSpec {
        reference: format!("pierhead/app:{}", task.assignment.deployment),
        dockerfile,
        arguments: at_build
            .map(|variable| (variable.key.as_str().to_owned(), variable.value.clone()))
            .collect(),
        labels: task.identity.object_labels(&task.assignment, "build"),
        limits: Limits {
            memory_bytes: u64::from(limits.build_memory_mb) << 20,
            cpu_millis: cpu_millis(limits.build_cpu),
            pids: limits.build_pids,
        },
        no_cache: task.assignment.work.no_cache,
        network,
    };
    let reference = spec.reference.clone();
    let building = follow(task, spec, context);
    let image = match tokio::time::timeout_at(deadline, building).await {
        Ok(image) => image?,
        Err(_) => {
            let limit_s = limits.build_timeout_s;
            let detail =
                format!("The build took longer than {limit_s} s. Raise limits.build_timeout_s if it has to.");
            return Err(Failure::new(Reason::BuildTimeout { limit_s }, detail));
        }
    };
    let exposed = task
        .node
        .engine
        .image_port(&reference)
        .await
        .map_err(|error| internal("looking at the image", &error))?;
    let start = StartSettings {
        command: plan.start_command.clone(),
        working_directory: ".".to_owned(),
        port: task.assignment.work.settings.port.or(exposed).or(plan.port).unwrap_or(8080),
        variables: BTreeMap::new(),
        document_root: None,
    };
    Ok(Release::Image(ImageRelease { image, start }))
}

async fn follow(task: &Task, spec: BuildSpec, context: Bytes) -> Result<String, Failure> {
    let mut output = task.node.engine.image_build(spec, context);
    let mut lines = Lines::default();
    let mut image = String::new();
    while let Some(step) = output.next().await {
        match step {
            Ok(BuildOutput::Text(text)) => {
                task.write(LogStream::Stdout, "build", lines.push(text.as_bytes())).await;
            }
            Ok(BuildOutput::Image(id)) => image = id,
            Err(EngineError::BuildFailed { message, exit_code }) => {
                task.write(LogStream::Stdout, "build", lines.finish().into_iter().collect()).await;
                task.write(LogStream::Stderr, "build", vec![message.clone()]).await;
                return Err(judge(task, &message, exit_code));
            }
            Err(error) => return Err(internal("building the Dockerfile", &error)),
        }
    }
    task.write(LogStream::Stdout, "build", lines.finish().into_iter().collect()).await;
    Ok(image)
}

fn judge(task: &Task, message: &str, exit_code: Option<i64>) -> Failure {
    let limit_mb = task.assignment.work.limits.build_memory_mb;
    if exit_code == Some(137) {
        let detail =
            format!("A step of the Dockerfile was killed, most likely for using more than {limit_mb} MiB.");
        return Failure::new(Reason::OutOfMemory { limit_mb, peak_mb: limit_mb }, detail);
    }
    let looks_for_registry =
        ["dial tcp", "lookup ", "pull access denied", "manifest unknown", "connection refused"];
    if exit_code.is_none() && looks_for_registry.iter().any(|sign| message.contains(sign)) {
        let detail = format!("A base image of the Dockerfile could not be had: {message}");
        return Failure::new(Reason::ImagePullFailed, detail);
    }
    Failure::new(Reason::BuildFailed { exit_code }, format!("The Dockerfile could not be built: {message}"))
}

/// The project's files as the builder gets them, `.dockerignore` honoured. Links are sent as links.
fn context(folder: &Path) -> Result<Bytes, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| internal("packing the build's files", error);
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    archive.mode(tar::HeaderMode::Deterministic);
    let ignored = ignored(folder).map_err(|error| failed(&error))?;
    let listed = tree::list(folder, 100_000).map_err(|error| failed(&error))?;
    let mut total = 0;
    for (path, entry) in listed {
        let is_folder = matches!(entry, tree::Entry::Directory { .. });
        if ignored.matched_path_or_any_parents(&path, is_folder).is_ignore() {
            continue;
        }
        if let tree::Entry::File { size, .. } = entry {
            total += size;
            if total > MAXIMUM_CONTEXT_BYTES {
                let detail = "The project's files are larger than 1 GiB. Leave some out with .dockerignore.";
                return Err(Failure::new(Reason::OutputRefused, detail));
            }
        }
        archive.append_path_with_name(folder.join(&path), &path).map_err(|error| failed(&error))?;
    }
    archive.into_inner().map(Bytes::from).map_err(|error| failed(&error))
}

fn ignored(folder: &Path) -> Result<ignore::gitignore::Gitignore, ignore::Error> {
    let mut rules = ignore::gitignore::GitignoreBuilder::new("");
    if let Ok(Some(_)) = tree::digest_of_plain_file(folder, ".dockerignore")
        && let Ok(text) = fs_err::read_to_string(folder.join(".dockerignore"))
    {
        for line in text.lines() {
            // In a .dockerignore every pattern begins at the root.
            let line = line.trim();
            let anchored = match line.strip_prefix('!') {
                _ if line.is_empty() || line.starts_with('#') => continue,
                Some(rest) => format!("!/{}", rest.trim_start_matches('/')),
                None => format!("/{}", line.trim_start_matches('/')),
            };
            rules.add_line(None, &anchored)?;
        }
    }
    rules.build()
}
