//! What the control plane wants to know of repositories, asked as a node would: everything is in a temporary folder, and thrown
//! away.

use async_trait::async_trait;
use pierhead_agent::{InspectError, Inspector};
use pierhead_control::{Detector, Error, Repositories};
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

#[derive(Debug)]
pub(crate) struct LocalDetector(pub(crate) Inspector);

#[async_trait]
impl Detector for LocalDetector {
    async fn detect(
        &self,
        repository: &RepositoryUrl,
        branch: Option<&GitReference>,
        root: &Folder,
        settings: &BuildSettings,
    ) -> Result<BuildPlan, Error> {
        let inspected = self.0.inspect(repository, branch, root, settings).await;
        inspected.map_err(explained)
    }
}

/// Asks repositories where their branches are.
#[derive(Debug)]
pub(crate) struct RemoteRepositories(pub(crate) Inspector);

#[async_trait]
impl Repositories for RemoteRepositories {
    async fn references(&self, repository: &RepositoryUrl, patterns: &[String]) -> Result<References, Error> {
        self.0.references(repository, patterns).await.map_err(explained)
    }

    async fn compare(
        &self,
        repository: &RepositoryUrl,
        from: Option<&str>,
        to: &str,
        folder: &Folder,
    ) -> Result<Compared, Error> {
        self.0.compare(repository, (from, to), folder).await.map_err(explained)
    }
}

fn explained(error: InspectError) -> Error {
    match error {
        InspectError::Clone { kind, detail } => Error::CloneFailed { kind, detail },
        InspectError::Detect(error) => Error::DetectionFailed { detail: error.to_string() },
        InspectError::Node(_) => Error::Unavailable { detail: error.to_string() },
    }
}
