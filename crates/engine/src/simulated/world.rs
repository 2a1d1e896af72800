//! The world behind the simulated engine: plain data and rules that answer at once.
//!
//! It refuses what Docker refuses, so that a caller tested here does not learn bad habits. No waiting, no tasks:
//! those are in `run.rs` and in the engine itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use bytes::Bytes;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use tokio::io::DuplexStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::{Error, Object, Result},
    image::{Image, ImageId},
    log::Output,
    spec::{ContainerSpec, Mount, NetworkMode, NetworkSpec, VolumeKind, VolumeSpec},
    state::{Container, ContainerId, ContainerSummary, Created, Exit, Made, Network, Removal, State, Stats},
};

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) containers: BTreeMap<ContainerId, SimContainer>,
    pub(super) networks: BTreeMap<String, NetworkSpec>,
    pub(super) volumes: BTreeMap<String, SimVolume>,
    pub(super) images: BTreeMap<ImageId, Image>,
    /// What archives were made of.
    pub(super) saved: BTreeMap<ImageId, Image>,
    made: u32,
}

#[derive(Debug)]
pub(super) struct SimVolume {
    pub(super) spec: VolumeSpec,
    pub(super) files: BTreeMap<String, Bytes>,
}

#[derive(Debug)]
pub(super) struct SimContainer {
    pub(super) spec: ContainerSpec,
    pub(super) created_at: Timestamp,
    pub(super) state: State,
    pub(super) log: Vec<(Output, Timestamp, Bytes)>,
    pub(super) files: BTreeMap<String, Bytes>,
    pub(super) usage: Stats,
    pub(super) listens: BTreeSet<u16>,
    pub(super) ignores_stop: bool,
    pub(super) frozen: bool,
    /// In each network, while it runs.
    pub(super) addresses: BTreeMap<String, Ipv4Addr>,
    pub(super) stdin: Option<DuplexStream>,
    /// The script being played; dropping it stops it.
    pub(super) task: Option<AbortOnDropHandle<()>>,
}

impl World {
    pub(super) fn container(&self, id: &ContainerId) -> Result<&SimContainer> {
        self.containers.get(id).ok_or_else(|| Error::not_found(Object::Container, id.as_str()))
    }

    pub(super) fn container_mut(&mut self, id: &ContainerId) -> Result<&mut SimContainer> {
        self.containers.get_mut(id).ok_or_else(|| Error::not_found(Object::Container, id.as_str()))
    }

    /// The container, if it runs.
    pub(super) fn running(&mut self, id: &ContainerId) -> Result<&mut SimContainer> {
        let container = self.container_mut(id)?;
        if container.state.pid().is_some() {
            Ok(container)
        } else {
            Err(Error::conflict(Object::Container, id.as_str(), "it does not run"))
        }
    }

    pub(super) fn create(&mut self, spec: &ContainerSpec, now: Timestamp) -> Result<Created> {
        spec.validate()?;
        if let Some((id, found)) = self.containers.iter().find(|(_, one)| one.spec.name == spec.name) {
            return if found.spec == *spec {
                Ok(Created { id: id.clone(), made: Made::Before })
            } else {
                Err(Error::NameTaken { object: Object::Container, name: spec.name.clone() })
            };
        }
        if self.image(&spec.image).is_none() {
            return Err(Error::NoSuchImage { image: spec.image.clone() });
        }
        self.check_parts(spec)?;
        self.made += 1;
        let id = ContainerId::new(format!("{:064x}", self.made));
        let container = SimContainer {
            spec: spec.clone(),
            created_at: now,
            state: State::Created,
            log: Vec::new(),
            files: BTreeMap::new(),
            usage: Stats::default(),
            listens: BTreeSet::new(),
            ignores_stop: false,
            frozen: false,
            addresses: BTreeMap::new(),
            stdin: None,
            task: None,
        };
        self.containers.insert(id.clone(), container);
        Ok(Created { id, made: Made::Now })
    }

