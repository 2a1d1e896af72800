//! Source from a git repository: fetched into a mirror, exported as plain files.
//!
//! Everything that comes in is hostile: the address, what the server answers, the objects, the names in a tree. Rules:
//! - `git` is run with an argument list, an emptied environment, no configuration but ours, and `--` before positionals.
//! - The host is judged before git sees it and the connection pinned to what was judged ([`crate::address`]); redirects are
//!   followed here, each hop judged, and not by git.
//! - Nothing is checked out: no hooks, filters or attributes run. Trees are listed and blobs written by [`export`], which
//!   accepts files, links and folders with plain names.
//! - A mirror is a cache: whatever is wrong with it, deleting it is the remedy.

mod classify;
mod command;
mod entry;
mod export;
mod host;
mod host_keys;
mod look;
mod mirror;
mod remote;
mod submodule;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pierhead_model::deployment::{CloneFailure, Failure, Reason};
use pierhead_model::git_access::GitAccess;
use pierhead_model::id::ProjectId;
use pierhead_model::source::{Commit, GitReference, RepositoryUrl};

use crate::address::AddressPolicy;
use crate::options::CloneLimits;
use command::Git;
pub use host::{PushHost, Received};
use mirror::Mirrors;
use remote::Remotes;

/// Why there is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct CloneError {
    pub(crate) kind: CloneFailure,
    pub(crate) detail: String,
}

impl CloneError {
    fn new(kind: CloneFailure, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Something of the node itself went wrong.
    fn internal(doing: &str, error: &std::io::Error) -> Self {
        Self::new(
            CloneFailure::Other,
            format!("{doing} failed on the node: {error}; free disk space, or look at the agent's log"),
        )
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure::new(Reason::CloneFailed { kind: self.kind }, self.detail.clone())
    }
}

/// Fetches source.
#[derive(Debug)]
pub(crate) struct Source {
    git: Git,
    mirrors: Mirrors,
    remotes: Remotes,
    limits: CloneLimits,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'w> {
    pub(crate) project: &'w ProjectId,
    pub(crate) repository: &'w RepositoryUrl,
    pub(crate) reference: Option<&'w GitReference>,
    pub(crate) access: &'w GitAccess,
}

impl Source {
    pub(crate) fn new(
        layout: &crate::layout::Layout,
        policy: AddressPolicy,
        ca_bundle: Option<&Path>,
        limits: CloneLimits,
    ) -> Self {
        let git = Git::new(layout.empty_home(), ca_bundle.map(Path::to_path_buf));
        Self {
            mirrors: Mirrors::new(layout.mirrors()),
            remotes: Remotes::new(policy, ca_bundle.map(Path::to_path_buf), layout.root().join("entries")),
            git,
            limits,
        }
    }

    /// What to say at the start when the git program cannot be used.
    pub(crate) async fn problem(&self) -> Option<String> {
        self.git.problem().await
    }

    /// Brings the wanted commit's files into the folder `target`, which must not exist. `stop` ends the blocking part.
    pub(crate) async fn fetch(
        &self,
        wanted: Wanted<'_>,
        target: &Path,
        stop: Arc<AtomicBool>,
    ) -> Result<Commit, CloneError> {
        let mirror = self.mirrors.of(wanted.project).await;
        mirror.prepare(&self.git).await?;
        let hash = self.bring(&mirror, wanted).await?;
        let commit = mirror.describe(&self.git, &hash).await?;
        let mut budget = export::Budget { bytes: self.limits.bytes, files: self.limits.files };
        let links =
            export::export(&self.git, mirror.path(), &hash, target, &mut budget, Arc::clone(&stop)).await?;
        if !links.is_empty() {
            let parent = (wanted.repository, &wanted.access.for_submodules());
            submodule::fetch_all(self, &mirror, parent, &hash, links, target, budget, stop).await?;
        }
        Ok(commit)
    }

    /// Makes sure that the mirror holds the commit, and says its hash.
    async fn bring(&self, mirror: &mirror::Mirror<'_>, wanted: Wanted<'_>) -> Result<String, CloneError> {
        if let Some(reference) = wanted.reference
            && reference.is_commit()
            && mirror.holds(&self.git, reference.as_str()).await?
        {
            return Ok(reference.as_str().to_owned());
        }
        let remote = self.remotes.open(wanted.repository, wanted.access).await?;
        mirror.fetch(&self.git, &remote, wanted.reference, &self.limits).await
    }
}
