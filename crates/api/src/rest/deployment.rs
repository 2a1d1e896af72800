//! A deployment as the API shows it.

use std::collections::{BTreeMap, BTreeSet};

use pierhead_control::{DeploymentView, ShareView};
use pierhead_model::Timestamp;
use pierhead_model::assignment::{self, InstanceReport, Phase, StepReport};
use pierhead_model::deployment::{self, Reason};
use pierhead_model::pipeline::StepName;
use serde::Serialize;
use utoipa::ToSchema;

use super::plan::Plan;
use super::settings::Limits;
use super::values::{State, Time};

/// One attempt to make something live, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deployment {
    /// Ten characters of a–z and 0–9; also its own host label.
    id: String,
    /// Counts the deployments of its slot, for people: v18.
    number: u64,
    project: String,
    environment: String,
    slot: String,
    state: State,
    /// Why it is FAILED: a code such as `build_failed`; figures and words are in `failure`.
    reason: Option<&'static str>,
    failure: Option<Failure>,
    conditions: Conditions,
    /// Of one that waits to be built: 1 is the next of those that wait for the same. `null` in lists.
    queue_position: Option<u64>,
    /// Why it is not built yet. `null` in lists.
    waiting: Option<Waiting>,
    /// The slot's address.
    url: String,
    /// The slot's address, and the one that stays with this deployment.
    urls: Vec<String>,
    commit: Option<Commit>,
    /// Of the pipeline that was run; 0 for the one that is generated for a repository.
    pipeline_version: u64,
    /// Of a pipeline: the tags that were chosen, by service.
    tags: BTreeMap<String, String>,
    /// Of a pipeline: the values of its parameters.
    parameters: BTreeMap<String, String>,
    /// Where it is built and runs.
    node: Option<String>,
    /// What other nodes run of it: further replicas of its services.
    shares: Vec<Share>,
    created_by: String,
    /// `api`, `redeploy`, `rollback`, …
    trigger: String,
    created_at: Time,
    timings: Timings,
    /// When it is ended if nothing happens.
    deadline: Option<Time>,
    cancel_requested: bool,
    steps: Vec<Step>,
    plan: Option<Plan>,
    limits: Limits,
    /// The digest of what was built.
    release: Option<String>,
    /// `site`, `service`, `image` or `run`.
    release_kind: Option<&'static str>,
    peak_memory_mb: Option<u64>,
    instance: Option<Instance>,
    /// Of a pipeline: its public services and those with a port, by step.
    services: BTreeMap<String, Instance>,
    expires_at: Option<Time>,
}

/// A part of a deployment's replicas, on a node that does not lead it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Share {
    node: String,
    /// The numbers of the replicas, by service.
    replicas: BTreeMap<String, Vec<u32>>,
    status: ShareStatus,
    /// Its node cannot be reached: nobody is sent there.
    offline: bool,
}

/// How far a node is with its share.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShareStatus {
    /// For the node that leads.
    Waiting,
    Starting,
    Healthy,
    Failed,
    Stopped,
}

impl From<ShareView> for Share {
    fn from(view: ShareView) -> Self {
        let ShareView { node, replicas, phase, offline } = view;
        let numbers =
            |(name, numbers): (StepName, BTreeSet<u32>)| (name.to_string(), numbers.into_iter().collect());
        Self {
            node: node.to_string(),
            replicas: replicas.into_iter().map(numbers).collect(),
            status: match phase {
                None => ShareStatus::Waiting,
                Some(Phase::Accepted | Phase::Building | Phase::Released) => ShareStatus::Starting,
                Some(Phase::Healthy) => ShareStatus::Healthy,
                Some(Phase::Failed) => ShareStatus::Failed,
                Some(Phase::Stopped) => ShareStatus::Stopped,
            },
            offline,
        }
    }
}

/// The commit that was built.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Commit {
    hash: String,
    message: String,
    author: String,
}