    fn check_parts(&self, spec: &ContainerSpec) -> Result<()> {
        for (network, _) in spec.attachments() {
            drop(self.network(network)?);
        }
        if let NetworkMode::SharedWith { container } = &spec.network {
            drop(self.describe(container)?);
        }
        for mount in &spec.mounts {
            match mount {
                Mount::Volume { name, .. } if !self.volumes.contains_key(name) => {
                    return Err(Error::not_found(Object::Volume, name));
                }
                Mount::Volume { .. } | Mount::Bind { .. } | Mount::Tmpfs { .. } => {}
            }
        }
        Ok(())
    }

    /// `false`: it runs already.
    pub(super) fn start(&mut self, id: &ContainerId, now: Timestamp) -> Result<bool> {
        let container = self.container(id)?;
        if container.state.pid().is_some() {
            return Ok(false);
        }
        let spec = container.spec.clone();
        self.check_parts(&spec)?;
        if let NetworkMode::SharedWith { container } = &spec.network {
            self.running(container)?;
        }
        let mut addresses = BTreeMap::new();
        for (network, _) in spec.attachments() {
            addresses.insert(network.to_owned(), self.free_address(network)?);
        }
        self.made += 1;
        let pid = self.made;
        let container = self.container_mut(id)?;
        container.state = State::Running { pid, started_at: now };
        container.addresses = addresses;
        container.usage = Stats { pids: 1, memory_limit: spec.limits.memory_bytes, ..Stats::default() };
        container.listens.clear();
        container.ignores_stop = false;
        Ok(true)
    }

    fn free_address(&self, network: &str) -> Result<Ipv4Addr> {
        let subnet =
            self.networks.get(network).ok_or_else(|| Error::not_found(Object::Network, network))?.subnet;
        let taken: BTreeSet<_> =
            self.attached(network).filter_map(|(_, one)| one.addresses.get(network).copied()).collect();
        // The first host address is the gateway's.
        subnet
            .hosts()
            .skip(1)
            .find(|address| !taken.contains(address))
            .ok_or_else(|| Error::conflict(Object::Network, network, "no address of its subnet is free"))
    }

    /// Running containers attached to a network.
    fn attached(&self, network: &str) -> impl Iterator<Item = (&ContainerId, &SimContainer)> {
        self.containers.iter().filter(move |(_, one)| {
            one.state.pid().is_some() && one.spec.attachments().any(|(name, _)| name == network)
        })
    }

