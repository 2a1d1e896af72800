//! Sources: how a push becomes a deployment.
//!
//! One idea carries all of it: **a webhook is a hint, the repository is the truth.** Whoever has reason to believe that a
//! branch moved (a webhook, a person, the clock) asks for a look; the look finds where the branch is, compares that with what
//! was dealt with last, and deals with the difference in one transaction. So a webhook that is lost costs time, one that is
//! doubled, replayed or late costs a look, and none can deploy what is not the branch's head.
//!
//! - [`hooks`]: what comes in: verified over its raw bytes, durable before it is answered.
//! - [`signature`], [`payload`]: how each provider signs, and what its words mean.
//! - [`following`]: which references a project follows, and which slot each deploys to.
//! - [`judge`]: what was dealt with and where the branch is → what follows.
//! - [`heads`]: a head becomes a deployment, unless there is a reason to skip it.

pub(crate) mod following;
pub(crate) mod heads;
pub(crate) mod hooks;
pub(crate) mod judge;
pub(crate) mod payload;
pub(crate) mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, RepositoryUrl};
use secrecy::SecretString;

use crate::error::Error;

/// Asks repositories. Handed in, because the control plane itself runs nothing.
#[async_trait]
pub trait Repositories: Send + Sync + std::fmt::Debug {
    /// Where the references that match one of `patterns` are.
    async fn references(&self, repository: &RepositoryUrl, patterns: &[String]) -> Result<References, Error>;

    /// What the commit `to` is, and whether anything below `folder` differs from `from`.
    async fn compare(
        &self,
        repository: &RepositoryUrl,
        from: Option<&str>,
        to: &str,
        folder: &Folder,
    ) -> Result<Compared, Error>;
}

/// What the control plane is told about sources.
#[derive(Debug)]
pub struct SourceOptions {
    pub repositories: Arc<dyn Repositories>,
    /// What webhooks for the whole installation are signed with; without it each project has its own.
    pub webhook_secret: Option<SecretString>,
}
