//! What any engine understands, and nothing that would give a container more than it needs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::Ipv4Net;

use crate::EngineError;

/// A container to be made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ContainerSpec {
    pub name: String,
    pub image: String,
    /// `None` keeps the image's own.
    pub entrypoint: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub env: BTreeMap<String, String>,
    pub working_dir: Option<String>,
    /// `None` keeps the image's own.
    pub user: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub limits: Limits,
    pub mounts: Vec<Mount>,
    /// `None` is a container without any network.
    pub network: Option<String>,
    pub profile: Profile,
    /// Nothing outside the mounts can be written.
    pub read_only_root: bool,
}

/// Every container has all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// Memory and swap together: there is no swap beyond it.
    pub memory_bytes: u64,
    /// Thousandths of a core.
    pub cpu_millis: u32,
    pub pids: u32,
}

/// What kind of work it is: decides its share of a busy machine and who is killed first when memory runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Profile {
    /// Low share, killed first.
    Build,
    Service,
}

impl Profile {
    /// Relative to the default of 1024.
    pub(crate) const fn cpu_shares(self) -> i64 {
        match self {
            Self::Build => 128,
            Self::Service => 1024,
        }
    }

    /// Builds before services before everything else on the machine.
    pub(crate) const fn oom_score_adj(self) -> i64 {
        match self {
            Self::Build => 900,
            Self::Service => 500,
        }
    }

    /// What is left of root's rights. A program that starts as root may give up root, own its files, and listen on port 80.
    pub(crate) const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Build => &[],
            Self::Service => {
                &["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "NET_BIND_SERVICE", "KILL"]
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Mount {
    Volume {
        name: String,
        target: String,
    },
    /// A file or folder of the platform's own, never somebody's text.
    ReadOnlyBind {
        source: PathBuf,
        target: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Always chosen by the caller: the engine's own pools run out after some thirty networks.
    pub subnet: Ipv4Net,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub kind: VolumeKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeKind {
    Plain,
    /// Folders on top of each other, the first of `lower` on top; what is written goes to `upper`. `work` is an empty folder
    /// on the same file system as `upper`.
    Overlay {
        lower: Vec<PathBuf>,
        upper: PathBuf,
        work: PathBuf,
    },
}

/// An image to be made of a root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// `repository:tag`.
    pub reference: String,
    /// Dockerfile instructions: `ENV`, `LABEL`, `USER`, `WORKDIR`, `ENTRYPOINT`, `CMD`.
    pub changes: Vec<String>,
}

/// An image to be built of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    pub reference: String,
    pub dockerfile: String,
    pub arguments: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub limits: Limits,
    pub no_cache: bool,
    /// The network its `RUN` lines have.
    pub network: String,
}

/// An overlay's options are one string that the kernel limits to a page.
const MAXIMUM_OVERLAY_OPTIONS: usize = 4000;

impl VolumeKind {
    /// The options of an overlay mount, checked: a path with a `:` or `,` would become another option.
    pub(crate) fn overlay_options(&self, name: &str) -> Result<Option<String>, EngineError> {
        let Self::Overlay { lower, upper, work } = self else { return Ok(None) };
        let refused = |reason| EngineError::Refused { name: name.to_owned(), reason };
        let text = |path: &PathBuf| match path.to_str() {
            Some(text) if path.is_absolute() && !text.contains([':', ',', '\\', '"', '\n']) => {
                Ok(text.to_owned())
            }
            _ => Err(refused(
                "an overlay's folders must be absolute and must not contain `:` `,` `\\` or quotes",
            )),
        };
        let lower = lower.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if lower.is_empty() {
            return Err(refused("an overlay needs at least one lower folder"));
        }
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), text(upper)?, text(work)?);
        if options.len() > MAXIMUM_OVERLAY_OPTIONS {
            return Err(refused("an overlay's folders are too many or too long"));
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlay_paths_cannot_smuggle_options_in() {
        let overlay = |lower: &str| VolumeKind::Overlay {
            lower: vec![lower.into()],
            upper: "/u".into(),
            work: "/w".into(),
        };
        assert_eq!(
            overlay("/a").overlay_options("v").unwrap().unwrap(),
            "lowerdir=/a,upperdir=/u,workdir=/w"
        );
        for bad in ["/a:/etc", "/a,upperdir=/etc", "a", "/a\\b", ""] {
            assert!(overlay(bad).overlay_options("v").is_err(), "{bad}");
        }
        assert!(overlay(&format!("/{}", "a".repeat(5000))).overlay_options("v").is_err());
    }
}
