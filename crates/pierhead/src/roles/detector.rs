//! Detection for the API: a shallow clone into a temporary folder, looked at and thrown away.

use async_trait::async_trait;
use ipnet::IpNet;
use pierhead_agent::InspectError;
use pierhead_control::{Detector, Error};
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

#[derive(Debug)]
pub(crate) struct LocalDetector {
    pub(crate) scratch: std::path::PathBuf,
    pub(crate) allow: Vec<IpNet>,
}

#[async_trait]
impl Detector for LocalDetector {
    async fn detect(
        &self,
        repository: &RepositoryUrl,
        branch: Option<&GitReference>,
        root: &Folder,
        settings: &BuildSettings,
    ) -> Result<BuildPlan, Error> {
        let unavailable = |error: std::io::Error| Error::Unavailable { detail: error.to_string() };
        fs_err::create_dir_all(&self.scratch).map_err(unavailable)?;
        let folder = tempfile::tempdir_in(&self.scratch).map_err(unavailable)?;
        let inspected =
            pierhead_agent::inspect(folder.path(), &self.allow, repository, branch, root, settings).await;
        inspected.map_err(|error| match error {
            InspectError::Clone { kind, detail } => Error::CloneFailed { kind, detail },
            InspectError::Detect(error) => Error::DetectionFailed { detail: error.to_string() },
            InspectError::Internal(detail) => Error::Unavailable { detail },
        })
    }
}
