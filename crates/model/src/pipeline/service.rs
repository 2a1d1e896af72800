//! Service steps: containers that keep running.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::{Position, Resources, Volume};
use super::image::ImageReference;
use super::name::{CatalogueName, StepName};
use super::reference::Template;
use super::tag::TagPattern;
use crate::variable::VariableKey;

/// Containers that keep running, from an image or a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceStep {
    /// Steps that must have succeeded before this one starts.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<StepName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// A service of the catalogue: what this step does not set is taken from it when the pipeline is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<CatalogueName>,
    /// With its tag: the one that runs, or the default when tags are selectable. Either this or `build`, unless a service of
    /// the catalogue says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReference>,
    /// Which tags of `image` may be chosen for a deployment. Without it, the tag is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selectable_tags: Option<TagPattern>,
    /// The build step whose image is run; the step needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<StepName>,
    /// Instead of the image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's own arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Template>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// `user` or `uid:gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// TCP ports it listens on; other steps reach them at `<step>:<port>`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(inner(range(min = 1)))]
    pub ports: BTreeSet<u16>,
    /// The port that speaks HTTP and gets `<step>.<slot>.<environment>.<domain>`. One of `ports`, or added to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub public: Option<u16>,
    /// Without one: a public service answers HTTP, one with ports accepts connections, others just run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Injected when it starts. Texts may hold references.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "std::collections::HashMap<String, Template>")]
    pub variables: BTreeMap<VariableKey, Template>,
    /// Of each replica.
    #[serde(skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: u32,
    /// How long it may take until it is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub startup_timeout_s: Option<u32>,
    /// Between the polite and the forced stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub stop_grace_s: Option<u32>,
    /// What only an admin may give; see [`super::admission`].
    #[serde(skip_serializing_if = "Privileges::is_none")]
    pub privileges: Privileges,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_one(replicas: &u32) -> bool {
    *replicas == 1
}

impl Default for ServiceStep {
    fn default() -> Self {
        Self {
            needs: BTreeSet::new(),
            description: None,
            position: None,
            service: None,
            image: None,
            selectable_tags: None,
            build: None,
            entrypoint: None,
            command: None,
            working_directory: None,
            user: None,
            ports: BTreeSet::new(),
            public: None,
            health: None,
            volumes: Vec::new(),
            variables: BTreeMap::new(),
            resources: Resources::default(),
            replicas: 1,
            startup_timeout_s: None,
            stop_grace_s: None,
            privileges: Privileges::default(),
        }
    }
}

/// Which tag of an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagMode<'a> {
    /// The one in the document.
    Pinned,
    /// Any that matches, chosen when a deployment is made.
    Selectable(&'a TagPattern),
}

impl ServiceStep {
    pub fn tag_mode(&self) -> TagMode<'_> {
        self.selectable_tags.as_ref().map_or(TagMode::Pinned, TagMode::Selectable)
    }

    /// The question that is asked until it is healthy, with the default for services that set none.
    pub fn effective_health(&self) -> Health {
        if let Some(health) = &self.health {
            return health.clone();
        }
        let check = match (self.public, self.ports.first()) {
            (Some(port), _) => Check::Http { path: "/".to_owned(), port: Some(port) },
            (None, Some(port)) => Check::Tcp { port: Some(*port) },
            (None, None) => Check::Process,
        };
        Health { check, ..Health::default() }
    }
}

/// When a service counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    pub check: Check,
    #[schemars(range(min = 1, max = 3600))]
    pub interval_s: u32,
    #[schemars(range(min = 1, max = 600))]
    pub timeout_s: u32,
    /// Good answers in a row that make it healthy.
    #[schemars(range(min = 1, max = 100))]
    pub healthy_after: u32,
    /// Bad answers in a row that make a healthy one unhealthy.
    #[schemars(range(min = 1, max = 100))]
    pub unhealthy_after: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { check: Check::Process, interval_s: 5, timeout_s: 2, healthy_after: 1, unhealthy_after: 3 }
    }
}

/// The question that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// GET; 2xx and 3xx are good answers.
    Http {
        #[serde(default = "slash")]
        path: String,
        /// Without one, the public port or the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        port: Option<u16>,
    },
    /// A connection that is accepted.
    Tcp {
        /// Without one, the public port or the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        port: Option<u16>,
    },
    /// Run inside of the container; exit code 0 is good.
    Command { command: Vec<String> },
    /// Running is healthy.
    Process,
}

fn slash() -> String {
    "/".to_owned()
}

/// What reaches out of the container. Refused for everyone but an admin, each with its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privileges {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_processes: bool,
    /// Kernel capabilities, such as `NET_ADMIN`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<String>,
    /// Devices of the node, such as `/dev/kvm`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_mounts: Vec<HostMount>,
}

impl Privileges {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A path of the node inside of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostMount {
    /// On the node, absolute.
    pub source: String,
    /// Inside of the container, absolute.
    pub path: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}
