//! The driver for Docker Engine 20.10 (API 1.41) and newer, over its Unix socket.
//!
//! Here is the table of calls and how long each may take; what they do is in the files beside it.
//! Reasons worth knowing:
//! - Images are built with the engine's classic builder: it is the only one that limits memory and processor of
//!   each step, and it reads the Dockerfile itself, so a `# syntax=` line fetches and runs nothing.
//! - Resource counters come from the kernel, not from the engine's statistics, which take up to two seconds,
//!   know no peak and do not count kills. So the driver must run on the engine's host.

mod build;
mod call;
mod containers;
mod exec;
mod host_config;
mod images;
mod kernel;
mod logs;
mod networks;
mod session;
mod sockets;
mod stdin;
mod volumes;

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use bollard::Docker;

use self::call::{Call, classify};
use crate::{
    cgroup::Roots,
    engine::{ByteSource, ByteStream, Engine, Freeze, Listening, StdinWriter},
    error::{Error, Result},
    image::{BuildOptions, BuildStream, Image, ImageId, ImageSummary, ImportOptions, RegistryLogin},
    log::{Follow, LogCursor, LogStream},
    session::Sessions,
    spec::{ContainerSpec, Labels, NetworkSpec, VolumeSpec},
    state::{
        CgroupVersion, Container, ContainerId, ContainerSummary, Created, EngineInfo, Executed, Exit,
        Network, Removal, Stats, Volume,
    },
};

/// How long calls may take before they fail with [`Error::Timeout`].
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Looking at things and small changes.
    pub quick: Duration,
    /// Starting, stopping (after the grace), removing: what works with the kernel and the disk.
    pub slow: Duration,
    /// Importing and loading whole images.
    pub transfer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            quick: Duration::from_secs(30),
            slow: Duration::from_secs(120),
            transfer: Duration::from_secs(30 * 60),
        }
    }
}

/// The oldest API this driver speaks: that of Docker 20.10.
const MIN_API: (usize, usize) = (1, 41);

/// The client's own limit for an answer to begin. Builds and waits are longer than any call; they are bounded by
/// whoever drops them, all others by [`Timeouts`].
const CLIENT_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Debug)]
pub struct DockerEngine {
    docker: Docker,
    socket: PathBuf,
    timeouts: Timeouts,
    roots: Roots,
    /// Serialises the look-then-create of networks: old engines accept two networks of one name.
    networks: tokio::sync::Mutex<()>,
}

impl DockerEngine {
    /// Connects to the engine behind a Unix socket and agrees on an API version.
    pub async fn connect(socket: &Path, timeouts: Timeouts) -> Result<Self> {
        let call = Call::plain("connecting");
        let path = socket
            .to_str()
            .ok_or_else(|| Error::refused(format!("the socket path {socket:?} is not valid UTF-8")))?;
        let docker = Docker::connect_with_unix(path, CLIENT_LIMIT.as_secs(), bollard::API_DEFAULT_VERSION)
            .map_err(|error| classify(error, call))?;
        let docker = bounded("connecting", timeouts.quick, async {
            docker.negotiate_version().await.map_err(|error| classify(error, call))
        })
        .await?;
        let version = docker.client_version();
        if (version.major_version, version.minor_version) < MIN_API {
            return Err(Error::refused(format!(
                "the Docker engine at {path} speaks API {version}; install Docker 20.10 (API 1.41) or newer"
            )));
        }
        Ok(Self {
            docker,
            socket: socket.to_owned(),
            timeouts,
            roots: Roots::default(),
            networks: tokio::sync::Mutex::new(()),
        })
    }

    async fn quick<T>(&self, operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        bounded(operation, self.timeouts.quick, call).await
    }

    async fn slow<T>(&self, operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        bounded(operation, self.timeouts.slow, call).await
    }
}

