//! What a pipeline is: steps, and what each needs.
//!
//! These types are the stored form (serde) and the published schema. People's texts come in through [`super::read`], which
//! tells every mistake at once; both accept the same documents.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image::ImageReference;
use super::name::{ParameterName, SecretName, StepName, VolumeName};
use super::reference::Template;
use super::service::ServiceStep;
use crate::variable::VariableKey;

/// The only version of the document there is.
pub const VERSION: u32 = 1;

/// A pipeline: a directed graph of steps. Saving one makes a new version; a version never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Of this notation; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is asked for when the pipeline is run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "std::collections::HashMap<String, Parameter>")]
    pub parameters: BTreeMap<ParameterName, Parameter>,
    #[schemars(with = "std::collections::HashMap<String, Step>")]
    pub steps: BTreeMap<StepName, Step>,
}

/// A parameter of the pipeline. Without a default it must be given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The only values there are; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// One step, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    Build(BuildStep),
    Service(Box<ServiceStep>),
    Site(SiteStep),
    Plugin(PluginStep),
}

/// A step's kind without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Sources into an image or a site.
    Build,
    /// Containers that keep running.
    Service,
    /// Files that the ingress serves.
    Site,
    /// A container that does one thing and ends.
    Plugin,
}

/// Where a step stands in the graphical editor. Nothing else looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub x: i32,
    pub y: i32,
}

/// Sources into an image or a site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BuildStep {
    /// Steps that must have succeeded before this one starts.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<StepName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The repository; without one, the sources of the deployment itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub repository: Option<crate::source::RepositoryUrl>,
    /// A branch, tag or commit of `repository`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub reference: Option<crate::source::GitReference>,
    /// The folder that is built, relative to the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub root_directory: Option<crate::source::Folder>,
    /// A Dockerfile, relative to the root directory; without one, the framework is detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// The stage of the Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_directory: Option<String>,
    /// There while building: build arguments of a Dockerfile, variables of a build command.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "std::collections::HashMap<String, Template>")]
    pub variables: BTreeMap<VariableKey, Template>,
    #[serde(skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86400))]
    pub timeout_s: Option<u32>,
}

/// Files of a build, served by the ingress under the step's own hostname.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteStep {
    /// Steps that must have succeeded before this one starts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<StepName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The build step whose output is served; the step needs it.
    pub build: StepName,
    /// Answer unknown paths with `index.html`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single_page: bool,
}

/// A container that does one thing and ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginStep {
    /// Steps that must have succeeded before this one starts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<StepName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// A registered plugin's image with its tag or digest: a version of the pipeline runs the same plugin for ever.
    pub image: ImageReference,
    /// By the plugin's own schema. Texts may hold references.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schemars(with = "std::collections::HashMap<String, serde_json::Value>")]
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Secrets the plugin gets by name, beside those its parameters refer to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<SecretName>,
    #[serde(default, skip_serializing_if = "Retry::is_default")]
    pub retry: Retry,
    /// Of one attempt, in seconds. Without it the plugin's own, which is 300 unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_s: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkAccess>,
    /// Volumes of the slot, by name, mounted for the plugin to fill or read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    #[serde(default, skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
}

/// How often a plugin is tried. Every attempt gets the same idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The first one included.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u32,
    /// Before the second attempt; doubled before each later one.
    #[schemars(range(min = 0, max = 600))]
    pub delay_s: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, delay_s: 5 }
    }
}

impl Retry {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a plugin can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAccess {
    /// Nothing at all.
    None,
    /// The services of its own deployment.
    Deployment,
    /// Its own deployment and everything outside that deployments may reach.
    Internet,
}

/// What a container may use. What is not set is the platform's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// In MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 1_048_576))]
    pub memory_mb: Option<u32>,
    /// In cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.05, max = 256.0))]
    pub cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 32768))]
    pub pids: Option<u32>,
}

impl Resources {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A volume of the slot and where it is seen. It is removed with the slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub name: VolumeName,
    /// Absolute, inside of the container.
    pub path: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

impl Step {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Build(_) => Kind::Build,
            Self::Service(_) => Kind::Service,
            Self::Site(_) => Kind::Site,
            Self::Plugin(_) => Kind::Plugin,
        }
    }

    /// What it needs by its own word; [`super::graph`] adds what follows from references.
    pub const fn needs(&self) -> &BTreeSet<StepName> {
        match self {
            Self::Build(step) => &step.needs,
            Self::Service(step) => &step.needs,
            Self::Site(step) => &step.needs,
            Self::Plugin(step) => &step.needs,
        }
    }

    /// The build step that it runs or serves, and the field that says so.
    pub const fn build(&self) -> Option<&StepName> {
        match self {
            Self::Service(step) => step.build.as_ref(),
            Self::Site(step) => Some(&step.build),
            Self::Build(_) | Self::Plugin(_) => None,
        }
    }

    pub const fn resources(&self) -> Option<&Resources> {
        match self {
            Self::Build(step) => Some(&step.resources),
            Self::Service(step) => Some(&step.resources),
            Self::Plugin(step) => Some(&step.resources),
            Self::Site(_) => None,
        }
    }

    pub fn volumes(&self) -> &[Volume] {
        match self {
            Self::Service(step) => &step.volumes,
            Self::Plugin(step) => &step.volumes,
            Self::Build(_) | Self::Site(_) => &[],
        }
    }

    /// Whether it has a public hostname.
    pub const fn is_public(&self) -> bool {
        match self {
            Self::Service(step) => step.public.is_some(),
            Self::Site(_) => true,
            Self::Build(_) | Self::Plugin(_) => false,
        }
    }

    /// The outputs every step of this kind has. `None` for plugins, which say themselves what they leave.
    ///
    /// A build leaves the `image` or `site` it made and the `commit`; a service its `host` inside of the deployment's network;
    /// what is public its `url`.
    pub fn outputs(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::Build(_) => Some(&["image", "site", "commit"]),
            Self::Service(_) if self.is_public() => Some(&["host", "url"]),
            Self::Service(_) => Some(&["host"]),
            Self::Site(_) => Some(&["url"]),
            Self::Plugin(_) => None,
        }
    }
}