/// Why a QUEUED deployment is not built yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// `turn` (as many builds run as may over all nodes), `node` (none takes it), `node_offline`, `node_busy`, `token`.
    reason: &'static str,
    detail: String,
}

/// What is the matter besides the state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conditions {
    /// Its node cannot be reached, or its process is down.
    offline: bool,
    asleep: bool,
    /// Its process ended and waits to be started again.
    crash_looping: bool,
}

/// Why a deployment failed. The figures are those of the code, the others are `null`.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Failure {
    code: &'static str,
    /// What happened, to what, and what to do next.
    detail: String,
    /// Of `clone_failed`: `repository_not_found`, `no_credentials`, `unreachable`, …
    kind: Option<String>,
    exit_code: Option<i64>,
    limit_s: Option<u32>,
    limit_mb: Option<u32>,
    peak_mb: Option<u32>,
    /// Of `process_limit`: how many processes.
    limit: Option<u32>,
}

impl From<deployment::Failure> for Failure {
    fn from(failure: deployment::Failure) -> Self {
        let known = Self { code: failure.reason.code(), detail: failure.detail, ..Self::default() };
        match failure.reason {
            Reason::CloneFailed { kind } => Self { kind: Some(kind.to_string()), ..known },
            Reason::BuildFailed { exit_code } | Reason::StartFailed { exit_code } => {
                Self { exit_code, ..known }
            }
            Reason::BuildTimeout { limit_s }
            | Reason::StartupTimeout { limit_s }
            | Reason::PluginTimeout { limit_s } => Self { limit_s: Some(limit_s), ..known },
            Reason::OutOfMemory { limit_mb, peak_mb } => {
                Self { limit_mb: Some(limit_mb), peak_mb: Some(peak_mb), ..known }
            }
            Reason::ProcessLimit { limit } => Self { limit: Some(limit), ..known },
            Reason::DiskLimit { limit_mb } | Reason::LogLimit { limit_mb } => {
                Self { limit_mb: Some(limit_mb), ..known }
            }
            Reason::RootDirectoryMissing
            | Reason::DetectionFailed
            | Reason::OutputRefused
            | Reason::PluginFailed
            | Reason::ImagePullFailed
            | Reason::NoCapacity
            | Reason::Cancelled
            | Reason::Superseded
            | Reason::NodeLost
            | Reason::Internal => known,
        }
    }
}

/// When each state was entered, and how long it took. What did not happen is `null`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timings {
    /// When the push that asked for it was received.
    received_at: Option<Time>,
    queued_at: Time,
    building_at: Option<Time>,
    provisioning_at: Option<Time>,
    production_at: Option<Time>,
    ended_at: Option<Time>,
    queued_ms: Option<u64>,
    /// From the push until it was accepted: the repository was asked where its branch is.
    received_ms: Option<u64>,
    building_ms: Option<u64>,
    provisioning_ms: Option<u64>,
    /// From the request until it was live, or failed.
    total_ms: Option<u64>,
}

impl From<deployment::Timings> for Timings {
    fn from(timings: deployment::Timings) -> Self {
        let deployment::Timings {
            received_at,
            queued_at,
            building_at,
            provisioning_at,
            production_at,
            ended_at,
        } = timings;
        let time = |at: Option<Timestamp>| at.map(Time);
        let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
            u64::try_from(to?.duration_since(from?).as_millis()).ok()
        };
        let queued = Some(queued_at);
        Self {
            received_at: time(received_at),
            received_ms: between(received_at, queued),
            queued_at: queued_at.into(),
            building_at: time(building_at),
            provisioning_at: time(provisioning_at),
            production_at: time(production_at),
            ended_at: time(ended_at),
            queued_ms: between(queued, building_at.or(provisioning_at).or(ended_at)),
            building_ms: between(building_at, provisioning_at.or(ended_at)),
            provisioning_ms: between(provisioning_at, production_at.or(ended_at)),
            total_ms: between(received_at.or(queued), production_at.or(ended_at)),
        }
    }
}

