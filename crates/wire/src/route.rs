//! Routes: which hostname shows what.

use std::collections::BTreeMap;

use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use pierhead_model::sleep::Rest;
use pierhead_model::visitors::{Access, RateLimit};
use serde::{Deserialize, Serialize};

use crate::traffic::Endpoint;

/// One hostname and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub host: Hostname,
    pub project: ProjectName,
    pub target: Target,
    /// Who may come, and how often; nothing for most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Box<Rules>>,
}

/// What a project says of its visitors, for one hostname.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `None` lets everybody in.
    #[serde(default)]
    pub gate: Option<Gate>,
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// How long a browser waits for a service that wakes up before it is shown a page that says so.
    #[serde(default)]
    pub wake_page_after_s: Option<u32>,
    /// Caches before the ingress may keep a site's files: they are told when it shows something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cached_before: bool,
}

/// Who is let in, and by what.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub access: Access,
    /// The page where one signs in; the address that was asked for goes behind it.
    pub sign_in: String,
    /// What passes of this hostname are made with, in base64.
    pub key: String,
    /// The hashes of passwords, by name.
    #[serde(default)]
    pub passwords: BTreeMap<String, String>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("access", &self.access).finish_non_exhaustive()
    }
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
