//! What a spec must satisfy before an engine sees it: one place for all drivers.
//!
//! Engines accept more than is meant (a `:` in a bind, a `,` in overlay options, a missing limit), and say less
//! about what is wrong. Here each refusal names the field.

use std::{collections::BTreeSet, path::Path};

use super::{ContainerSpec, Limits, Mount, NetworkMode, NetworkSpec, VolumeKind, VolumeSpec};
use crate::error::{Error, Result};

/// The least memory Docker accepts.
const MIN_MEMORY: u64 = 6 * 1024 * 1024;

/// The kernel takes mount options of at most one page.
const MAX_MOUNT_OPTIONS: usize = 4096;

impl ContainerSpec {
    pub fn validate(&self) -> Result<()> {
        check_name("container", &self.name)?;
        ensure(!self.image.is_empty(), || "a container needs an image".to_owned())?;
        self.limits.validate()?;
        for (key, value) in &self.env {
            ensure(!key.is_empty() && !key.contains(['=', '\0']) && !value.contains('\0'), || {
                format!("the variable name `{key}` is empty, or it or its value holds `=` or a NUL byte")
            })?;
        }
        let words = self.entrypoint.iter().chain(&self.command).flatten();
        ensure(words.clone().all(|word| !word.contains('\0')), || "a command holds a NUL byte".to_owned())?;
        for mount in &self.mounts {
            mount.validate()?;
        }
        let mut networks = BTreeSet::new();
        for (network, aliases) in self.attachments() {
            check_network(network)?;
            ensure(networks.insert(network), || format!("it is attached to the network `{network}` twice"))?;
            for alias in aliases {
                check_name("alias", alias)?;
            }
        }
        let named = matches!(self.network, NetworkMode::Named { .. });
        ensure(named || self.also_on.is_empty(), || {
            "a container without a named network cannot be on further ones".to_owned()
        })?;
        let shared = matches!(self.network, NetworkMode::SharedWith { .. });
        ensure(!shared || self.extra_hosts.is_empty(), || {
            "a shared network namespace brings its own hosts; give extra hosts to the container that holds it"
                .to_owned()
        })?;
        for (name, _) in &self.extra_hosts {
            check_name("host", name)?;
        }
        Ok(())
    }
}

impl Limits {
    fn validate(&self) -> Result<()> {
        ensure(self.memory_bytes >= MIN_MEMORY && i64::try_from(self.memory_bytes).is_ok(), || {
            format!("the memory limit of {} bytes is missing or below {MIN_MEMORY}", self.memory_bytes)
        })?;
        ensure(self.cpu_millis >= 10, || {
            format!("the processor limit of {} thousandths is missing or below 10", self.cpu_millis)
        })?;
        ensure(self.pids >= 1, || "the process limit is missing".to_owned())?;
        ensure((1..=10_000).contains(&self.cpu_weight), || {
            format!("the processor weight {} is outside 1 to 10000", self.cpu_weight)
        })?;
        ensure((-1000..=1000).contains(&self.oom_score_adj), || {
            format!("the out-of-memory score {} is outside -1000 to 1000", self.oom_score_adj)
        })
    }
}

impl Mount {
    fn validate(&self) -> Result<()> {
        let target = self.target();
        ensure(target.starts_with('/') && target.len() > 1 && plain(target) && !climbs(target), || {
            format!("the mount target `{target}` is not a plain absolute path below the root")
        })?;
        match self {
            Self::Volume { name, .. } => check_name("volume", name),
            Self::Bind { source, .. } => host_path("bind source", source).map(drop),
            Self::Tmpfs { size_bytes, .. } => {
                ensure(*size_bytes > 0, || format!("the tmpfs on `{target}` has no size"))
            }
        }
    }
}

impl NetworkSpec {
    pub fn validate(&self) -> Result<()> {
        check_network(&self.name)?;
        ensure(self.subnet == self.subnet.trunc(), || {
            format!("the subnet {} has bits set beyond its prefix", self.subnet)
        })?;
        ensure((8..=29).contains(&self.subnet.prefix_len()), || {
            format!("the subnet {} must have a prefix of 8 to 29 bits", self.subnet)
        })
    }
}

impl VolumeSpec {
    pub fn validate(&self) -> Result<()> {
        check_name("volume", &self.name)?;
        self.overlay_options().map(drop)
    }

    /// The mount options of an overlay, `None` for a plain volume.
    pub(crate) fn overlay_options(&self) -> Result<Option<String>> {
        let VolumeKind::Overlay { lower, upper, work } = &self.kind else { return Ok(None) };
        ensure(!lower.is_empty(), || "an overlay needs at least one lower directory".to_owned())?;
        let lower =
            lower.iter().map(|path| host_path("overlay", path)).collect::<Result<Vec<_>>>()?.join(":");
        let upper = host_path("overlay", upper)?;
        let work = host_path("overlay", work)?;
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        ensure(options.len() < MAX_MOUNT_OPTIONS, || {
            format!(
                "the overlay's options are {} bytes long; the kernel takes {MAX_MOUNT_OPTIONS}",
                options.len()
            )
        })?;
        Ok(Some(options))
    }
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::refused(reason())) }
}

/// Docker's names: a letter or digit, then those and `_.-`.
fn check_name(what: &str, name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let fits = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && name.len() <= 200;
    ensure(fits, || {
        format!("the {what} name `{}` is not 1 to 200 letters, digits, `_`, `.`, `-`", name.escape_debug())
    })
}

/// A network of ours: Docker's own have names that mean the host's or the shared one.
pub(crate) fn check_network(name: &str) -> Result<()> {
    check_name("network", name)?;
    ensure(!matches!(name, "host" | "none" | "bridge" | "default"), || {
        format!("the network name `{name}` is the engine's own; make a network and name that")
    })
}

