//! Getting source: from an address that somebody typed to a folder with the files of one commit.
//!
//! Git runs as a program with an argument list, never through a shell, with an empty home, no system configuration, no hooks,
//! no prompts, and only the transports that cannot run programs or read this machine's files. Where it connects to is
//! decided here (see [`address`]) and pinned, so a name that resolves differently a moment later changes nothing.

pub(crate) mod address;
mod command;
mod failure;
pub(crate) mod mirror;
mod submodule;

use std::path::Path;

use ipnet::IpNet;
use pierhead_build::{DetectError, Directory};
use pierhead_model::deployment::CloneFailure;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

pub(crate) use self::failure::CloneError;

/// Why a repository could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{detail}")]
    Clone { kind: CloneFailure, detail: String },
    #[error(transparent)]
    Detect(DetectError),
    #[error("{0}")]
    Internal(String),
}

/// Fetches a repository into `scratch` and says what would be built.
pub async fn inspect(
    scratch: &Path,
    allow: &[IpNet],
    repository: &RepositoryUrl,
    reference: Option<&GitReference>,
    root: &Folder,
    settings: &BuildSettings,
) -> Result<BuildPlan, InspectError> {
    let mirrors = mirror::Mirrors::new(scratch.join("mirrors"), allow.to_vec());
    let mut ignore = |_: String| {};
    let clone = |error: CloneError| InspectError::Clone { kind: error.kind, detail: error.detail };
    let mirror = mirrors.fetch("inspect", repository, reference, &mut ignore).await.map_err(clone)?;
    let tree = scratch.join("tree");
    mirror.export(&tree, &mut ignore).await.map_err(clone)?;
    let (settings, root) = (settings.clone(), root.clone());
    let detect = move || pierhead_build::detect(&Directory::new(&tree), &settings, root.as_str());
    let detected = tokio::task::spawn_blocking(detect).await;
    detected.map_err(|error| InspectError::Internal(error.to_string()))?.map_err(InspectError::Detect)
}
