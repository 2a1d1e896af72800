//! The Docker driver: Docker Engine 20.10 and newer, and what speaks its API.

mod convert;
mod images;
mod logs;
mod places;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptions,
};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use ipnet::Ipv4Net;

use crate::cgroup::Cgroup;
use crate::{
    BuildOutput, BuildSpec, Container, ContainerSpec, Engine, EngineError, Exit, ImageSpec, Listed,
    LogCursor, LogPiece, NetworkSpec, Result, Usage, VolumeSpec,
};

/// How long a call that should be quick may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Talks to one Docker daemon.
#[derive(Debug, Clone)]
pub struct DockerEngine {
    docker: Docker,
    /// Where this machine shows cgroups.
    cgroup_root: PathBuf,
}

impl DockerEngine {
    /// Connects to the daemon of this machine (`DOCKER_HOST` or the usual socket). Nothing is sent yet.
    pub fn local() -> Result<Self> {
        let docker = Docker::connect_with_defaults()
            .map_err(|error| convert::error("connecting", "engine", "", error))?;
        Ok(Self {
            docker: docker.with_timeout(Duration::from_secs(600)),
            cgroup_root: "/sys/fs/cgroup".into(),
        })
    }

    /// A call that must not hang.
    async fn quick<T>(
        doing: &'static str,
        call: impl Future<Output = std::result::Result<T, bollard::errors::Error>>,
        what: &'static str,
        name: &str,
    ) -> Result<T> {
        match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(done) => done.map_err(|error| convert::error(doing, what, name, error)),
            Err(_) => Err(EngineError::Timeout { doing, seconds: CALL_LIMIT.as_secs() }),
        }
    }

    async fn pid(&self, name: &str) -> Result<Option<i64>> {
        let inspected = Self::quick(
            "inspecting a container",
            self.docker.inspect_container(name, None::<InspectContainerOptions>),
            "container",
            name,
        )
        .await?;
        Ok(inspected.state.and_then(|state| state.pid).filter(|pid| *pid > 0))
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn version(&self) -> Result<String> {
        let version = Self::quick("asking for the version", self.docker.version(), "engine", "").await?;
        Ok(version.version.unwrap_or_default())
    }

    async fn container_create(&self, spec: &ContainerSpec) -> Result<()> {
        let body = convert::container(spec)?;
        let wanted = body.labels.as_ref().and_then(|labels| labels.get(convert::SPEC_LABEL)).cloned();
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let created = Self::quick(
            "creating a container",
            self.docker.create_container(Some(options), body),
            "container",
            &spec.name,
        )
        .await;
        match created {
            Ok(_) => Ok(()),
            Err(EngineError::NotFound { .. }) => Err(EngineError::NoSuchImage { image: spec.image.clone() }),
            Err(EngineError::NameTaken { what, name }) => {
                let there = self.container_inspect(&spec.name).await?;
                if there.labels.get(convert::SPEC_LABEL) == wanted.as_ref() {
                    return Ok(());
                }
                Err(EngineError::NameTaken { what, name })
            }
            Err(error) => Err(error),
        }
    }

    async fn container_start(&self, name: &str) -> Result<()> {
        Self::quick("starting a container", self.docker.start_container(name, None), "container", name).await
    }

    async fn container_stop(&self, name: &str, grace: Duration) -> Result<()> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        let doing = "stopping a container";
        let limit = grace + CALL_LIMIT;
        match tokio::time::timeout(limit, self.docker.stop_container(name, Some(options))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => match convert::error(doing, "container", name, error) {
                EngineError::NotFound { .. } => Ok(()),
                error => Err(error),
            },
            Err(_) => Err(EngineError::Timeout { doing, seconds: limit.as_secs() }),
        }
    }

    async fn container_remove(&self, name: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let call = self.docker.remove_container(name, Some(options));
        match Self::quick("removing a container", call, "container", name).await {
            Err(EngineError::NotFound { .. }) => Ok(()),
            // Somebody else is removing it at this moment: wait until it is gone.
            Err(EngineError::NameTaken { .. }) => gone(self, name).await,
            done => done,
        }
    }

    async fn container_inspect(&self, name: &str) -> Result<Container> {
        let call = self.docker.inspect_container(name, None::<InspectContainerOptions>);
        Ok(convert::inspected(Self::quick("inspecting a container", call, "container", name).await?))
    }

    async fn container_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        let options =
            ListContainersOptionsBuilder::new().all(true).filters(&convert::label_filter(labels)).build();
        let call = self.docker.list_containers(Some(options));
        let found = Self::quick("listing containers", call, "container", "").await?;
        Ok(found.into_iter().map(convert::listed).collect())
    }

    async fn container_wait(&self, name: &str) -> Result<Exit> {
        let mut waiting = self.docker.wait_container(name, None::<WaitContainerOptions>).boxed();
        match waiting.next().await {
            Some(Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. })) | None => {}
            Some(Err(error)) => {
                return Err(convert::error("waiting for a container", "container", name, error));
            }
        }
        let ended = self.container_inspect(name).await?;
        ended.exit.ok_or_else(|| EngineError::Other {
            doing: "waiting for a container",
            message: format!("`{name}` did not end"),
        })
    }

    fn container_logs(&self, name: &str, cursor: LogCursor) -> BoxStream<'static, Result<LogPiece>> {
        logs::stream(&self.docker, name, cursor)
    }

    async fn container_listening(&self, name: &str) -> Result<Vec<SocketAddr>> {
        let Some(pid) = self.pid(name).await? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for file in ["tcp", "tcp6"] {
            let path = Path::new("/proc").join(pid.to_string()).join("net").join(file);
            if let Ok(text) = fs_err::tokio::read_to_string(path).await {
                found.extend(text.lines().filter_map(listening_socket));
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn container_usage(&self, name: &str) -> Result<Option<Usage>> {
        let Some(pid) = self.pid(name).await? else { return Ok(None) };
        let path = Path::new("/proc").join(pid.to_string()).join("cgroup");
        let Ok(text) = fs_err::tokio::read_to_string(path).await else { return Ok(None) };
        Ok(Cgroup::find(&text, &self.cgroup_root).and_then(|cgroup| cgroup.usage()))
    }

    async fn image_id(&self, reference: &str) -> Result<Option<String>> {
        self.image_id_of(reference).await
    }

    async fn image_import(
        &self,
        spec: &ImageSpec,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<String> {
        self.import(spec, tar).await
    }

    fn image_build(&self, spec: BuildSpec, context: Bytes) -> BoxStream<'static, Result<BuildOutput>> {
        images::build(self.docker.clone(), spec, context)
    }

    async fn image_remove(&self, reference: &str) -> Result<()> {
        self.remove_image(reference).await
    }

    async fn image_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        self.list_images(labels).await
    }

    async fn image_port(&self, reference: &str) -> Result<Option<u16>> {
        self.exposed_port(reference).await
    }

    async fn network_create(&self, spec: &NetworkSpec) -> Result<()> {
        self.create_network(spec).await
    }

    async fn network_remove(&self, name: &str) -> Result<()> {
        self.remove_network(name).await
    }

    async fn network_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        self.list_networks(labels).await
    }

    async fn subnets(&self) -> Result<Vec<Ipv4Net>> {
        self.all_subnets().await
    }

    async fn volume_create(&self, spec: &VolumeSpec) -> Result<()> {
        self.create_volume(spec).await
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        self.remove_volume(name).await
    }

    async fn volume_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        self.list_volumes(labels).await
    }
}

