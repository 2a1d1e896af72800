//! Detection for the API: a shallow clone into a temporary folder, looked at and thrown away.

use async_trait::async_trait;
use pierhead_agent::{InspectError, Inspector};
use pierhead_control::{Detector, Error};
use pierhead_model::plan::{BuildPlan, BuildSettings};
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
        inspected.map_err(|error| match error {
            InspectError::Clone { kind, detail } => Error::CloneFailed { kind, detail },
            InspectError::Detect(error) => Error::DetectionFailed { detail: error.to_string() },
            InspectError::Node(_) => Error::Unavailable { detail: error.to_string() },
        })
    }
}