fn named<K: ToString + Ord>(values: BTreeMap<K, String>) -> BTreeMap<String, String> {
    values.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// One step of the build, or of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Step {
    name: String,
    started_at: Time,
    finished_at: Option<Time>,
    exit_code: Option<i64>,
    /// Why it took no time (`dependencies from cache`), or why it failed.
    note: Option<String>,
    /// Of a step of a pipeline.
    status: Option<StepStatus>,
}

/// Where a step of a pipeline is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
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

impl From<assignment::StepStatus> for StepStatus {
    fn from(status: assignment::StepStatus) -> Self {
        match status {
            assignment::StepStatus::Running => Self::Running,
            assignment::StepStatus::Retrying => Self::Retrying,
            assignment::StepStatus::Succeeded => Self::Succeeded,
            assignment::StepStatus::Failed => Self::Failed,
            assignment::StepStatus::Stopping => Self::Stopping,
            assignment::StepStatus::Undoing => Self::Undoing,
            assignment::StepStatus::Undone => Self::Undone,
            assignment::StepStatus::LeftOver => Self::LeftOver,
        }
    }
}

impl From<StepReport> for Step {
    fn from(step: StepReport) -> Self {
        Self {
            name: step.name,
            started_at: step.started_at.into(),
            finished_at: step.finished_at.map(Into::into),
            exit_code: step.exit_code,
            note: step.note,
            status: step.status.map(Into::into),
        }
    }
}

/// The running process of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Instance {
    healthy: bool,
    /// Times it ended by itself and was started again.
    restarts: u32,
    /// Why it ended last, for people.
    last_exit: Option<String>,
    next_start_at: Option<Time>,
}

impl From<InstanceReport> for Instance {
    fn from(instance: InstanceReport) -> Self {
        let InstanceReport {
            address: _,
            replicas: _,
            healthy,
            restarts,
            oom_kills: _,
            last_exit,
            next_start_at,
            rest: _,
        } = instance;
        Self { healthy, restarts, last_exit, next_start_at: next_start_at.map(Into::into) }
    }
}

impl From<DeploymentView> for Deployment {
    fn from(view: DeploymentView) -> Self {
        let pierhead_control::Conditions { offline, asleep, crash_looping } = view.conditions;
        let inputs = view.inputs.unwrap_or_default();
        Self {
            id: view.id.to_string(),
            number: view.number,
            project: view.project.to_string(),
            environment: view.environment.to_string(),
            slot: view.slot.to_string(),
            state: view.state.into(),
            reason: view.failure.as_ref().map(|failure| failure.reason.code()),
            failure: view.failure.map(Into::into),
            conditions: Conditions { offline, asleep, crash_looping },
            queue_position: view.waiting.as_ref().and_then(|waiting| waiting.position),
            waiting: view.waiting.map(|it| Waiting { reason: it.reason.into(), detail: it.detail }),
            url: view.url,
            urls: view.urls,
            commit: view.commit.map(|it| Commit { hash: it.hash, message: it.message, author: it.author }),
            pipeline_version: view.pipeline_version.unwrap_or(0),
            tags: named(inputs.tags),
            parameters: named(inputs.parameters),
            node: view.node.map(|node| node.to_string()),
            shares: view.shares.into_iter().map(Into::into).collect(),
            created_by: view.created_by,
            trigger: view.trigger,
            created_at: view.created_at.into(),
            timings: view.timings.into(),
            deadline: view.deadline.map(Into::into),
            cancel_requested: view.cancel_requested,
            steps: view.steps.into_iter().map(Into::into).collect(),
            plan: view.plan.map(Into::into),
            limits: view.limits.into(),
            release: view.release.map(|digest| digest.to_hex()),
            release_kind: view.release_kind,
            peak_memory_mb: view.peak_memory_mb,
            instance: view.instance.map(Into::into),
            services: view.services.into_iter().map(|(name, it)| (name.to_string(), it.into())).collect(),
            expires_at: view.expires_at.map(Into::into),
        }
    }
}
