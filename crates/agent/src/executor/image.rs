//! An image from a repository's Dockerfile, built by the engine under the project's limits.
//!
//! The image is named by the deployment's id, never by anything a stranger wrote, so no project can name another's. Its
//! identity is the engine's id of it. Secrets are not handed in: build arguments stay in an image's history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use pierhead_engine::image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions, Image};
use pierhead_engine::{ByteSource, Error as EngineError};
use pierhead_model::deployment::Reason;
use pierhead_model::log::LogStream;
use pierhead_model::plan::BuildPlan;
use pierhead_model::release::{ImageRelease, Release};
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::compile::millis;
use super::release::start_settings;
use super::{Run, StepError, network, root_of};
use crate::labels;
use crate::log::{Entry, Splitter};

/// Bytes of the context on their way to the engine.
const PIPE: usize = 256 << 10;

pub(super) async fn build(run: &Run, plan: &BuildPlan, checkout: &Path) -> Result<Release, StepError> {
    let limits = &run.held.assignment.work.limits;
    let limit_s = limits.build_timeout_s;
    let network = network::ensure(run).await?;
    let plain = run
        .held
        .assignment
        .work
        .variables
        .iter()
        .filter(|variable| variable.exposure.at_build() && !variable.secret);
    let args: BTreeMap<_, _> = run
        .node
        .options
        .proxy_variables
        .clone()
        .into_iter()
        .chain(plain.map(|variable| (variable.key.as_str().to_owned(), variable.value.clone())))
        .collect();
    let tag = tag_of(run);
    let options = BuildOptions {
        tag: tag.clone(),
        dockerfile: plan.dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned()),
        target: run.held.assignment.work.settings.dockerfile_target.clone(),
        args,
        labels: labels::of_object(&run.identity, &run.held, "build"),
        memory_bytes: u64::from(limits.build_memory_mb) << 20,
        cpu_millis: millis(limits.build_cpu),
        network: BuildNetwork::Named(network),
        cache: if run.held.assignment.work.no_cache { BuildCache::Ignore } else { BuildCache::Use },
    };
    let building = follow(run, options, checkout.join(root_of(plan)));
    let built = tokio::time::timeout(Duration::from_secs(limit_s.into()), building).await;
    built.unwrap_or_else(|_| {
        let detail = format!(
            "the build took longer than its {limit_s} s and was ended: raise `build_timeout_s`, or make it faster"
        );
        Err(StepError::failed(Reason::BuildTimeout { limit_s }, detail))
    })?;
    let image =
        run.node.engine.image_inspect(&tag).await.map_err(StepError::engine("looking at the image"))?;
    Ok(Release::Image(release_of(plan, &image)))
}

/// By the deployment's id, never by anything a stranger wrote.
pub(crate) fn tag_of(run: &Run) -> String {
    format!("pierhead-app:{}", run.id)
}

fn release_of(plan: &BuildPlan, image: &Image) -> ImageRelease {
    let mut start = start_settings(plan);
    // The image's own command and folder hold unless the project says otherwise.
    start.command = plan.start_command.clone();
    if let (None, Some(port)) = (plan.port, image.config.exposed_tcp.first()) {
        start.port = *port;
    }
    ImageRelease { image: image.id.as_str().to_owned(), start }
}

async fn follow(run: &Run, options: BuildOptions, folder: PathBuf) -> Result<(), StepError> {
    const DOING: &str = "building the image";
    let events = run.node.engine.image_build(context(run, folder), &options).await;
    let mut events = events.map_err(StepError::engine(DOING))?;
    let mut splitter = Splitter::default();
    let mut printed = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(BuildEvent::Output(bytes)) => {
                printed += bytes.len() as u64;
                let mut entries = Vec::new();
                splitter.push(&bytes, |text| {
                    entries.push(Entry {
                        time: pierhead_model::Timestamp::now(),
                        stream: LogStream::Stdout,
                        text,
                    });
                });
                run.log.append("build", entries);
                if printed > run.node.options.log_limit_bytes {
                    let limit_mb = u32::try_from(run.node.options.log_limit_bytes >> 20).unwrap_or(u32::MAX);
                    let detail = format!(
                        "the build printed more than {limit_mb} MiB and was ended: make it print less"
                    );
                    return Err(StepError::failed(Reason::LogLimit { limit_mb }, detail));
                }
            }
            Ok(BuildEvent::Built(_)) => return Ok(()),
            Err(EngineError::Refused { reason }) => {
                let exit_code = exit_code(&reason);
                let detail = format!("the image could not be built: {reason}");
                run.log.say("build", &detail);
                return Err(StepError::failed(Reason::BuildFailed { exit_code }, detail));
            }
            Err(error) => return Err(StepError::Engine { doing: DOING, error }),
        }
    }
    Err(StepError::Engine { doing: DOING, error: EngineError::Other { operation: "the build", cause: None } })
}

/// `… returned a non-zero code: 7`.
fn exit_code(reason: &str) -> Option<i64> {
    reason.rsplit_once("non-zero code: ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The folder as a tar, packed while it is read. Links are packed as links.
fn context(run: &Run, folder: PathBuf) -> ByteSource {
    let (writing, reading) = tokio::io::duplex(PIPE);
    let pack = move || {
        let mut archive = tar::Builder::new(SyncIoBridge::new(writing));
        archive.follow_symlinks(false);
        archive.append_dir_all(".", folder)?;
        archive.finish()
    };
    let packing = run.settling.spawn_blocking(pack);
    let pieces = ReaderStream::new(reading);
    // An archive that was cut would be built as if it were whole: the engine must hear of it.
    let end = futures::stream::once(packing).filter_map(|packed| async move {
        match packed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(error) => Some(Err(std::io::Error::other(error))),
        }
    });
    Box::pin(pieces.chain(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_in_the_engines_words() {
        assert_eq!(exit_code("The command '/bin/sh -c exit 7' returned a non-zero code: 7"), Some(7));
        assert_eq!(exit_code("dockerfile parse error"), None);
    }
}