/// Free of what mount options or engines treat as separators.
fn plain(path: &str) -> bool {
    !path.chars().any(|c| matches!(c, ':' | ',' | '\\') || c.is_control())
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

fn host_path<'a>(what: &str, path: &'a Path) -> Result<&'a str> {
    let text = path.to_str().filter(|text| path.is_absolute() && plain(text) && !climbs(text));
    text.ok_or_else(|| {
        Error::refused(format!(
            "the {what} path {path:?} is not absolute, or has `..`, `:`, `,`, `\\` or control characters in it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::spec::{Attachment, Labels, Profile};

    fn spec() -> ContainerSpec {
        ContainerSpec::new("a", "image", Profile::Service, Limits::new(64 << 20, 500, 64))
    }

    fn refused(change: impl FnOnce(&mut ContainerSpec)) -> String {
        let mut spec = spec();
        change(&mut spec);
        match spec.validate() {
            Err(Error::Refused { reason }) => reason,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn the_smallest_spec_is_valid() {
        spec().validate().expect("valid");
    }

    #[test]
    fn each_limit_is_mandatory() {
        assert!(refused(|s| s.limits.memory_bytes = 0).contains("memory"));
        assert!(refused(|s| s.limits.memory_bytes = u64::MAX).contains("memory"));
        assert!(refused(|s| s.limits.cpu_millis = 0).contains("processor limit"));
        assert!(refused(|s| s.limits.pids = 0).contains("process limit"));
        assert!(refused(|s| s.limits.cpu_weight = 0).contains("weight"));
        assert!(refused(|s| s.limits.oom_score_adj = -1001).contains("score"));
    }

    #[test]
    fn names_and_variables_cannot_smuggle() {
        for name in ["", "-a", "a/b", "a b", "a:b", ".", "ä", "a\n"] {
            assert!(refused(|s| s.name = name.to_owned()).contains("container name"), "{name:?}");
        }
        assert!(refused(|s| s.env.push(("A=B".into(), String::new()))).contains("variable"));
        assert!(refused(|s| s.env.push(("A".into(), "\0".into()))).contains("variable"));
        assert!(refused(|s| s.command = Some(vec!["a\0".into()])).contains("NUL"));
        for network in ["host", "bridge", "none", "default", "container:x"] {
            let mode = NetworkMode::Named { network: network.to_owned(), aliases: vec![] };
            assert!(refused(|s| s.network = mode).contains("network"), "{network}");
        }
        assert!(refused(|s| s.extra_hosts.push(("a:b".into(), [127, 0, 0, 1].into()))).contains("host"));
    }

    #[test]
    fn mounts_are_plain_absolute_paths() {
        for target in ["", "/", "a", "/a:ro", "/a,b", "/a/../b", "/a\n"] {
            let mount = Mount::Tmpfs { target: target.to_owned(), size_bytes: 1 };
            assert!(refused(|s| s.mounts.push(mount)).contains("target"), "{target:?}");
        }
        for source in ["a", "/a:b", "/a/../b", "/a\\b"] {
            let mount = Mount::Bind { source: source.into(), target: "/x".into(), read_only: true };
            assert!(refused(|s| s.mounts.push(mount)).contains("bind source"), "{source:?}");
        }
    }

    #[test]
    fn further_networks_are_named_ones_and_each_is_named_once() {
        let on = |network: &str| Attachment { network: network.into(), aliases: vec!["a".into()] };
        let first = NetworkMode::Named { network: "one".into(), aliases: Vec::new() };
        assert!(refused(|s| s.also_on.push(on("two"))).contains("without a named network"));
        for (network, told) in [("one", "twice"), ("host", "the engine's own"), ("a b", "name")] {
            let reason = refused(|s| {
                s.network = first.clone();
                s.also_on.push(on(network));
            });
            assert!(reason.contains(told), "{reason}");
        }
        let mut both = spec();
        both.network = first;
        let alone = both.hash();
        both.also_on.push(on("two"));
        both.validate().expect("valid");
        assert_ne!(both.hash(), alone);
    }

    #[test]
    fn overlay_paths_and_length_are_bounded() {
        let overlay = |lower: Vec<PathBuf>| VolumeSpec {
            name: "v".into(),
            labels: Labels::new(),
            kind: VolumeKind::Overlay { lower, upper: "/u".into(), work: "/w".into() },
        };
        let options = overlay(vec!["/a".into(), "/b".into()]).overlay_options().expect("valid");
        assert_eq!(options.as_deref(), Some("lowerdir=/a:/b,upperdir=/u,workdir=/w"));
        for bad in ["/a:b", "/a,upperdir=/etc", "/a\\", "a"] {
            assert!(overlay(vec![bad.into()]).validate().is_err(), "{bad}");
        }
        assert!(overlay(Vec::new()).validate().is_err());
        assert!(overlay(vec![format!("/{}", "x".repeat(4100)).into()]).validate().is_err());
    }

    #[test]
    fn subnets_are_whole_and_usable() {
        let network = |subnet: &str| NetworkSpec {
            name: "n".into(),
            labels: Labels::new(),
            subnet: subnet.parse().expect("subnet"),
            internal: false,
        };
        network("10.1.2.0/28").validate().expect("valid");
        for bad in ["10.1.2.1/28", "10.1.2.0/30", "0.0.0.0/0"] {
            assert!(network(bad).validate().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_sees_every_field() {
        let mut other = spec();
        assert_eq!(spec().hash(), other.hash());
        other.env.push(("A".into(), "1".into()));
        assert_ne!(spec().hash(), other.hash());
    }
}
