//! What an engine says about its objects.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

use bytes::Bytes;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::spec::Labels;

/// The engine's own id of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What [`crate::Engine::info`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// `docker` or `simulated`.
    pub driver: &'static str,
    pub version: String,
    pub api_version: String,
    pub cgroup: CgroupVersion,
    pub cpus: u32,
    pub memory_bytes: u64,
    /// Where the engine keeps its data, for disk checks; `None` when it has no such place.
    pub root_dir: Option<std::path::PathBuf>,
    /// Name and version of the low-level runtime, as far as the engine says.
    pub runtime: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CgroupVersion {
    V1,
    V2,
}

/// The answer to a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub id: ContainerId,
    /// Whether this call made it, or found it made from the same spec.
    pub made: Made,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Now,
    Before,
}

/// How hard to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// [`crate::Error::Conflict`] when it runs or is in use.
    OnlyUnused,
    /// Kill a running container first; untag an image that has several tags.
    Force,
}

/// A container as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    pub id: ContainerId,
    pub name: String,
    pub image: String,
    pub labels: Labels,
    pub status: Status,
}

/// A container in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: ContainerId,
    pub name: String,
    /// The reference it was created from.
    pub image: String,
    pub labels: Labels,
    pub created_at: Timestamp,
    pub state: State,
    /// Its address in each network it is attached to; empty unless it runs.
    pub addresses: BTreeMap<String, Ipv4Addr>,
    pub memory_limit: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Created,
    Running {
        pid: u32,
        started_at: Timestamp,
    },
    /// Frozen through the engine; it still has its pid.
    Paused {
        pid: u32,
        started_at: Timestamp,
    },
    Exited(Exit),
    /// Being removed, or half removed by an engine that failed doing so. Remove it again.
    Dead,
}

impl State {
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Created => Status::Created,
            Self::Running { .. } => Status::Running,
            Self::Paused { .. } => Status::Paused,
            Self::Exited(_) => Status::Exited,
            Self::Dead => Status::Dead,
        }
    }

    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Running { pid, .. } | Self::Paused { pid, .. } => Some(*pid),
            Self::Created | Self::Exited(_) | Self::Dead => None,
        }
    }

    #[must_use]
    pub fn exit(&self) -> Option<&Exit> {
        match self {
            Self::Exited(exit) => Some(exit),
            Self::Created | Self::Running { .. } | Self::Paused { .. } | Self::Dead => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Created,
    Running,
    Paused,
    Exited,
    Dead,
}

/// How a container ended; read from its state, so it survives a crash of whoever waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// 0 to 255; 128 + n when signal n ended it (137: killed, 143: terminated).
    pub code: i64,
    /// Some process in it was killed for memory, the main one or a child, as far as the engine noticed.
    /// Join it with [`Stats::oom_kills`] of the last sample, see [`crate::memory_watch`].
    pub oom_killed: bool,
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
}

/// What is kept of what a command that was executed in a container printed, in bytes.
pub const MAX_EXECUTED_OUTPUT: usize = 64 << 10;

/// How a command that was executed in a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// 0 to 255; 128 + n when signal n ended it.
    pub code: i64,
    /// Both outputs as they came, at most the first [`MAX_EXECUTED_OUTPUT`] bytes.
    pub output: Bytes,
}

/// One sample of a running container's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Memory that cannot be given back at once: usage without inactive file cache, in bytes.
    pub working_set: u64,
    pub memory_limit: u64,
    /// The kernel's high-water mark in bytes, caches included; `None` on kernels that keep none for cgroup v2
    /// (before 5.19). [`crate::memory_watch`] then gives the highest sample.
    pub memory_peak: Option<u64>,
    /// Processes killed for memory since the start, children too.
    pub oom_kills: u64,
    /// Processor time since the start.
    pub cpu_nanos: u64,
    pub pids: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub name: String,
    pub labels: Labels,
    /// `None` for a network that is not ours and has no IPv4 subnet.
    pub subnet: Option<Ipv4Net>,
    pub gateway: Option<Ipv4Addr>,
    pub internal: bool,
    /// Running containers attached to it. Lists leave it empty; [`crate::Engine::network_inspect`] fills it.
    pub containers: Vec<ContainerId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: Labels,
}
