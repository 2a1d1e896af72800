//! A throw-away container from its creation to its exit code, watched all the while.
//!
//! The exit code is what the engine says of the container, never what a shell around it says. Limits are watched from
//! outside: memory and processes by the engine's counters (a child may be the one that is killed), disk by measuring the
//! run's folder when free space shrinks, output by counting it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use pierhead_engine::log::{Follow, LogChunk, LogCursor, LogStream as EngineLog, Output};
use pierhead_engine::spec::ContainerSpec;
use pierhead_engine::state::{ContainerId, Exit, Removal, State};
use pierhead_model::deployment::Reason;
use pierhead_model::log::LogStream;
use tokio::time::Instant;

use super::{Run, StepError};
use crate::handover;
use crate::log::{DeploymentLog, Entry, Splitter};
use crate::overlay;

/// How often counters are read.
const SAMPLE: Duration = Duration::from_millis(250);
/// Chunks that are written to the spool at once.
const CHUNKS: usize = 512;
/// How long the last lines of a container that has ended may take.
const LAST_LINES: Duration = Duration::from_secs(5);
/// Before output that was cut is read on.
const REOPEN: Duration = Duration::from_millis(200);
/// How long an engine that restarts is waited for.
const ENGINE_PATIENCE: Duration = Duration::from_secs(60);

/// What a command may use beyond what the engine itself enforces.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) memory_mb: u32,
    pub(super) pids: u32,
    pub(super) disk_mb: u32,
    /// Measured for the disk limit.
    pub(super) folder: PathBuf,
}

#[derive(Debug, Default)]
struct Seen {
    peak: u64,
    oom_kills: u64,
    reached_pids: bool,
}

/// Runs a container to its end and hands back its exit code if all limits were kept. It is removed then, with its volume.
pub(super) async fn run_to_end(
    run: &Run,
    spec: ContainerSpec,
    step: &'static str,
    volume: String,
    allowance: &Allowance,
) -> Result<i64, StepError> {
    let engine = &run.node.engine;
    let creating = Arc::clone(engine);
    let (spec, handover) = run.conceal(spec).await?;
    let created = run.settle("creating the container", async move { creating.create(&spec).await }).await?;
    pierhead_model::crash_point!("agent.build_container_created");
    let (starting, id) = (Arc::clone(engine), created.id.clone());
    run.settle("starting the container", handover::start(starting, id, handover)).await?;
    pierhead_model::crash_point!("agent.build_container_started");

    let mut seen = Seen::default();
    let printed = Printed { limit: run.node.options.log_limit_bytes, ..Printed::default() };
    let exit = {
        let mut lines = std::pin::pin!(copy_all(run, &created.id, step, &printed));
        let mut exit = std::pin::pin!(wait(run, &created.id));
        let mut limits = std::pin::pin!(watch(run, &created.id, allowance, &mut seen));
        let mut reading = true;
        let exit = loop {
            tokio::select! {
                exit = &mut exit => break exit?,
                copied = &mut lines, if reading => {
                    reading = false;
                    if copied == Copied::TooMuch {
                        return Err(over(run, &created.id, log_limit(run)).await);
                    }
                }
                failure = &mut limits => return Err(over(run, &created.id, failure).await),
            }
        };
        if reading {
            match rest(&mut lines, &printed).await {
                Some(Copied::End) => {}
                Some(Copied::TooMuch) => return Err(over(run, &created.id, log_limit(run)).await),
                None => run.log.say(step, "the end of the output did not arrive"),
            }
        }
        exit
    };
    pierhead_model::crash_point!("agent.build_container_exited");
    seen.reached_pids |= printed.could_not_fork.load(Ordering::Relaxed);
    judge(run, step, &exit, &seen, allowance).await?;
    let (removing, id) = (Arc::clone(engine), created.id);
    // Awaited: only then is its overlay surely unmounted, and what it wrote may be moved.
    run.settle("removing the container", async move { removing.remove(&id, Removal::Force).await }).await?;
    let removing = Arc::clone(engine);
    run.remove_meanwhile("a build's volume", async move { removing.volume_remove(&volume).await });
    Ok(exit.code)
}

