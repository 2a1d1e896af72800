//! What a hostname shows, ready to be used by a request.

use std::sync::Arc;
use std::time::Instant;

use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use pierhead_wire::route::Page;

use crate::counters::Counters;
use crate::guard::Guard;
use crate::service::Service;
use crate::static_site::Site;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) host: Hostname,
    pub(crate) project: ProjectName,
    pub(crate) target: Target,
    /// Who may come, and how often; nothing for most.
    pub(crate) guard: Option<Box<Guard>>,
    /// Kept when the target changes.
    pub(crate) counters: Arc<Counters>,
    /// The latest first.
    pub(crate) previous: Vec<PreviousSite>,
}

/// A site that was shown before: a page that was loaded from it may still ask for its hashed assets for a while.
#[derive(Debug, Clone)]
pub(crate) struct PreviousSite {
    pub(crate) site: Arc<Site>,
    pub(crate) until: Instant,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    Site(Arc<Site>),
    Service(Arc<Service>),
    Page { page: Page, deployment: Option<DeploymentId> },
}

impl Target {
    /// The deployment whose files or processes answer. A page is answered by the platform.
    pub(crate) fn serving(&self) -> Option<&DeploymentId> {
        match self {
            Self::Site(site) => Some(site.deployment()),
            Self::Service(service) => Some(service.deployment()),
            Self::Page { .. } => None,
        }
    }

    /// The deployment that is shown or explained.
    pub(crate) fn deployment(&self) -> Option<&DeploymentId> {
        match self {
            Self::Page { deployment, .. } => deployment.as_ref(),
            Self::Site(_) | Self::Service(_) => self.serving(),
        }
    }

    /// Whether both are the very same object: nothing has changed for a request that uses one of them.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Site(one), Self::Site(other)) => Arc::ptr_eq(one, other),
            (Self::Service(one), Self::Service(other)) => Arc::ptr_eq(one, other),
            (Self::Page { page: one, .. }, Self::Page { page: other, .. }) => one == other,
            _ => false,
        }
    }
}