    /// Ends a running container; one that does not run is left alone.
    pub(super) fn exit(&mut self, id: &ContainerId, code: i64, now: Timestamp) -> Result<()> {
        let container = self.container_mut(id)?;
        if let State::Running { started_at, .. } | State::Paused { started_at, .. } = container.state {
            container.state = State::Exited(Exit {
                code,
                oom_killed: container.usage.oom_kills > 0,
                started_at: Some(started_at),
                finished_at: now,
            });
            container.frozen = false;
            container.addresses.clear();
            container.listens.clear();
            container.stdin = None;
            container.task = None;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &ContainerId, how: Removal) -> Result<()> {
        let Some(container) = self.containers.get(id) else { return Ok(()) };
        if container.state.pid().is_some() && how == Removal::OnlyUnused {
            return Err(Error::conflict(Object::Container, id.as_str(), "it is running"));
        }
        self.containers.remove(id);
        Ok(())
    }

    pub(super) fn describe(&self, id: &ContainerId) -> Result<Container> {
        let one = self.container(id)?;
        let mut labels = one.spec.labels.clone();
        labels.insert(crate::labels::SPEC.to_owned(), one.spec.hash());
        Ok(Container {
            id: id.clone(),
            name: one.spec.name.clone(),
            image: one.spec.image.clone(),
            labels,
            created_at: one.created_at,
            state: one.state.clone(),
            addresses: one.addresses.clone(),
            memory_limit: one.spec.limits.memory_bytes,
        })
    }

    pub(super) fn summary(&self, id: &ContainerId) -> Result<ContainerSummary> {
        let Container { id, name, image, labels, state, .. } = self.describe(id)?;
        Ok(ContainerSummary { id, name, image, labels, status: state.status() })
    }

    /// Finds an image by tag, id, or name without `:latest`.
    pub(super) fn image(&self, reference: &str) -> Option<&Image> {
        let latest = format!("{reference}:latest");
        self.images.values().find(|image| {
            image.id.as_str() == reference || image.tags.iter().any(|tag| tag == reference || *tag == latest)
        })
    }

    /// Adds an image; its tags leave whichever image had them.
    pub(super) fn add_image(&mut self, image: Image) {
        for other in self.images.values_mut() {
            other.tags.retain(|tag| !image.tags.contains(tag));
        }
        let mut tags = image.tags.clone();
        if let Some(same) = self.images.get(&image.id) {
            tags.extend(same.tags.iter().filter(|tag| !image.tags.contains(tag)).cloned());
        }
        self.images.insert(image.id.clone(), Image { tags, ..image });
    }

    pub(super) fn remove_image(&mut self, reference: &str, how: Removal) -> Result<()> {
        let Some(image) = self.image(reference).cloned() else { return Ok(()) };
        let by_id = image.id.as_str() == reference;
        let user = self.containers.values().find(|one| {
            self.image(&one.spec.image).is_some_and(|used| used.id == image.id)
                && (how == Removal::OnlyUnused || one.state.pid().is_some())
        });
        let last = by_id || image.tags.len() <= 1;
        if let (true, Some(user)) = (last, user) {
            let reason = format!("the container {} uses it", user.spec.name);
            return Err(Error::conflict(Object::Image, reference, reason));
        }
        if by_id && image.tags.len() > 1 && how == Removal::OnlyUnused {
            return Err(Error::conflict(Object::Image, reference, "it has several tags"));
        }
        if last {
            self.images.remove(&image.id);
        } else if let Some(image) = self.images.get_mut(&image.id) {
            image.tags.retain(|tag| tag != reference);
        }
        Ok(())
    }

    pub(super) fn create_network(&mut self, spec: &NetworkSpec) -> Result<()> {
        spec.validate()?;
        if let Some(found) = self.networks.get(&spec.name) {
            return if found == spec {
                Ok(())
            } else {
                Err(Error::NameTaken { object: Object::Network, name: spec.name.clone() })
            };
        }
        let overlaps = |other: &Ipv4Net| {
            other.contains(&spec.subnet.network()) || spec.subnet.contains(&other.network())
        };
        if self.networks.values().any(|other| overlaps(&other.subnet)) {
            return Err(Error::SubnetOverlap { subnet: spec.subnet });
        }
        self.networks.insert(spec.name.clone(), spec.clone());
        Ok(())
    }

    pub(super) fn remove_network(&mut self, name: &str) -> Result<()> {
        if self.attached(name).next().is_some() {
            return Err(Error::conflict(Object::Network, name, "running containers are attached to it"));
        }
        self.networks.remove(name);
        Ok(())
    }

    pub(super) fn network(&self, name: &str) -> Result<Network> {
        let spec = self.networks.get(name).ok_or_else(|| Error::not_found(Object::Network, name))?;
        let mut labels = spec.labels.clone();
        labels.insert(crate::labels::SPEC.to_owned(), spec.hash());
        Ok(Network {
            name: spec.name.clone(),
            labels,
            subnet: Some(spec.subnet),
            gateway: spec.subnet.hosts().next(),
            internal: spec.internal,
            containers: self.attached(name).map(|(id, _)| id.clone()).collect(),
        })
    }

    pub(super) fn create_volume(&mut self, spec: &VolumeSpec) -> Result<()> {
        spec.validate()?;
        match self.volumes.get(&spec.name) {
            Some(found) if found.spec == *spec => Ok(()),
            Some(_) => Err(Error::NameTaken { object: Object::Volume, name: spec.name.clone() }),
            None => {
                let volume = SimVolume { spec: spec.clone(), files: BTreeMap::new() };
                self.volumes.insert(spec.name.clone(), volume);
                Ok(())
            }
        }
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> Result<()> {
        let mounts_it = |one: &SimContainer| {
            one.spec
                .mounts
                .iter()
                .any(|mount| matches!(mount, Mount::Volume { name: mounted, .. } if mounted == name))
        };
        if self.containers.values().any(mounts_it) {
            return Err(Error::conflict(Object::Volume, name, "a container mounts it"));
        }
        self.volumes.remove(name);
        Ok(())
    }

    /// Whether a connection from one container reaches a listener: same network, by name, alias or address.
    pub(super) fn reaches(&self, from: &ContainerId, host: &str, port: u16) -> bool {
        let mine = self.networks_of(from);
        self.containers.iter().any(|(id, one)| {
            let is_host = |network: &str, aliases: &[String]| {
                one.spec.name == host
                    || aliases.iter().any(|alias| alias == host)
                    || one.addresses.get(network).is_some_and(|address| address.to_string() == host)
            };
            one.state.pid().is_some()
                && one
                    .spec
                    .attachments()
                    .any(|(network, aliases)| mine.contains(&network) && is_host(network, aliases))
                && self.sockets_of(id).contains(&port)
        })
    }

    fn networks_of(&self, id: &ContainerId) -> Vec<&str> {
        let Some(one) = self.containers.get(id).filter(|one| one.state.pid().is_some()) else {
            return Vec::new();
        };
        match &one.spec.network {
            NetworkMode::SharedWith { container } => self.networks_of(container),
            NetworkMode::None | NetworkMode::Host | NetworkMode::Named { .. } => {
                one.spec.attachments().map(|(network, _)| network).collect()
            }
        }
    }

    /// The ports on which this container, or one that shares its network namespace, listens.
    pub(super) fn sockets_of(&self, id: &ContainerId) -> BTreeSet<u16> {
        let holder = |of: &ContainerId| match self.containers.get(of).map(|one| &one.spec.network) {
            Some(NetworkMode::SharedWith { container }) => container.clone(),
            _ => of.clone(),
        };
        let namespace = holder(id);
        self.containers
            .iter()
            .filter(|(other, _)| holder(other) == namespace)
            .flat_map(|(_, one)| one.listens.iter().copied())
            .collect()
    }

    /// The place of a container's path: in itself, in a volume, or on the host.
    pub(super) fn place(&self, id: &ContainerId, path: &str) -> Result<Place> {
        let spec = &self.container(id)?.spec;
        let mounted = spec.mounts.iter().find_map(|mount| {
            let rest = path.strip_prefix(mount.target())?.strip_prefix('/')?;
            Some((mount, rest.to_owned()))
        });
        Ok(match mounted {
            None if spec.read_only_root => Place::ReadOnly(Box::new(Place::Root(path.to_owned()))),
            None => Place::Root(path.to_owned()),
            Some((Mount::Tmpfs { .. }, _)) => Place::Root(path.to_owned()),
            Some((Mount::Bind { source, read_only, .. }, rest)) => {
                Place::Host { look: vec![source.join(&rest)], write: source.join(rest) }
                    .or_read_only(*read_only)
            }
            Some((Mount::Volume { name, read_only, .. }, rest)) => {
                let volume = self.volumes.get(name).ok_or_else(|| Error::not_found(Object::Volume, name))?;
                let place = match &volume.spec.kind {
                    VolumeKind::Plain => Place::Volume(name.clone(), rest),
                    VolumeKind::Overlay { lower, upper, .. } => Place::Host {
                        look: std::iter::once(upper).chain(lower).map(|dir| dir.join(&rest)).collect(),
                        write: upper.join(&rest),
                    },
                };
                place.or_read_only(*read_only)
            }
        })
    }
}

/// Where a file of a simulated container is kept.
#[derive(Debug)]
pub(super) enum Place {
    Root(String),
    Volume(String, String),
    /// Binds and overlays are real directories: looked for in this order, written to that one.
    Host {
        look: Vec<std::path::PathBuf>,
        write: std::path::PathBuf,
    },
    ReadOnly(Box<Self>),
}

impl Place {
    fn or_read_only(self, read_only: bool) -> Self {
        if read_only { Self::ReadOnly(Box::new(self)) } else { self }
    }
}
