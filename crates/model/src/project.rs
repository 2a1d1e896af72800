//! A project: what gets deployed, and how it wants to be built and run.

use serde::{Deserialize, Serialize};

use crate::health::HealthCheck;
use crate::limit::Limits;
use crate::plan::BuildSettings;
use crate::source::{Folder, GitReference, RepositoryUrl};

/// Everything a person can set on a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectSettings {
    pub source: Option<GitSource>,
    pub build: BuildSettings,
    pub limits: Limits,
    pub health: HealthCheck,
    /// Idle seconds before a service may sleep; 0 never.
    pub sleep_after_s: u32,
    /// Of its slots; see [`crate::lifetime`]. The environment's when it is not said, 0 for ever.
    pub lifetime_s: Option<u32>,
    pub triggers: Triggers,
}

/// What makes the project deploy by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Triggers {
    /// A push to its branch deploys to production.
    pub push: bool,
    /// A pull request to its branch gets a slot of its own.
    pub pull_requests: bool,
    /// Branches that get a slot of their own, as patterns: `release/*`.
    pub branches: Vec<String>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { push: true, pull_requests: true, branches: Vec::new() }
    }
}

impl Default for ProjectSettings {
    fn default() -> Self {
        Self {
            source: None,
            build: BuildSettings::default(),
            limits: Limits::default(),
            health: HealthCheck::default(),
            sleep_after_s: 900,
            lifetime_s: None,
            triggers: Triggers::default(),
        }
    }
}

/// The repository a project is built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSource {
    pub repository: RepositoryUrl,
    /// `None` is the repository's default branch.
    pub branch: Option<GitReference>,
    #[serde(default)]
    pub root_directory: Folder,
}