/// What an exit means beside its code. Counters decide only when the command failed: one that caught its child's death
/// and went on has succeeded.
async fn judge(
    run: &Run,
    step: &'static str,
    exit: &Exit,
    seen: &Seen,
    allowance: &Allowance,
) -> Result<(), StepError> {
    run.report(|report| {
        report.peak_memory_bytes = report.peak_memory_bytes.max(Some(seen.peak)).filter(|&peak| peak > 0);
        if let Some(last) = report.steps.iter_mut().rev().find(|reported| reported.name == step) {
            last.exit_code = Some(exit.code);
        }
    })
    .await?;
    if exit.code == 0 {
        return Ok(());
    }
    if exit.oom_killed || seen.oom_kills > 0 {
        let limit = allowance.memory_mb;
        // At the moment of the kill the limit was reached, whatever the last sample said.
        let peak_mb = u32::try_from(seen.peak >> 20).unwrap_or(limit).max(limit);
        let detail = format!(
            "the {step} needed more than its {limit} MiB of memory and was ended: raise `build_memory_mb`, or make it use less"
        );
        return Err(StepError::failed(Reason::OutOfMemory { limit_mb: limit, peak_mb }, detail));
    }
    if seen.reached_pids {
        let limit = allowance.pids;
        let detail = format!(
            "the {step} reached its limit of {limit} processes and failed: let it start fewer, or raise `build_pids`"
        );
        return Err(StepError::failed(Reason::ProcessLimit { limit }, detail));
    }
    Ok(())
}

fn log_limit(run: &Run) -> StepError {
    let limit_mb = u32::try_from(run.node.options.log_limit_bytes >> 20).unwrap_or(u32::MAX);
    let detail = format!("the build printed more than {limit_mb} MiB and was ended: make it print less");
    StepError::failed(Reason::LogLimit { limit_mb }, detail)
}

/// Ends what went over a limit at once: removing follows, but until then it would go on.
async fn over(run: &Run, id: &ContainerId, why: StepError) -> StepError {
    if let Err(error) = run.node.engine.kill(id).await {
        tracing::warn!(%error, "a container over its limit could not be killed; removing it follows");
    }
    why
}

