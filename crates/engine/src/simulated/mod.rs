//! The driver in memory: a first-class engine for tests and for load tests with thousands of nodes.
//!
//! - **Automatic mode**: each container plays the [`Behaviour`] its name, command or image selects (the last
//!   selector that fits wins; without one it runs for ever).
//! - **Explicit mode**: containers start and then do nothing; the test calls [`SimulatedEngine::exit`],
//!   [`SimulatedEngine::print`], [`SimulatedEngine::use_memory`], [`SimulatedEngine::listen`] as it likes (it may in
//!   automatic mode, too).
//! - **Faults**: see [`Faults`]. The world stays when a caller "crashes" and is made anew.
//! - **It checks the caller** as Docker would: see `world.rs`.
//!
//! Time is tokio's, so paused time works: a wake of an hour takes no time. Nothing here waits for a socket or a
//! process; only binds and overlay volumes touch the disk, because their directories are real.

mod behaviour;
mod driver;
mod faults;
mod images;
mod logs;
mod run;
mod world;

use std::{collections::VecDeque, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

pub use self::{
    behaviour::{Act, Behaviour, Selector},
    faults::{Fault, Faults, Operation},
    images::BuildScript,
};
use self::{run::KILLED, world::World};
use crate::{
    error::{Error, Result},
    image::{Image, ImageConfig, ImageId},
    log::Output,
    spec::Labels,
    state::ContainerId,
};

/// Who moves containers after they have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Their scripts.
    Automatic,
    /// The test.
    Explicit,
}

/// A simulated container engine. Dropping it ends everything in it.
#[derive(Debug)]
pub struct SimulatedEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    mode: Mode,
    world: Mutex<World>,
    scripts: Mutex<Vec<(Selector, Behaviour)>>,
    builds: Mutex<VecDeque<BuildScript>>,
    faults: Faults,
    /// Marked at every change of the world; whoever waits looks again.
    changed: watch::Sender<()>,
    epoch: (Timestamp, Instant),
}

impl SimulatedEngine {
    /// An empty world whose clock shows `now` and goes on with tokio's.
    #[must_use]
    pub fn new(mode: Mode, now: Timestamp) -> Self {
        Self {
            inner: Arc::new(Inner {
                mode,
                world: Mutex::default(),
                scripts: Mutex::default(),
                builds: Mutex::default(),
                faults: Faults::default(),
                changed: watch::Sender::new(()),
                epoch: (now, Instant::now()),
            }),
        }
    }

    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Containers created from now on that the selector fits behave like this when they start.
    pub fn script(&self, selector: Selector, behaviour: Behaviour) {
        self.inner.scripts.lock().push((selector, behaviour));
    }

    /// The next build does this; without a script a build succeeds at once.
    pub fn script_build(&self, build: BuildScript) {
        self.inner.builds.lock().push_back(build);
    }

    /// Puts an image on the node.
    pub fn add_image(&self, tag: &str, labels: Labels, config: ImageConfig) -> ImageId {
        let id = images::id_of(tag.as_bytes());
        let image = Image {
            id: id.clone(),
            tags: vec![tag.to_owned()],
            labels,
            size_bytes: 1 << 20,
            created_at: self.inner.now(),
            config,
            layers: Vec::new(),
        };
        self.inner.world.lock().add_image(image);
        id
    }

    /// The id of the container with this name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<ContainerId> {
        let world = self.inner.world.lock();
        world.containers.iter().find(|(_, one)| one.spec.name == name).map(|(id, _)| id.clone())
    }

    /// A running container's main process ends.
    pub fn exit(&self, id: &ContainerId, code: u8) -> Result<()> {
        self.inner.change(|world, now| world.exit(id, i64::from(code), now))
    }

    /// A running container writes a line.
    pub fn print(&self, id: &ContainerId, output: Output, line: &str) -> Result<()> {
        self.inner.print(id, output, format!("{line}\n"))
    }

    /// A running container's working set grows to this; over its limit the main process is killed for it.
    pub fn use_memory(&self, id: &ContainerId, bytes: u64) -> Result<()> {
        if self.inner.use_memory(id, bytes)? {
            return Ok(());
        }
        self.inner.change(|world, now| world.exit(id, KILLED, now))
    }

    /// A running container listens on a port.
    pub fn listen(&self, id: &ContainerId, port: u16) -> Result<()> {
        self.inner.change(|world, _| Ok(world.running(id)?.listens.insert(port))).map(drop)
    }

    /// Every running container dies at once, as with a restart of the machine. The objects stay.
    pub fn crash(&self) {
        let ids: Vec<_> = self.inner.world.lock().containers.keys().cloned().collect();
        for id in ids {
            // One that does not run stays as it is; none can vanish in between, unless it was removed.
            let _gone = self.inner.change(|world, now| world.exit(&id, KILLED, now));
        }
    }
}

