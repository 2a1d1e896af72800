//! The simulated engine behind the port: each call meets its faults first, then the world.

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;

use super::{Mode, SimulatedEngine, faults::Operation, images, logs, run::KILLED};
use crate::{
    engine::{ByteSource, ByteStream, Engine, Freeze, Listening, StdinWriter},
    error::{Error, Object, Result},
    image::{
        BuildOptions, BuildStream, Image, ImageConfig, ImageId, ImageSummary, ImportOptions, RegistryLogin,
    },
    labels::carries,
    log::{Follow, LogCursor, LogStream},
    spec::{ContainerSpec, Labels, NetworkSpec, VolumeSpec},
    state::{
        CgroupVersion, Container, ContainerId, ContainerSummary, Created, EngineInfo, Executed, Exit,
        MAX_EXECUTED_OUTPUT, Network, Removal, State, Stats, Volume,
    },
};

/// The code of a process that a stop signal ended.
const TERMINATED: i64 = 143;

/// What fits between a writer and a container that does not read.
const STDIN_BUFFER: usize = 64 * 1024;

#[async_trait]
impl Engine for SimulatedEngine {
    async fn info(&self) -> Result<EngineInfo> {
        let after = self.faults().enter(Operation::Info).await?;
        after.done(Ok(EngineInfo {
            driver: "simulated",
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api_version: "1.41".to_owned(),
            cgroup: CgroupVersion::V2,
            cpus: 4,
            memory_bytes: 8 << 30,
            root_dir: None,
            runtime: "simulated".to_owned(),
        }))
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Created> {
        let after = self.faults().enter(Operation::Create).await?;
        after.done(self.inner.change(|world, now| world.create(spec, now)))
    }

    async fn start(&self, id: &ContainerId) -> Result<()> {
        let after = self.faults().enter(Operation::Start).await?;
        after.done(self.start_now(id))
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        let after = self.faults().enter(Operation::Stop).await?;
        after.done(self.stop_now(id, grace).await)
    }

    async fn kill(&self, id: &ContainerId) -> Result<()> {
        let after = self.faults().enter(Operation::Kill).await?;
        after.done(self.inner.change(|world, now| world.exit(id, KILLED, now)))
    }

    async fn remove(&self, id: &ContainerId, how: Removal) -> Result<()> {
        let after = self.faults().enter(Operation::Remove).await?;
        after.done(self.inner.change(|world, _| world.remove(id, how)))
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Container> {
        let after = self.faults().enter(Operation::Inspect).await?;
        after.done(self.inner.world.lock().describe(id))
    }

    async fn find(&self, name: &str) -> Result<Option<Container>> {
        let after = self.faults().enter(Operation::Inspect).await?;
        after.done(self.id_of(name).map(|id| self.inner.world.lock().describe(&id)).transpose())
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<ContainerSummary>> {
        let after = self.faults().enter(Operation::List).await?;
        let world = self.inner.world.lock();
        let carriers = world.containers.iter().filter(|(_, one)| carries(&one.spec.labels, labels));
        after.done(carriers.map(|(id, _)| world.summary(id)).collect())
    }

    async fn wait(&self, id: &ContainerId) -> Result<Exit> {
        let after = self.faults().enter(Operation::Wait).await?;
        after.done(self.inner.until(|world| Ok(world.container(id)?.state.exit().cloned())).await)
    }

    async fn logs(&self, id: &ContainerId, from: LogCursor, follow: Follow) -> Result<LogStream> {
        let after = self.faults().enter(Operation::Logs).await?;
        after.done(logs::open(&self.inner, id, from, follow))
    }

    async fn stats(&self, id: &ContainerId) -> Result<Stats> {
        let after = self.faults().enter(Operation::Stats).await?;
        let now = self.inner.now();
        let mut world = self.inner.world.lock();
        after.done(world.running(id).map(|one| {
            let mut stats = one.usage;
            if let State::Running { started_at, .. } = one.state {
                // As if busy all the time.
                let nanos = now.duration_since(started_at).as_nanos().max(0).unsigned_abs();
                let nanos = nanos * u128::from(one.spec.limits.cpu_millis) / 1000;
                stats.cpu_nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            }
            stats
        }))
    }

    async fn open_stdin(&self, id: &ContainerId) -> Result<StdinWriter> {
        let after = self.faults().enter(Operation::OpenStdin).await?;
        after.done(self.inner.change(|world, _| {
            let container = world.container_mut(id)?;
            if !container.spec.stdin || container.stdin.is_some() {
                let reason = "its standard input is closed or taken";
                return Err(Error::conflict(Object::Container, id.as_str(), reason));
            }
            let (writer, reader) = tokio::io::duplex(STDIN_BUFFER);
            container.stdin = Some(reader);
            Ok(Box::pin(writer) as StdinWriter)
        }))
    }

    async fn exec(&self, id: &ContainerId, command: &[String], within: Duration) -> Result<Executed> {
        let after = self.faults().enter(Operation::Exec).await?;
        after.done(self.exec_now(id, command, within).await)
    }

    async fn copy_out(&self, id: &ContainerId, path: &str) -> Result<ByteStream> {
        let after = self.faults().enter(Operation::CopyOut).await?;
        after.done(images::archive(&self.inner, id, path))
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        let after = self.faults().enter(Operation::ImageInspect).await?;
        let found = self.inner.world.lock().image(reference).cloned();
        after.done(found.ok_or_else(|| Error::not_found(Object::Image, reference)))
    }

    async fn image_list(&self, labels: &Labels) -> Result<Vec<ImageSummary>> {
        let after = self.faults().enter(Operation::ImageList).await?;
        let world = self.inner.world.lock();
        let carriers = world.images.values().filter(|image| carries(&image.labels, labels)).cloned();
        after.done(Ok(carriers
            .map(|Image { id, tags, labels, size_bytes, created_at, config: _, layers: _ }| ImageSummary {
                id,
                tags,
                labels,
                size_bytes,
                created_at,
            })
            .collect()))
    }

    async fn image_remove(&self, reference: &str, how: Removal) -> Result<()> {
        let after = self.faults().enter(Operation::ImageRemove).await?;
        after.done(self.inner.change(|world, _| world.remove_image(reference, how)))
    }

    async fn image_tag(&self, reference: &str, tag: &str) -> Result<()> {
        let after = self.faults().enter(Operation::ImageTag).await?;
        after.done(self.inner.change(|world, _| {
            let found = world.image(reference).cloned();
            let image = found.ok_or_else(|| Error::not_found(Object::Image, reference))?;
            world.add_image(Image { tags: vec![tag.to_owned()], ..image });
            Ok(())
        }))
    }

    async fn image_import(&self, root: ByteSource, options: &ImportOptions) -> Result<ImageId> {
        let after = self.faults().enter(Operation::ImageImport).await?;
        after.done(images::import(&self.inner, root, options).await)
    }

    async fn image_pull(&self, reference: &str, _login: Option<&RegistryLogin>) -> Result<()> {
        let after = self.faults().enter(Operation::ImagePull).await?;
        self.add_image(reference, Labels::new(), ImageConfig::default());
        after.done(Ok(()))
    }

    async fn image_build(&self, context: ByteSource, options: &BuildOptions) -> Result<BuildStream> {
        let after = self.faults().enter(Operation::ImageBuild).await?;
        after.done(Ok(images::build(&self.inner, context, options.clone()).boxed()))
    }

    async fn image_save(&self, references: &[&str]) -> Result<ByteStream> {
        let after = self.faults().enter(Operation::ImageSave).await?;
        after.done(images::save(&self.inner, references))
    }

    async fn image_load(&self, archive: ByteSource) -> Result<()> {
        let after = self.faults().enter(Operation::ImageLoad).await?;
        after.done(images::load(&self.inner, archive).await)
    }

    async fn network_create(&self, spec: &NetworkSpec) -> Result<()> {
        let after = self.faults().enter(Operation::NetworkCreate).await?;
        after.done(self.inner.change(|world, _| world.create_network(spec)))
    }

    async fn network_remove(&self, name: &str) -> Result<()> {
        let after = self.faults().enter(Operation::NetworkRemove).await?;
        after.done(self.inner.change(|world, _| world.remove_network(name)))
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        let after = self.faults().enter(Operation::NetworkInspect).await?;
        after.done(self.inner.world.lock().network(name))
    }

    async fn network_list(&self, labels: &Labels) -> Result<Vec<Network>> {
        let after = self.faults().enter(Operation::NetworkList).await?;
        let world = self.inner.world.lock();
        let carriers = world.networks.values().filter(|one| carries(&one.labels, labels));
        after.done(
            carriers.map(|one| Ok(Network { containers: Vec::new(), ..world.network(&one.name)? })).collect(),
        )
    }

    async fn volume_create(&self, spec: &VolumeSpec) -> Result<()> {
        let after = self.faults().enter(Operation::VolumeCreate).await?;
        after.done(self.inner.change(|world, _| world.create_volume(spec)))
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        let after = self.faults().enter(Operation::VolumeRemove).await?;
        after.done(self.inner.change(|world, _| world.remove_volume(name)))
    }

    async fn volume_list(&self, labels: &Labels) -> Result<Vec<Volume>> {
        let after = self.faults().enter(Operation::VolumeList).await?;
        let world = self.inner.world.lock();
        let carriers = world.volumes.values().filter(|one| carries(&one.spec.labels, labels));
        after.done(Ok(carriers
            .map(|one| Volume { name: one.spec.name.clone(), labels: one.spec.labels.clone() })
            .collect()))
    }

    fn listening(&self) -> Option<&dyn Listening> {
        Some(self)
    }

    fn freeze(&self) -> Option<&dyn Freeze> {
        Some(self)
    }
}

impl SimulatedEngine {
    fn start_now(&self, id: &ContainerId) -> Result<()> {
        let acts = self.inner.check_it_can_start(id)?;
        let started = self.inner.change(|world, now| world.start(id, now))?;
        match self.inner.mode {
            Mode::Automatic if started => self.inner.play(id, acts),
            Mode::Automatic | Mode::Explicit => Ok(()),
        }
    }

    async fn stop_now(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        let ignores = self.inner.change(|world, _| {
            let container = world.container_mut(id)?;
            container.frozen = false;
            Ok(container.state.pid().is_some() && container.ignores_stop)
        })?;
        if !ignores {
            return self.inner.change(|world, now| world.exit(id, TERMINATED, now));
        }
        let ended = self.inner.until(|world| Ok(world.container(id)?.state.exit().map(drop)));
        match tokio::time::timeout(grace, ended).await {
            Ok(result) => result,
            Err(_) => self.inner.change(|world, now| world.exit(id, KILLED, now)),
        }
    }

    /// Plays the script of the command. Without one, it succeeds and prints nothing.
    async fn exec_now(&self, id: &ContainerId, command: &[String], within: Duration) -> Result<Executed> {
        self.inner.change(|world, _| world.running(id).map(drop))?;
        let acts = self.inner.script_of(command);
        match tokio::time::timeout(within, super::run::execute(&self.inner, id, acts)).await {
            Ok(executed) => {
                let (code, mut output) = executed?;
                output.truncate(MAX_EXECUTED_OUTPUT);
                Ok(Executed { code, output: output.into() })
            }
            Err(_) => Err(Error::Timeout { operation: "executing a command in a container", after: within }),
        }
    }

    fn set_frozen(&self, id: &ContainerId, frozen: bool) -> Result<()> {
        self.inner.change(|world, _| {
            world.running(id)?.frozen = frozen;
            Ok(())
        })
    }
}

#[async_trait]
impl Listening for SimulatedEngine {
    async fn sockets(&self, id: &ContainerId) -> Result<Vec<SocketAddr>> {
        let after = self.faults().enter(Operation::Sockets).await?;
        let mut world = self.inner.world.lock();
        let ports = world.running(id).map(drop).map(|()| world.sockets_of(id));
        after.done(ports.map(|ports| ports.into_iter().map(|port| ([0, 0, 0, 0], port).into()).collect()))
    }
}

#[async_trait]
impl Freeze for SimulatedEngine {
    async fn freeze(&self, id: &ContainerId) -> Result<()> {
        let after = self.faults().enter(Operation::Freeze).await?;
        after.done(self.set_frozen(id, true))
    }

    async fn thaw(&self, id: &ContainerId) -> Result<()> {
        let after = self.faults().enter(Operation::Freeze).await?;
        after.done(self.set_frozen(id, false))
    }
}