/// Waits for the end of a container, also across a restart of the engine.
async fn wait(run: &Run, id: &ContainerId) -> Result<Exit, StepError> {
    let begun = Instant::now();
    loop {
        match run.node.engine.wait(id).await {
            Err(error) if error.retryable() && begun.elapsed() < ENGINE_PATIENCE => {
                tracing::warn!(%error, "the engine does not answer; waiting for it");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            result => return result.map_err(StepError::engine("waiting for the container")),
        }
    }
}

/// Resolves when a limit is broken that the engine does not enforce itself.
async fn watch(run: &Run, id: &ContainerId, allowance: &Allowance, seen: &mut Seen) -> StepError {
    let limit = u64::from(allowance.disk_mb) << 20;
    // Measuring a large folder is work, so it is done when enough was written since the last time, by whomever.
    let worth = (limit / 16).max(8 << 20);
    let mut free_when_measured = run.node.free_disk().unwrap_or(u64::MAX);
    let mut ticks = tokio::time::interval(SAMPLE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Ok(stats) = run.node.engine.stats(id).await {
            seen.peak = seen.peak.max(stats.working_set);
            seen.oom_kills = seen.oom_kills.max(stats.oom_kills);
            seen.reached_pids |= stats.pids >= u64::from(allowance.pids);
        }
        let free = run.node.free_disk().unwrap_or(u64::MAX);
        let low = free < run.node.options.disk_reserve_bytes;
        if !low && free_when_measured.saturating_sub(free) < worth {
            continue;
        }
        free_when_measured = free;
        let folder = allowance.folder.clone();
        let used = run.blocking("measuring the disk", move || Ok(overlay::usage(&folder, limit).0)).await;
        if low || used.is_ok_and(|used| used > limit) {
            let limit_mb = allowance.disk_mb;
            let detail = if low {
                "the node's disk is almost full, so the build was ended: free some space on it".to_owned()
            } else {
                format!(
                    "the build wrote more than its {limit_mb} MiB and was ended: raise `build_disk_mb`, or write less"
                )
            };
            return StepError::failed(Reason::DiskLimit { limit_mb }, detail);
        }
    }
}

/// What is noticed while output is copied.
#[derive(Debug, Default)]
struct Printed {
    bytes: AtomicU64,
    /// 0 is none.
    limit: u64,
    /// A burst of processes can hit the limit and end between two samples; then only these words tell.
    could_not_fork: AtomicBool,
}

/// The rest of the output of a container that has ended: as long as some of it arrives, all of it is waited for.
async fn rest(lines: &mut (impl Future<Output = Copied> + Unpin), printed: &Printed) -> Option<Copied> {
    let mut before = printed.bytes.load(Ordering::Relaxed);
    loop {
        if let Ok(copied) = tokio::time::timeout(LAST_LINES, &mut *lines).await {
            return Some(copied);
        }
        let now = printed.bytes.load(Ordering::Relaxed);
        if now == before {
            return None;
        }
        before = now;
    }
}

fn says_it_could_not_fork(line: &str) -> bool {
    ["Cannot fork", "can't fork", "fork: Resource temporarily unavailable", "EAGAIN"]
        .iter()
        .any(|words| line.contains(words))
}

#[derive(Debug, PartialEq, Eq)]
enum Copied {
    /// The output has ended, or cannot be read further.
    End,
    TooMuch,
}

/// Copies all that a build's container prints. A stream that ends while the container runs was cut (its engine was restarted,
/// or lost its place when a log was rotated) and is opened again where it ended.
async fn copy_all(run: &Run, id: &ContainerId, step: &str, printed: &Printed) -> Copied {
    let mut lines = Lines::default();
    let mut how = Follow::Yes;
    let copied = loop {
        let from = lines.last.unwrap_or_default();
        match run.node.engine.logs(id, from, how).await {
            Ok(logs) => {
                if copy(logs, &run.log, step, printed, &mut lines).await == Copied::TooMuch {
                    break Copied::TooMuch;
                }
            }
            Err(error) if error.is_not_found() => break Copied::End,
            Err(error) => tracing::warn!(deployment = %run.id, %error, "a build's output cannot be read"),
        }
        match how {
            Follow::Yes if may_print(run, id).await => tokio::time::sleep(REOPEN).await,
            // Whatever a cut stream left out is read now.
            Follow::Yes => how = Follow::No,
            Follow::No => break Copied::End,
        }
    };
    run.log.append(step, lines.finish());
    copied
}

/// Whether the container runs, or nobody knows.
async fn may_print(run: &Run, id: &ContainerId) -> bool {
    match run.node.engine.inspect(id).await {
        Ok(container) => matches!(container.state, State::Running { .. } | State::Paused { .. }),
        Err(error) => !error.is_not_found(),
    }
}

/// Copies output into the deployment's log until it ends, is cut or is too much. What is left of the last line stays in `lines`.
async fn copy(
    logs: EngineLog,
    log: &DeploymentLog,
    step: &str,
    printed: &Printed,
    lines: &mut Lines,
) -> Copied {
    let mut chunks = logs.ready_chunks(CHUNKS);
    while let Some(some) = chunks.next().await {
        let mut entries = Vec::with_capacity(some.len());
        for chunk in some {
            match chunk {
                Ok(chunk) => {
                    printed.bytes.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
                    lines.push(&chunk, &mut entries);
                }
                Err(error) => {
                    tracing::warn!(%error, "a container's output was cut");
                    log.append(step, entries);
                    return Copied::End;
                }
            }
        }
        if entries.iter().any(|entry| says_it_could_not_fork(&entry.text)) {
            printed.could_not_fork.store(true, Ordering::Relaxed);
        }
        if printed.limit > 0 && printed.bytes.load(Ordering::Relaxed) > printed.limit {
            log.append(step, entries);
            return Copied::TooMuch;
        }
        log.append(step, entries);
    }
    Copied::End
}

/// The two outputs of a container, cut into lines.
#[derive(Debug, Default)]
struct Lines {
    splitters: [Splitter; 2],
    last: Option<LogCursor>,
    at: Option<pierhead_model::Timestamp>,
}

impl Lines {
    fn push(&mut self, chunk: &LogChunk, entries: &mut Vec<Entry>) {
        let (stream, splitter) = match chunk.output {
            Output::Stdout => (LogStream::Stdout, &mut self.splitters[0]),
            Output::Stderr => (LogStream::Stderr, &mut self.splitters[1]),
        };
        splitter.push(&chunk.bytes, |text| entries.push(Entry { time: chunk.at, stream, text }));
        self.last = Some(chunk.cursor);
        self.at = Some(chunk.at);
    }

    fn finish(&mut self) -> Vec<Entry> {
        let time = self.at.unwrap_or_else(pierhead_model::Timestamp::now);
        let streams = [LogStream::Stdout, LogStream::Stderr];
        let rest = self.splitters.iter_mut().zip(streams);
        rest.filter_map(|(splitter, stream)| Some(Entry { time, stream, text: splitter.finish()? })).collect()
    }
}

/// Removes whatever has a container's name: left by an attempt that crashed.
pub(super) async fn remove_named(run: &Run, name: &str) -> Result<(), StepError> {
    const DOING: &str = "removing what an earlier attempt left";
    if let Some(old) = run.node.engine.find(name).await.map_err(StepError::engine(DOING))? {
        let removing = Arc::clone(&run.node.engine);
        run.settle(DOING, async move { removing.remove(&old.id, Removal::Force).await }).await?;
    }
    Ok(())
}

/// The run's folder, for the disk limit.
pub(super) fn measured(run: &Run) -> PathBuf {
    let folder: &Path = &run.folder("");
    folder.to_path_buf()
}
