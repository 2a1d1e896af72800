//! A repository looked at without deploying it: fetched into a throw-away folder, planned, and removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ipnet::IpNet;
use pierhead_build::{DetectError, Directory};
use pierhead_model::Timestamp;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::id::ProjectId;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

use crate::address::AddressPolicy;
use crate::git::{CloneError, Source, Wanted};
use crate::layout::Layout;
use crate::options::CloneLimits;

/// Why a repository could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{detail}")]
    Clone { kind: CloneFailure, detail: String },
    #[error(transparent)]
    Detect(DetectError),
    #[error("the repository cannot be looked at: {0}; free disk space, or look at the log")]
    Node(#[source] std::io::Error),
}

impl From<CloneError> for InspectError {
    fn from(CloneError { kind, detail }: CloneError) -> Self {
        Self::Clone { kind, detail }
    }
}

/// Looks at repositories as a node would clone them.
#[derive(Debug, Clone)]
pub struct Inspector {
    /// Throw-away folders are made below it.
    pub scratch: PathBuf,
    /// As in [`crate::Options::allow_addresses`].
    pub allow_addresses: Vec<IpNet>,
    pub ca_bundle: Option<PathBuf>,
    pub limits: CloneLimits,
}

impl Inspector {
    /// What would be built from a repository.
    pub async fn inspect(
        &self,
        repository: &RepositoryUrl,
        reference: Option<&GitReference>,
        root: &Folder,
        settings: &BuildSettings,
    ) -> Result<BuildPlan, InspectError> {
        let folder = self.folder().map_err(InspectError::Node)?;
        let source = self.source(folder.path())?;
        // The mirror is this folder's only one: any name will do.
        let project = ProjectId::new(Timestamp::UNIX_EPOCH, 0);
        let access = GitAccess::none();
        let wanted = Wanted { project: &project, repository, reference, access: &access };
        let tree = folder.path().join("tree");
        let fetched = source.fetch(wanted, &tree, Arc::new(AtomicBool::new(false))).await;
        fetched?;
        plan(tree, settings.clone(), root.clone()).await
    }

    /// Where the references that match one of `patterns` are.
    pub async fn references(
        &self,
        entered: (&RepositoryUrl, &GitAccess),
        patterns: &[String],
    ) -> Result<References, InspectError> {
        let folder = self.folder().map_err(InspectError::Node)?;
        self.source(folder.path())?.references(entered, patterns).await.map_err(InspectError::from)
    }

    /// The keys that the ssh server of a repository shows now.
    pub async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, InspectError> {
        let folder = self.folder().map_err(InspectError::Node)?;
        self.source(folder.path())?.host_keys(repository).await.map_err(InspectError::from)
    }

    /// What a commit is, and whether it differs from another one below a folder.
    pub async fn compare(
        &self,
        entered: (&RepositoryUrl, &GitAccess),
        commits: (Option<&str>, &str),
        root: &Folder,
    ) -> Result<Compared, InspectError> {
        let folder = self.folder().map_err(InspectError::Node)?;
        let source = self.source(folder.path())?;
        source.compare(entered, commits, root, folder.path()).await.map_err(InspectError::from)
    }

    fn source(&self, folder: &Path) -> Result<Source, InspectError> {
        let layout = Layout::create(folder).map_err(InspectError::Node)?;
        let policy = AddressPolicy::new(self.allow_addresses.clone());
        Ok(Source::new(&layout, policy, self.ca_bundle.as_deref(), self.limits))
    }

    fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        fs_err::create_dir_all(&self.scratch)?;
        tempfile::tempdir_in(&self.scratch)
    }
}

async fn plan(
    tree: impl AsRef<Path> + Send + 'static,
    settings: BuildSettings,
    root: Folder,
) -> Result<BuildPlan, InspectError> {
    let detect = move || pierhead_build::detect(&Directory::new(tree.as_ref()), &settings, root.as_str());
    let detected = tokio::task::spawn_blocking(detect).await;
    detected.map_err(|error| InspectError::Node(std::io::Error::other(error)))?.map_err(InspectError::Detect)
}
