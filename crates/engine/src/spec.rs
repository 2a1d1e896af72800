//! What to create: the typed allow-list every driver builds its requests from.
//!
//! Rules: what has no field here cannot be asked for (privileges, devices, host namespaces, published ports,
//! restart policies). Limits are not optional. A spec is validated before any engine sees it, and its
//! [`ContainerSpec::hash`] is kept as a label, so that creating the same thing twice is seen to be the same.

mod validate;

pub(crate) use self::validate::check_network;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use ipnet::Ipv4Net;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::state::ContainerId;

pub type Labels = BTreeMap<String, String>;

/// A container, completely described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerSpec {
    /// Unique on the node; the key of idempotent creation.
    pub name: String,
    /// A reference or id of an image that is on the node; nothing is ever pulled.
    pub image: String,
    /// `None` keeps the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `None` keeps the image's.
    pub command: Option<Vec<String>>,
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    /// `uid`, `uid:gid` or a name of the image; `None` keeps the image's.
    pub user: Option<String>,
    pub labels: Labels,
    pub limits: Limits,
    pub mounts: Vec<Mount>,
    pub network: NetworkMode,
    /// Further networks that it is attached to; only beside a [`NetworkMode::Named`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_on: Vec<Attachment>,
    pub profile: Profile,
    #[serde(skip_serializing_if = "Privileges::is_none")]
    pub privileges: Privileges,
    pub read_only_root: bool,
    /// Keep standard input open for one [`crate::Engine::open_stdin`]; it sees end-of-file when that is closed.
    pub stdin: bool,
    /// What [`crate::Engine::stop`] sends first; `None` keeps the image's (by default `SIGTERM`).
    pub stop_signal: Option<String>,
    /// Names added to `/etc/hosts`.
    pub extra_hosts: Vec<(String, IpAddr)>,
}

impl ContainerSpec {
    /// The smallest complete spec: no network, nothing mounted, the image's own command.
    #[must_use]
    pub fn new(name: impl Into<String>, image: impl Into<String>, profile: Profile, limits: Limits) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            entrypoint: None,
            command: None,
            env: Vec::new(),
            working_dir: None,
            user: None,
            labels: Labels::new(),
            limits,
            mounts: Vec::new(),
            network: NetworkMode::None,
            also_on: Vec::new(),
            profile,
            privileges: Privileges::default(),
            read_only_root: false,
            stdin: false,
            stop_signal: None,
            extra_hosts: Vec::new(),
        }
    }

    /// Every network that it is attached to, with its aliases there.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = (&str, &[String])> {
        let first = match &self.network {
            NetworkMode::Named { network, aliases } => Some((network.as_str(), aliases.as_slice())),
            NetworkMode::None | NetworkMode::Host | NetworkMode::SharedWith { .. } => None,
        };
        let further = self.also_on.iter().map(|one| (one.network.as_str(), one.aliases.as_slice()));
        first.into_iter().chain(further)
    }

    /// SHA-256 over every field, in hex. Two specs with the same hash make the same container.
    #[must_use]
    pub fn hash(&self) -> String {
        fingerprint(self)
    }
}

/// Hard limits. Swap is always off: a container that needs more than its memory is killed, not slowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub memory_bytes: u64,
    /// Thousandths of one core: 500 is half a core.
    pub cpu_millis: u32,
    /// Processes and threads together.
    pub pids: u32,
    /// Share of the processor under contention, 1 to 10 000; 100 is normal.
    pub cpu_weight: u32,
    /// −1000 to 1000; higher is killed earlier when the *node* runs out of memory.
    pub oom_score_adj: i32,
}

impl Limits {
    /// Normal weight, killed before the platform's own processes.
    #[must_use]
    pub fn new(memory_bytes: u64, cpu_millis: u32, pids: u32) -> Self {
        Self { memory_bytes, cpu_millis, pids, cpu_weight: 100, oom_score_adj: 500 }
    }
}

/// What the container is for, which decides the capabilities it keeps.
///
/// All profiles: every capability dropped, then the list below added; `no-new-privileges`; the engine's default
/// seccomp and AppArmor profiles; an init process as PID 1 that reaps and forwards signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Profile {
    /// Runs a repository's build commands, often as root: owns and hands over files, changes users.
    Build,
    /// Runs a repository's server; images often start as root, then drop to their own user.
    Service,
    /// Runs a pipeline plugin: reads standard input, writes standard output. Keeps nothing.
    Plugin,
}

impl Profile {
    /// The capabilities kept, without the `CAP_` prefix: the published profile.
    ///
    /// `KILL` is there so that the init process can forward a stop to a server that changed its user.
    /// Low ports need no capability inside a network namespace of its own.
    #[must_use]
    pub fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Build => &["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"],
            Self::Service => {
                &["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
            }
            Self::Plugin => &[],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Mount {
    /// A volume made by [`crate::Engine::volume_create`]; it must exist.
    Volume {
        name: String,
        target: String,
        read_only: bool,
        /// An empty one gets what the image has at the target, owners and modes included.
        filled: bool,
    },
    /// A directory or file of the host. Only for paths that the platform owns or an admin named, never for one a user names.
    Bind {
        source: PathBuf,
        target: String,
        read_only: bool,
    },
    Tmpfs {
        target: String,
        size_bytes: u64,
    },
}

impl Mount {
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::Volume { target, .. } | Self::Bind { target, .. } | Self::Tmpfs { target, .. } => target,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum NetworkMode {
    /// Loopback only.
    None,
    /// The node's own network: only where an admin said so.
    Host,
    /// One network made by [`crate::Engine::network_create`]; reachable there as its name and its aliases.
    Named { network: String, aliases: Vec<String> },
    /// The network namespace of another container of ours, which must be running at start. It lets a tiny
    /// holder keep the (slow to set up) namespace while the server in it sleeps and wakes.
    SharedWith { container: ContainerId },
}

/// What a container gets beyond its profile: nothing, unless an admin said so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Privileges {
    /// Everything below, and more.
    pub privileged: bool,
    /// It sees the node's processes.
    pub host_processes: bool,
    /// Kernel capabilities, without the `CAP_` prefix.
    pub capabilities: Vec<String>,
    /// Devices of the node, under the same path in the container.
    pub devices: Vec<String>,
}

impl Privileges {
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A network made by [`crate::Engine::network_create`], and the names by which the container is reached there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    pub network: String,
    pub aliases: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeSpec {
    pub name: String,
    pub labels: Labels,
    pub kind: VolumeKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum VolumeKind {
    /// An empty directory kept by the engine.
    Plain,
    /// An overlay of host directories, mounted while a container uses it. The caller makes the directories;
    /// `upper` and `work` must be on one file system and `work` empty. `lower` is highest first.
    Overlay { lower: Vec<PathBuf>, upper: PathBuf, work: PathBuf },
}

impl VolumeSpec {
    #[must_use]
    pub fn hash(&self) -> String {
        fingerprint(self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkSpec {
    pub name: String,
    pub labels: Labels,
    /// Chosen by the caller, because an engine's own pools run out after about thirty networks.
    pub subnet: Ipv4Net,
    /// No way out: containers reach only each other.
    pub internal: bool,
}

impl NetworkSpec {
    #[must_use]
    pub fn hash(&self) -> String {
        fingerprint(self)
    }
}

fn fingerprint(spec: &impl Serialize) -> String {
    // Serialising these types cannot fail (string keys only); an empty text would still hash, and differ.
    let text = serde_json::to_vec(spec).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
