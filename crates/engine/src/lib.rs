//! The container port: what Pierhead asks of a container engine, and the drivers that do it.
//!
//! This crate knows containers, images, networks and volumes, never deployments or projects. What a container may do is a
//! typed [`ContainerSpec`], and a driver *builds* the engine's own request from it: there is no field through which somebody's
//! text could become a privilege.

pub mod cgroup;
pub mod docker;
mod error;
mod spec;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use error::EngineError;
use futures::stream::BoxStream;
use ipnet::Ipv4Net;
use pierhead_model::Timestamp;
pub use spec::{
    BuildSpec, ContainerSpec, ImageSpec, Limits, Mount, NetworkSpec, Profile, VolumeKind, VolumeSpec,
};

pub type Result<T> = std::result::Result<T, EngineError>;

/// An engine. Removing what is not there succeeds; creating what is there with the same name and specification gives it back.
#[async_trait]
pub trait Engine: Send + Sync + Debug {
    /// The engine's version; also the question whether it answers.
    async fn version(&self) -> Result<String>;

    async fn container_create(&self, spec: &ContainerSpec) -> Result<()>;
    async fn container_start(&self, name: &str) -> Result<()>;
    /// Asks politely, and kills after the grace period.
    async fn container_stop(&self, name: &str, grace: Duration) -> Result<()>;
    /// Kills and removes.
    async fn container_remove(&self, name: &str) -> Result<()>;
    async fn container_inspect(&self, name: &str) -> Result<Container>;
    /// Those that carry all of `labels`, running or not.
    async fn container_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>>;
    /// Waits for the end and says how it was.
    async fn container_wait(&self, name: &str) -> Result<Exit>;
    /// What it printed after `cursor`, and what it prints until it ends.
    fn container_logs(&self, name: &str, cursor: LogCursor) -> BoxStream<'static, Result<LogPiece>>;
    /// Where something listens inside the container's network.
    async fn container_listening(&self, name: &str) -> Result<Vec<SocketAddr>>;
    /// What it uses. `None` when it does not run.
    async fn container_usage(&self, name: &str) -> Result<Option<Usage>>;

    async fn image_id(&self, reference: &str) -> Result<Option<String>>;
    /// Makes an image of a root file system in a tar stream.
    async fn image_import(
        &self,
        spec: &ImageSpec,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<String>;
    /// Builds a Dockerfile; the stream ends with the image's id.
    fn image_build(&self, spec: BuildSpec, context: Bytes) -> BoxStream<'static, Result<BuildOutput>>;
    async fn image_remove(&self, reference: &str) -> Result<()>;
    async fn image_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>>;
    /// The first TCP port that the image says it listens on.
    async fn image_port(&self, reference: &str) -> Result<Option<u16>>;

    async fn network_create(&self, spec: &NetworkSpec) -> Result<()>;
    async fn network_remove(&self, name: &str) -> Result<()>;
    async fn network_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>>;
    /// The IPv4 subnets of every network of the engine, whoever made it.
    async fn subnets(&self) -> Result<Vec<Ipv4Net>>;

    async fn volume_create(&self, spec: &VolumeSpec) -> Result<()>;
    async fn volume_remove(&self, name: &str) -> Result<()>;
    async fn volume_list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>>;
}

/// Something the engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Of a container; `false` for everything else.
    pub running: bool,
}

/// A container as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub status: Status,
    /// In its own network.
    pub address: Option<IpAddr>,
    pub exit: Option<Exit>,
    pub labels: BTreeMap<String, String>,
    pub started_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Created,
    Running,
    /// Ended, or being removed.
    Exited,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// 128 + n when signal n ended it.
    pub code: i64,
    /// The engine saw its main process being killed for memory. A killed child shows only in [`Usage::oom_kills`].
    pub out_of_memory: bool,
}

/// A piece of output, as it came: it may be part of a line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPiece {
    pub stderr: bool,
    pub bytes: Bytes,
    /// Where to go on after this piece.
    pub cursor: LogCursor,
}

/// A place in a container's output: a moment, and how many lines of exactly that moment were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogCursor {
    pub at: Option<Timestamp>,
    pub seen: u32,
}

/// What a container uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The working set: page cache that can be dropped does not count.
    pub memory_bytes: u64,
    pub memory_peak_bytes: u64,
    /// Processes of the container that were killed for memory so far.
    pub oom_kills: u64,
    pub cpu_time: Duration,
    pub pids: u64,
    /// Times a process could not be made because of the limit.
    pub pids_refused: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOutput {
    Text(String),
    /// The last one: the image's id.
    Image(String),
}
