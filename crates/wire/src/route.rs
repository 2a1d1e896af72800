//! Routes: which hostname shows what.

use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use pierhead_model::sleep::Rest;
use serde::{Deserialize, Serialize};

use crate::traffic::Endpoint;

/// One hostname and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub host: Hostname,
    pub project: ProjectName,
    pub target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// Files: the manifest's blob and those it names.
    Site { deployment: DeploymentId, manifest: Digest },
    /// Processes that speak HTTP, any of which may answer.
    Service {
        deployment: DeploymentId,
        /// Empty while it is stopped: a request waits until it is not.
        endpoints: Vec<Endpoint>,
        #[serde(default)]
        rest: Rest,
    },
    /// A page of the platform's own.
    Page { page: Page, deployment: Option<DeploymentId> },
}

impl Target {
    /// The deployment that is shown or explained.
    pub const fn deployment(&self) -> Option<&DeploymentId> {
        match self {
            Self::Site { deployment, .. } | Self::Service { deployment, .. } => Some(deployment),
            Self::Page { deployment, .. } => deployment.as_ref(),
        }
    }
}

/// Why there is nothing of the project's own to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// The first deployment is on its way.
    Starting,
    /// The only deployment there is has failed.
    Failed,
    /// It is live, but its process is down or its node cannot be reached.
    Offline,
    /// It was stopped.
    Stopped,
}
