//! What would be built of a repository, without building it.

use std::sync::Arc;

use async_trait::async_trait;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

use super::auth::Principal;
use crate::error::Error;

/// Fetches and looks. Handed in, because the control plane itself runs nothing.
#[async_trait]
pub trait Detector: Send + Sync + std::fmt::Debug {
    async fn detect(
        &self,
        repository: &RepositoryUrl,
        branch: Option<&GitReference>,
        root_directory: &Folder,
        settings: &BuildSettings,
    ) -> Result<BuildPlan, Error>;
}

#[derive(Debug)]
pub struct Detection(pub(crate) Arc<dyn Detector>);

impl Detection {
    pub async fn detect(
        &self,
        _principal: &Principal,
        repository: &str,
        branch: Option<&str>,
        root_directory: Option<&str>,
    ) -> Result<BuildPlan, Error> {
        let repository =
            RepositoryUrl::parse(repository).map_err(|error| Error::invalid("/repository", error))?;
        let branch =
            branch.map(GitReference::parse).transpose().map_err(|error| Error::invalid("/branch", error))?;
        let root = root_directory.map(Folder::parse).transpose();
        let root = root.map_err(|error| Error::invalid("/root_directory", error))?.unwrap_or_default();
        self.0.detect(&repository, branch.as_ref(), &root, &BuildSettings::default()).await
    }
}
