//! Sources: how a push becomes a deployment.
//!
//! One idea carries all of it: **a webhook is a hint, the repository is the truth.** Whoever has reason to believe that a
//! branch moved (a webhook, a person, the clock) asks for a look; the look finds where the branch is, compares that with what
//! was dealt with last, and deals with the difference in one transaction. So a webhook that is lost costs time, one that is
//! doubled, replayed or late costs a look, and none can deploy what is not the branch's head.
//!
//! - [`hooks`]: what comes in: verified over its raw bytes, durable before it is answered.
//! - [`signature`], [`payload`]: how each provider signs, and what its words mean.
//! - [`access`]: how a repository is entered that not everybody may read.
//! - [`following`]: which references a project follows, and which slot each deploys to.
//! - [`installations`]: what becomes of an app's installation.
//! - [`judge`]: what was dealt with and where the branch is → what follows.
//! - [`heads`]: a head becomes a deployment, unless there is a reason to skip it.

pub(crate) mod access;
pub(crate) mod following;
pub(crate) mod heads;
pub(crate) mod hooks;
pub(crate) mod installations;
pub(crate) mod judge;
pub(crate) mod payload;
pub(crate) mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::id::ProjectId;
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Commit, Folder, RepositoryUrl};
use pierhead_model::tree::FileTree;
use secrecy::SecretString;

use crate::error::Error;

/// Asks repositories. Handed in, because the control plane itself runs nothing.
#[async_trait]
pub trait Repositories: Send + Sync + std::fmt::Debug {
    /// Where the references that match one of `patterns` are.
    async fn references(
        &self,
        repository: &RepositoryUrl,
        access: &GitAccess,
        patterns: &[String],
    ) -> Result<References, Error>;

    /// What the commit `to` is, and whether anything below `folder` differs from `from`.
    async fn compare(
        &self,
        (repository, access): (&RepositoryUrl, &GitAccess),
        from: Option<&str>,
        to: &str,
        folder: &Folder,
    ) -> Result<Compared, Error>;

    /// The keys that the ssh server of a repository shows now, strongest first.
    async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, Error>;
}

/// Takes pushes to repositories of Pierhead's own. Handed in for the same reason.
#[async_trait]
pub trait Pushes: Send + Sync + std::fmt::Debug {
    /// What is there, in git's own protocol.
    async fn advertise(&self, project: &ProjectId) -> Result<Bytes, Error>;

    /// Takes a push: the answer in git's own protocol, and the branches that moved, with where they are now.
    async fn receive(
        &self,
        project: &ProjectId,
        pack: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<(Bytes, Vec<(String, String)>), Error>;

    /// The projects that have a repository here.
    async fn hosted(&self) -> Result<Vec<ProjectId>, Error>;

    /// Removes a project's repository.
    async fn forget(&self, project: &ProjectId) -> Result<(), Error>;

    /// The files of a commit, each stored as a blob.
    async fn snapshot(&self, project: &ProjectId, commit: &str) -> Result<(FileTree, Commit), Error>;
}

/// What the control plane is told about sources.
#[derive(Debug)]
pub struct SourceOptions {
    pub repositories: Arc<dyn Repositories>,
    /// Without it nobody can push here.
    pub pushes: Option<Arc<dyn Pushes>>,
    /// What webhooks for the whole installation are signed with; without it each project has its own.
    pub webhook_secret: Option<SecretString>,
}
