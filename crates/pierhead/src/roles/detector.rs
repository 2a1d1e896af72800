//! What the control plane wants to know of repositories, asked as a node would: everything is in a temporary folder, and thrown
//! away.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use pierhead_agent::{InspectError, Inspector, PushHost};
use pierhead_control::{Detector, Error, Pushes, Repositories};
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::id::ProjectId;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Commit, Folder, GitReference, RepositoryUrl};
use pierhead_model::tree::FileTree;
use pierhead_wire::BlobChannel;

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
    async fn references(
        &self,
        repository: &RepositoryUrl,
        access: &GitAccess,
        patterns: &[String],
    ) -> Result<References, Error> {
        self.0.references((repository, access), patterns).await.map_err(explained)
    }

    async fn compare(
        &self,
        entered: (&RepositoryUrl, &GitAccess),
        from: Option<&str>,
        to: &str,
        folder: &Folder,
    ) -> Result<Compared, Error> {
        self.0.compare(entered, (from, to), folder).await.map_err(explained)
    }

    async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, Error> {
        self.0.host_keys(repository).await.map_err(explained)
    }
}

/// Takes pushes, and stores what was pushed.
#[derive(Debug)]
pub(crate) struct LocalPushes {
    pub(crate) host: PushHost,
    pub(crate) blobs: Arc<dyn BlobChannel>,
}

#[async_trait]
impl Pushes for LocalPushes {
    async fn advertise(&self, project: &ProjectId) -> Result<Bytes, Error> {
        self.host.advertise(project).await.map_err(explained)
    }

    async fn receive(
        &self,
        project: &ProjectId,
        pack: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<(Bytes, Vec<(String, String)>), Error> {
        let received = self.host.receive(project, pack).await.map_err(explained)?;
        Ok((received.answer, received.moved))
    }

    async fn hosted(&self) -> Result<Vec<ProjectId>, Error> {
        self.host.hosted().await.map_err(|error| unreadable(&error))
    }

    async fn forget(&self, project: &ProjectId) -> Result<(), Error> {
        self.host.forget(project).await.map_err(|error| unreadable(&error))
    }

    async fn snapshot(&self, project: &ProjectId, commit: &str) -> Result<(FileTree, Commit), Error> {
        self.host.snapshot(project, commit, &*self.blobs).await.map_err(explained)
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::Unavailable { detail: format!("The repositories that people push to cannot be read: {error}.") }
}

fn explained(error: InspectError) -> Error {
    match error {
        InspectError::Clone { kind, detail } => Error::CloneFailed { kind, detail },
        InspectError::Detect(error) => Error::DetectionFailed { detail: error.to_string() },
        InspectError::Node(_) => Error::Unavailable { detail: error.to_string() },
    }
}