/// Waits, bounded, for a container that is being removed.
async fn gone(engine: &DockerEngine, name: &str) -> Result<()> {
    let mut pause = Duration::from_millis(20);
    while pause < Duration::from_secs(8) {
        if matches!(engine.container_inspect(name).await, Err(EngineError::NotFound { .. })) {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err(EngineError::Timeout { doing: "removing a container", seconds: 16 })
}

/// A line of `/proc/net/tcp{,6}` whose socket listens (state 0A); addresses are in the machine's byte order, per 32 bits.
fn listening_socket(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state != "0A" {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if address.len() == 8 {
        let bytes = u32::from_str_radix(address, 16).ok()?.to_le_bytes();
        return Some(SocketAddr::from((Ipv4Addr::from(bytes), port)));
    }
    let mut bytes = [0; 16];
    for (index, chunk) in bytes.chunks_mut(4).enumerate() {
        chunk.copy_from_slice(
            &u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok()?.to_le_bytes(),
        );
    }
    Some(SocketAddr::from((Ipv6Addr::from(bytes), port)))
}

fn to_ordered(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    labels.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_listens() {
        let line = |local: &str, state: &str| {
            format!("   0: {local} 00000000:0000 {state} 00000000:00000000 00:0 0 0 1")
        };
        for (local, expected) in [
            ("0100007F:1F90", "127.0.0.1:8080"),
            ("00000000:0BB8", "0.0.0.0:3000"),
            ("00000000000000000000000000000000:0BB8", "[::]:3000"),
            ("00000000000000000000000001000000:0050", "[::1]:80"),
        ] {
            assert_eq!(listening_socket(&line(local, "0A")), Some(expected.parse().unwrap()), "{local}");
        }
        assert_eq!(listening_socket(&line("0100007F:1F90", "01")), None, "a connection does not listen");
        assert_eq!(listening_socket("  sl  local_address rem_address   st"), None);
    }
}