impl Drop for SimulatedEngine {
    fn drop(&mut self) {
        // Scripts hold the world, and the world holds the scripts.
        for container in self.inner.world.lock().containers.values_mut() {
            container.task = None;
        }
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        let (start, at) = self.epoch;
        SignedDuration::try_from(at.elapsed())
            .ok()
            .and_then(|time| start.checked_add(time).ok())
            .unwrap_or(start)
    }

    /// Changes the world and wakes whoever waits for it.
    fn change<T>(&self, apply: impl FnOnce(&mut World, Timestamp) -> Result<T>) -> Result<T> {
        let now = self.now();
        let result = apply(&mut self.world.lock(), now);
        self.changed.send_replace(());
        result
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, look: impl Fn(&mut World) -> Result<Option<T>>) -> Result<T> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.world.lock())? {
                return Ok(found);
            }
            // The sender is part of `self`, so it is there.
            let _there = changed.changed().await;
        }
    }

    async fn thawed(&self, id: &ContainerId) -> Result<()> {
        self.until(|world| Ok((!world.running(id)?.frozen).then_some(()))).await
    }

    fn print(&self, id: &ContainerId, output: Output, text: String) -> Result<()> {
        self.change(|world, now| {
            world.running(id)?.log.push((output, now, text.into()));
            Ok(())
        })
    }

    /// `false`: over the limit, so somebody is killed, and it is counted.
    fn use_memory(&self, id: &ContainerId, bytes: u64) -> Result<bool> {
        self.change(|world, _| {
            let container = world.running(id)?;
            let limit = container.spec.limits.memory_bytes;
            let usage = &mut container.usage;
            usage.memory_peak = Some(usage.memory_peak.unwrap_or(0).max(bytes.min(limit)));
            if bytes > limit {
                usage.oom_kills += 1;
                return Ok(false);
            }
            usage.working_set = bytes;
            Ok(true)
        })
    }

    /// Starts playing the script of a container that has just started.
    fn play(self: &Arc<Self>, id: &ContainerId, acts: Vec<Act>) -> Result<()> {
        let task = AbortOnDropHandle::new(tokio::spawn(run::play(Arc::clone(self), id.clone(), acts)));
        self.world.lock().container_mut(id)?.task = Some(task);
        Ok(())
    }

    fn behaviour_of(&self, id: &ContainerId) -> Result<Behaviour> {
        let spec = self.world.lock().container(id)?.spec.clone();
        let scripts = self.scripts.lock();
        let found = scripts.iter().rev().find(|(selector, _)| selector.fits(&spec));
        Ok(found.map_or_else(|| Behaviour::runs([Act::Forever]), |(_, behaviour)| behaviour.clone()))
    }

    /// What a command does that is executed in a container.
    fn script_of(&self, command: &[String]) -> Vec<Act> {
        let scripts = self.scripts.lock();
        let found = scripts.iter().rev().find_map(|(selector, behaviour)| match (selector, behaviour) {
            (Selector::Command(of), Behaviour::Runs { acts }) if of == command => Some(acts.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    fn check_it_can_start(&self, id: &ContainerId) -> Result<Vec<Act>> {
        match self.behaviour_of(id)? {
            Behaviour::NeverStarts { reason } => Err(Error::Refused { reason }),
            Behaviour::Runs { acts } => Ok(acts),
        }
    }
}