async fn bounded<T>(
    operation: &'static str,
    after: Duration,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    // Boxed, because the calls of several requests make large futures and each is polled rarely.
    match tokio::time::timeout(after, Box::pin(call)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout { operation, after }),
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn info(&self) -> Result<EngineInfo> {
        self.quick("asking for the engine's version", async {
            let call = Call::plain("asking for the engine's version");
            let info = self.docker.info().await.map_err(|error| classify(error, call))?;
            let cgroup = match info.cgroup_version {
                Some(bollard::models::SystemInfoCgroupVersionEnum::_2) => CgroupVersion::V2,
                _ => CgroupVersion::V1,
            };
            let runtime = format!(
                "{} {}",
                info.default_runtime.unwrap_or_default(),
                info.runc_commit.and_then(|commit| commit.id).unwrap_or_default()
            );
            Ok(EngineInfo {
                driver: "docker",
                version: info.server_version.unwrap_or_default(),
                api_version: self.docker.client_version().to_string(),
                cgroup,
                cpus: info.ncpu.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
                memory_bytes: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                root_dir: info.docker_root_dir.map(Into::into),
                runtime: runtime.trim().to_owned(),
            })
        })
        .await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Created> {
        self.slow("creating a container", self.container_create(spec)).await
    }

    async fn start(&self, id: &ContainerId) -> Result<()> {
        self.slow("starting a container", self.container_start(id)).await
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        bounded(
            "stopping a container",
            self.timeouts.slow.saturating_add(grace),
            self.container_stop(id, grace),
        )
        .await
    }

    async fn kill(&self, id: &ContainerId) -> Result<()> {
        self.slow("killing a container", self.container_kill(id)).await
    }

    async fn remove(&self, id: &ContainerId, how: Removal) -> Result<()> {
        self.slow("removing a container", self.container_remove(id, how)).await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Container> {
        self.quick("inspecting a container", self.container_inspect(id.as_str())).await
    }

    async fn find(&self, name: &str) -> Result<Option<Container>> {
        self.quick("finding a container", self.container_find(name)).await
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<ContainerSummary>> {
        self.quick("listing containers", self.container_list(labels)).await
    }

    async fn wait(&self, id: &ContainerId) -> Result<Exit> {
        self.container_wait(id).await
    }

    async fn logs(&self, id: &ContainerId, from: LogCursor, follow: Follow) -> Result<LogStream> {
        self.quick("reading a log", self.container_logs(id, from, follow)).await
    }

    async fn stats(&self, id: &ContainerId) -> Result<Stats> {
        self.quick("measuring a container", self.container_stats(id)).await
    }

    async fn open_stdin(&self, id: &ContainerId) -> Result<StdinWriter> {
        self.quick("attaching standard input", self.container_stdin(id)).await
    }

    async fn exec(&self, id: &ContainerId, command: &[String], within: Duration) -> Result<Executed> {
        self.container_exec(id, command, within).await
    }

    async fn copy_out(&self, id: &ContainerId, path: &str) -> Result<ByteStream> {
        self.slow("copying out of a container", self.container_copy_out(id, path)).await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        self.quick("inspecting an image", self.image_get(reference)).await
    }

    async fn image_list(&self, labels: &Labels) -> Result<Vec<ImageSummary>> {
        self.quick("listing images", self.images_with(labels)).await
    }

    async fn image_remove(&self, reference: &str, how: Removal) -> Result<()> {
        self.slow("removing an image", self.image_delete(reference, how)).await
    }

    async fn image_tag(&self, reference: &str, tag: &str) -> Result<()> {
        self.quick("tagging an image", self.image_name(reference, tag)).await
    }

    async fn image_import(&self, root: ByteSource, options: &ImportOptions) -> Result<ImageId> {
        bounded("importing an image", self.timeouts.transfer, self.image_from_tar(root, options)).await
    }

    async fn image_pull(&self, reference: &str, login: Option<&RegistryLogin>) -> Result<()> {
        bounded("fetching an image", self.timeouts.transfer, self.image_fetch(reference, login)).await
    }

    async fn image_build(&self, context: ByteSource, options: &BuildOptions) -> Result<BuildStream> {
        self.build(context, options)
    }

    async fn image_save(&self, references: &[&str]) -> Result<ByteStream> {
        self.slow("saving images", self.images_export(references)).await
    }

    async fn image_load(&self, archive: ByteSource) -> Result<()> {
        bounded("loading images", self.timeouts.transfer, self.images_load(archive)).await
    }

    async fn network_create(&self, spec: &NetworkSpec) -> Result<()> {
        self.slow("creating a network", self.network_make(spec)).await
    }

    async fn network_remove(&self, name: &str) -> Result<()> {
        self.slow("removing a network", self.network_delete(name)).await
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        self.quick("inspecting a network", self.network_get(name)).await
    }

    async fn network_list(&self, labels: &Labels) -> Result<Vec<Network>> {
        self.quick("listing networks", self.networks_with(labels)).await
    }

    async fn volume_create(&self, spec: &VolumeSpec) -> Result<()> {
        self.quick("creating a volume", self.volume_make(spec)).await
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        self.slow("removing a volume", self.volume_delete(name)).await
    }

    async fn volume_list(&self, labels: &Labels) -> Result<Vec<Volume>> {
        self.quick("listing volumes", self.volumes_with(labels)).await
    }

    fn listening(&self) -> Option<&dyn Listening> {
        Some(self)
    }

    fn freeze(&self) -> Option<&dyn Freeze> {
        Some(self)
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        Some(self)
    }
}
