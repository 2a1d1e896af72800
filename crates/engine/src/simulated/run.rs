//! Plays a container's script in automatic mode: one task per running container, owned by the container.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;

use super::{Inner, behaviour::Act, world::Place};
use crate::{error::Result, log::Output, state::ContainerId};

/// The code of a process that was killed.
pub(super) const KILLED: i64 = 137;

/// How long and how often a connection is tried.
const CONNECT_TRIES: u32 = 30;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Where a script runs: as the main process, or beside it.
struct Stage<'s> {
    inner: &'s Inner,
    id: &'s ContainerId,
    /// What it prints, when that is not the container's log.
    kept: Option<&'s Mutex<Vec<u8>>>,
}

impl Stage<'_> {
    fn print(&self, output: Output, text: String) -> Result<()> {
        match self.kept {
            Some(kept) => {
                kept.lock().extend_from_slice(text.as_bytes());
                Ok(())
            }
            None => self.inner.print(self.id, output, text),
        }
    }
}

/// Plays a script beside the main process: its exit code and what it printed.
pub(super) async fn execute(inner: &Inner, id: &ContainerId, acts: Vec<Act>) -> Result<(i64, Vec<u8>)> {
    let kept = Mutex::default();
    let code = perform(&Stage { inner, id, kept: Some(&kept) }, acts).await?;
    Ok((code, kept.into_inner()))
}

/// Plays to the end and exits. An error means that the container is gone, so there is nobody to tell.
pub(super) async fn play(inner: Arc<Inner>, id: ContainerId, acts: Vec<Act>) {
    let code = match perform(&Stage { inner: &inner, id: &id, kept: None }, acts).await {
        Ok(code) => code,
        Err(error) => {
            tracing::debug!(container = %id, %error, "a simulated script ended early");
            return;
        }
    };
    inner.change(|world, now| world.exit(&id, code, now)).unwrap_or_default();
}

async fn perform(stage: &Stage<'_>, acts: Vec<Act>) -> Result<i64> {
    let (inner, id) = (stage.inner, stage.id);
    for act in acts {
        inner.thawed(id).await?;
        match act {
            Act::Print { output, text } => stage.print(output, text + "\n")?,
            Act::Sleep { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Act::HoldMemory { bytes } => {
                if !inner.use_memory(id, bytes)? {
                    return Ok(KILLED);
                }
            }
            Act::ChildMemory { bytes } => {
                inner.use_memory(id, bytes)?;
            }
            Act::Fork { count } => {
                let started = inner.change(|world, _| {
                    let container = world.running(id)?;
                    let room = u64::from(container.spec.limits.pids).saturating_sub(container.usage.pids);
                    let started = count.min(room);
                    container.usage.pids += started;
                    Ok(started)
                })?;
                stage.print(Output::Stdout, format!("started {started}\n"))?;
            }
            Act::Listen { port } => {
                inner.change(|world, _| Ok(world.running(id)?.listens.insert(port)))?;
            }
            Act::Connect { host, port } => {
                if !connects(inner, id, &host, port).await {
                    return Ok(1);
                }
            }
            Act::Echo => {
                let text = read_input(inner, id).await?;
                stage.print(Output::Stdout, String::from_utf8_lossy(&text).into_owned())?;
            }
            Act::ReadObject => {
                let text = read_input(inner, id).await?;
                if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text).is_err() {
                    return Ok(64);
                }
            }
            Act::Write { path, text } => {
                if !write(inner, id, &path, text.into())? {
                    return Ok(1);
                }
            }
            Act::Read { path } => match read(inner, id, &path)? {
                Some(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    stage.print(Output::Stdout, text + "\n")?;
                }
                None => return Ok(1),
            },
            Act::IgnoreStop => inner.change(|world, _| {
                world.running(id)?.ignores_stop = true;
                Ok(())
            })?,
            Act::Exit { code } => return Ok(i64::from(code)),
            Act::Forever => std::future::pending().await,
        }
    }
    Ok(0)
}

async fn connects(inner: &Inner, id: &ContainerId, host: &str, port: u16) -> bool {
    for _ in 0..CONNECT_TRIES {
        if inner.world.lock().reaches(id, host, port) {
            return true;
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
    false
}

async fn read_input(inner: &Inner, id: &ContainerId) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(mut input) = inner.change(|world, _| Ok(world.running(id)?.stdin.take()))? {
        // A writer that vanishes is an end like any other.
        let _read = input.read_to_end(&mut text).await;
    }
    Ok(text)
}

fn write(inner: &Inner, id: &ContainerId, path: &str, bytes: Bytes) -> Result<bool> {
    inner.change(|world, _| {
        Ok(match world.place(id, path)? {
            Place::ReadOnly(_) => false,
            Place::Root(path) => {
                world.running(id)?.files.insert(path, bytes);
                true
            }
            Place::Volume(name, path) => {
                world.volumes.get_mut(&name).map(|volume| volume.files.insert(path, bytes));
                true
            }
            Place::Host { write, .. } => fs_err::write(write, bytes).is_ok(),
        })
    })
}

fn read(inner: &Inner, id: &ContainerId, path: &str) -> Result<Option<Bytes>> {
    let world = inner.world.lock();
    let mut place = world.place(id, path)?;
    while let Place::ReadOnly(inside) = place {
        place = *inside;
    }
    Ok(match place {
        Place::ReadOnly(_) => None,
        Place::Root(path) => world.container(id)?.files.get(&path).cloned(),
        Place::Volume(name, path) => world.volumes.get(&name).and_then(|one| one.files.get(&path).cloned()),
        Place::Host { look, .. } => look.iter().find_map(|path| fs_err::read(path).ok()).map(Bytes::from),
    })
}
