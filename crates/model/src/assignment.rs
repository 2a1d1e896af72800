//! What a node should do for one deployment, and what it reports back.
//!
//! Both are *levels*, not commands: an assignment is everything the node should know and may be sent any number of times; a
//! report is everything the node knows and replaces all earlier ones. A lost, doubled or delayed message therefore costs
//! time, never correctness.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Timestamp;
use crate::deployment::Failure;
use crate::digest::Digest;
use crate::git_access::GitAccess;
use crate::health::HealthCheck;
use crate::hostname::Hostname;
use crate::id::{DeploymentId, ProjectId};
use crate::limit::Limits;
use crate::name::{EnvironmentName, ProjectName, SlotName};
use crate::pipeline::StepName;
use crate::pipeline::image::ImageReference;
use crate::plan::{BuildPlan, BuildSettings};
use crate::release::Release;
use crate::run::{Handed, PipelineWork};
use crate::sleep::RestOrder;
use crate::source::{Commit, Folder, GitReference, RepositoryUrl};
use crate::variable::Variable;

/// What one node should do for one deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub deployment: DeploymentId,
    /// Grows with each change of this assignment; an older one is ignored.
    pub generation: u64,
    pub goal: Goal,
    pub project_id: ProjectId,
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub slot: SlotName,
    pub work: Work,
    /// How deeply a live service should sleep. Changes without a new generation; the newest number counts.
    #[serde(default, skip_serializing_if = "RestOrder::is_default")]
    pub rest: RestOrder,
    /// What the node said of it so far, for a node that has lost what it wrote down. Only at the beginning of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

/// What the control plane has stored of what a node said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub report: Report,
    /// The number of the last line of the log.
    pub lines: u64,
}

/// What should become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Build it if it is not built, start it, keep it running.
    Run,
    /// Stop it politely and remove all that it made on the node.
    Stop,
}

impl Assignment {
    /// The deployment that people know: of a share, the one that it is a part of.
    pub fn belongs_to(&self) -> &DeploymentId {
        match &self.work.source {
            Source::Pipeline { work } => work.share.as_ref().map_or(&self.deployment, |share| &share.of),
            Source::Git { .. } | Source::Files { .. } | Source::Image { .. } | Source::Release { .. } => {
                &self.deployment
            }
        }
    }
}

/// Everything that is needed to do it without asking again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub source: Source,
    pub settings: BuildSettings,
    pub limits: Limits,
    pub health: HealthCheck,
    /// Secrets among them are kept in memory only.
    pub variables: Vec<Variable>,
    /// The slot's own hostname: what the health check says in `Host`.
    pub hostname: Hostname,
    pub deployment_hostname: Hostname,
    /// Ignore the dependency cache.
    pub no_cache: bool,
    /// What a run of a pipeline needs and may not write down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<RunKeys>,
    /// How the repository is entered. Not written down either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<GitAccess>,
}

/// What a run of a pipeline needs and may not write down.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunKeys {
    /// Seals what steps leave for each other: 32 bytes, in base64.
    pub outputs: String,
    pub registries: Vec<RegistryLogin>,
}

/// Shows nothing of what it holds.
impl std::fmt::Debug for RunKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunKeys([secret])")
    }
}

/// How images are had from a registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryLogin {
    /// As images name it: `ghcr.io`, `registry.example.com:5000`.
    pub host: String,
    pub username: String,
    pub password: String,
}

/// Shows no password.
impl std::fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, username, password: _ } = self;
        f.debug_struct("RegistryLogin")
            .field("host", host)
            .field("username", username)
            .finish_non_exhaustive()
    }
}

/// Where the release comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    Git {
        repository: RepositoryUrl,
        /// `None` is the repository's default branch.
        reference: Option<GitReference>,
        root_directory: Folder,
    },
    /// Files that were handed over: the blob that holds their [`crate::tree::FileTree`].
    Files { tree: Digest, root_directory: Folder },
    /// An image, run as it is.
    Image { image: ImageReference },
    /// An earlier release, made live again without building.
    Release { release: Release },
    /// A run of a pipeline.
    Pipeline { work: Box<PipelineWork> },
}

/// How far a node has come with a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// Persisted on the node, not begun.
    Accepted,
    Building,
    /// The release is stored and named in the report.
    Released,
    /// It answers its health check (a site: it is stored, there is nothing to start).
    Healthy,
    /// It ended; `failure` says why. What it made is removed.
    Failed,
    /// As told by the goal; nothing of it is left on the node.
    Stopped,
}

/// All that a node knows of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub deployment: DeploymentId,
    /// Grows with each report of this deployment on this node; survives the agent's restart.
    pub sequence: u64,
    pub phase: Phase,
    pub failure: Option<Failure>,
    pub commit: Option<Commit>,
    pub plan: Option<BuildPlan>,
    pub release: Option<Release>,
    pub steps: Vec<StepReport>,
    pub instance: Option<InstanceReport>,
    /// The services of a pipeline, by step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<StepName, InstanceReport>,
    /// Highest memory seen while building and while running, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Of a run whose services have replicas on other nodes, when it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed: Option<Handed>,
}

/// One step of a run, as shown in the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    pub name: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub exit_code: Option<i64>,
    /// Why it took no time (`dependencies from cache`), or why it failed.
    pub note: Option<String>,
    /// Of a step of a pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StepStatus>,
}

/// Where a step of a pipeline is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StepStatus {
    Running,
    /// Between two attempts.
    Retrying,
    Succeeded,
    Failed,
    Stopping,
    Undoing,
    Undone,
    /// What it made outside could not be undone.
    LeftOver,
}

/// The running processes of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Where the ingress reaches it. `None` while it is down.
    pub address: Option<SocketAddr>,
    /// Of a service with several replicas: those that can be reached, by their number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbered")]
    pub replicas: BTreeMap<u32, SocketAddr>,
    pub healthy: bool,
    /// Times it ended by itself and was started again.
    pub restarts: u32,
    /// Those of them whose memory had run out.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub oom_kills: u32,
    /// Why it ended last, for people.
    pub last_exit: Option<String>,
    /// When the next start is tried, while it backs off.
    pub next_start_at: Option<Timestamp>,
    /// The last order to sleep or to wake up that was carried out.
    #[serde(default, skip_serializing_if = "RestOrder::is_default")]
    pub rest: RestOrder,
}

const fn is_none_yet(count: &u32) -> bool {
    *count == 0
}

/// Reads a map by numbers wherever it stands: inside of a message that tells its kind by a field, keys are texts to serde.
fn numbered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, SocketAddr>, D::Error> {
    let written = BTreeMap::<String, SocketAddr>::deserialize(deserializer)?;
    let number = |(key, address): (String, SocketAddr)| {
        key.parse().map(|number| (number, address)).map_err(serde::de::Error::custom)
    };
    written.into_iter().map(number).collect()
}

impl InstanceReport {
    /// Every place where it can be reached.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let only = self.address.filter(|address| !self.replicas.values().any(|it| it == address));
        only.into_iter().chain(self.replicas.values().copied())
    }

    /// A replica is healthy at this address, or cannot be reached any more.
    pub fn set_replica(&mut self, number: u32, address: Option<SocketAddr>) {
        match address {
            Some(address) => drop(self.replicas.insert(number, address)),
            None => drop(self.replicas.remove(&number)),
        }
        self.address = self.replicas.values().next().copied();
        self.healthy = self.address.is_some();
    }
}

impl Report {
    /// Whether a process of it is at this address. A service may listen on several ports of an address of its own; what is on the
    /// machine's own network shares the machine's addresses with everything else there, and is only where it says.
    pub fn serves(&self, address: SocketAddr) -> bool {
        let is_its =
            |its: SocketAddr| its == address || (its.ip() == address.ip() && !its.ip().is_loopback());
        let mut instances = self.instance.iter().chain(self.services.values());
        instances.any(|instance| instance.addresses().any(is_its))
    }

    /// A report of a deployment that was just accepted.
    pub fn accepted(deployment: DeploymentId) -> Self {
        Self {
            deployment,
            sequence: 1,
            phase: Phase::Accepted,
            failure: None,
            commit: None,
            plan: None,
            release: None,
            steps: Vec::new(),
            instance: None,
            services: BTreeMap::new(),
            peak_memory_bytes: None,
            handed: None,
        }
    }
}

/// The variables every workload gets, whatever its framework.
pub fn platform_variables(assignment: &Assignment, commit: Option<&Commit>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("PIERHEAD".to_owned(), "1".to_owned()),
        ("PIERHEAD_PROJECT".to_owned(), assignment.project.to_string()),
        ("PIERHEAD_ENVIRONMENT".to_owned(), assignment.environment.to_string()),
        ("PIERHEAD_SLOT".to_owned(), assignment.slot.to_string()),
        ("PIERHEAD_DEPLOYMENT".to_owned(), assignment.belongs_to().to_string()),
        ("PIERHEAD_SLOT_URL".to_owned(), format!("http://{}", assignment.work.hostname)),
        ("PIERHEAD_DEPLOYMENT_URL".to_owned(), format!("http://{}", assignment.work.deployment_hostname)),
    ]);
    if let Some(commit) = commit {
        variables.insert("PIERHEAD_GIT_COMMIT".to_owned(), commit.hash.clone());
        variables.insert("SOURCE_VERSION".to_owned(), commit.hash.clone());
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_the_machines_own_network_is_at_one_port_only() {
        let mut report = Report::accepted(DeploymentId::from_random(1));
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut instance = InstanceReport::default();
        instance.set_replica(1, Some(at("10.211.0.2:3000")));
        instance.set_replica(2, Some(at("127.0.0.1:3000")));
        report.instance = Some(instance);
        for (address, serves) in [
            ("10.211.0.2:3000", true),
            ("10.211.0.2:9090", true),
            ("10.211.0.3:3000", false),
            ("127.0.0.1:3000", true),
            ("127.0.0.1:22", false),
        ] {
            assert_eq!(report.serves(at(address)), serves, "{address}");
        }
    }
}
