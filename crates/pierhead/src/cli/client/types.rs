//! What the API takes and answers, as far as the command line looks at it.
//!
//! Fields that only newer servers know are ignored, fields that older ones lack have defaults, and `--json` prints the answer
//! as it came: this file decides what is shown to people, not what programs get.

use std::collections::BTreeMap;

use pierhead_model::Timestamp;
use pierhead_model::deployment::{State, Timings};
use pierhead_model::limit::Limits;
use pierhead_model::log::LogStream;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::project::GitSource;
use pierhead_model::source::Commit;
use pierhead_model::variable::Exposure;
use serde::{Deserialize, Serialize};

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Login<'r> {
    pub(crate) email: &'r str,
    pub(crate) password: &'r str,
}

#[derive(Deserialize)]
pub(crate) struct DeviceBegun {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    pub(crate) verification_url: String,
    /// Seconds.
    pub(crate) expires_in: u64,
    /// Seconds.
    pub(crate) interval: u64,
}

#[derive(Deserialize)]
pub(crate) struct DeviceToken {
    pub(crate) status: String,
    pub(crate) token: Option<MadeToken>,
    pub(crate) email: Option<String>,
}

/// An API token, told once.
#[derive(Deserialize)]
pub(crate) struct MadeToken {
    pub(crate) token: String,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refresh<'r> {
    pub(crate) refresh_token: &'r str,
}

#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Seconds.
    pub(crate) expires_in: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Me {
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) role: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) number: Option<u64>,
    pub(crate) project: String,
    #[serde(default)]
    pub(crate) environment: String,
    #[serde(default)]
    pub(crate) slot: String,
    pub(crate) state: State,
    /// Why it is not built yet.
    #[serde(default)]
    pub(crate) waiting: Option<Waiting>,
    #[serde(default)]
    pub(crate) queue_position: Option<u64>,
    /// Why it ended FAILED.
    #[serde(default)]
    pub(crate) failure: Option<Failure>,
    #[serde(default)]
    pub(crate) conditions: Conditions,
    /// The slot's address.
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) urls: Vec<String>,
    #[serde(default)]
    pub(crate) commit: Option<Commit>,
    #[serde(default)]
    pub(crate) trigger: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) timings: Option<Timings>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) plan: Option<BuildPlan>,
    #[serde(default)]
    pub(crate) release: Option<String>,
    #[serde(default)]
    pub(crate) peak_memory_mb: Option<u64>,
    #[serde(default)]
    pub(crate) instance: Option<Instance>,
    #[serde(default)]
    pub(crate) limits: Option<Limits>,
    #[serde(default)]
    pub(crate) node: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) detail: String,
}

impl Deployment {
    /// `v18`, or the id on a server that does not count.
    pub(crate) fn version(&self) -> String {
        self.number.map_or_else(|| self.id.clone(), |number| format!("v{number}"))
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created_at.or_else(|| self.timings.as_ref().map(|timings| timings.queued_at))
    }

    pub(crate) fn live_since(&self) -> Option<Timestamp> {
        self.timings.as_ref()?.production_at
    }

    /// The address that stays with this deployment.
    pub(crate) fn own_url(&self) -> Option<&str> {
        self.urls.iter().map(String::as_str).find(|url| *url != self.url)
    }
}

/// A reason for people and its code.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Conditions {
    pub(crate) offline: bool,
    pub(crate) asleep: bool,
    pub(crate) crash_looping: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) started_at: Timestamp,
    #[serde(default)]
    pub(crate) finished_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
    /// `from cache`
    #[serde(default)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Instance {
    #[serde(default)]
    pub(crate) healthy: bool,
    #[serde(default)]
    pub(crate) restarts: u32,
}

/// `POST /deployments`: a repository, and nothing else needed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct NewQuickDeployment {
    pub(crate) repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) build: BuildSettings,
}

/// `POST /projects/{project}/deployments`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct NewDeployment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<String>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_cache: bool,
    /// Of a pipeline: what is chosen for this run.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
    /// What was handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
}

/// What of a folder has to be sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Upload {
    pub(crate) upload: String,
    pub(crate) files: u64,
    pub(crate) missing: Vec<String>,
}

/// `POST /projects`.
#[derive(Debug, Serialize)]
pub(crate) struct NewProject<'n> {
    pub(crate) name: &'n str,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) build: BuildSettings,
}

/// `POST /projects/{project}/slots/{slot}/clone`.
#[derive(Debug, Serialize)]
pub(crate) struct NewClone {
    pub(crate) slot: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) parameters: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Detect {
    pub(crate) repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_directory: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Project {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) source: Option<GitSource>,
    #[serde(default)]
    pub(crate) live: Option<String>,
    #[serde(default)]
    pub(crate) deleting: bool,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Slot {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) environment: String,
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) live: Option<String>,
    #[serde(default)]
    pub(crate) latest: Option<String>,
    #[serde(default)]
    pub(crate) deleting: bool,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) from: Option<State>,
    #[serde(default)]
    pub(crate) to: Option<State>,
    /// The code of the reason.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// A variable that is set. Without a value, a secret keeps the one it has.
#[derive(Serialize)]
pub(crate) struct NewVariable {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
    pub(crate) secret: bool,
    pub(crate) exposure: Exposure,
}

/// A variable whose key is in the path.
#[derive(Serialize)]
pub(crate) struct VariableValue<'v> {
    pub(crate) value: Option<&'v str>,
    pub(crate) secret: bool,
    pub(crate) exposure: Exposure,
}

#[derive(Serialize)]
pub(crate) struct NewVariables {
    pub(crate) items: Vec<NewVariable>,
}

#[derive(Deserialize)]
pub(crate) struct Variables {
    /// Counts changes of the set.
    pub(crate) version: u64,
    pub(crate) items: Vec<Variable>,
}

#[derive(Deserialize)]
pub(crate) struct Variable {
    /// Where it was set: nothing for the whole project.
    #[serde(default)]
    pub(crate) environment: Option<String>,
    #[serde(default)]
    pub(crate) slot: Option<String>,
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) secret: bool,
    pub(crate) exposure: Exposure,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_in_s: u64,
}

#[derive(Deserialize)]
pub(crate) struct CreatedToken {
    /// Shown once.
    pub(crate) token: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) last_used_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EnvironmentItem {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) base_domain: String,
    #[serde(default)]
    pub(crate) driver: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// Only in the answer that made it.
    #[serde(default)]
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) machine: Option<Machine>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) online_since: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu_cores: u32,
    pub(crate) memory_mb: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    /// In cores.
    pub(crate) cpu: f64,
    pub(crate) memory_mb: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) ok: bool,
    #[serde(default)]
    pub(crate) checks: Vec<Check>,
}

/// One invariant.
#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) ok: bool,
    #[serde(default)]
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) number: u64,
    pub(crate) time: Timestamp,
    pub(crate) stream: LogStream,
    pub(crate) step: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LogPage {
    pub(crate) lines: Vec<serde_json::Value>,
    /// Ask for what comes after this.
    pub(crate) next: u64,
    /// The newest line there is.
    #[serde(default)]
    pub(crate) last: Option<u64>,
}

fn is_default(settings: &BuildSettings) -> bool {
    *settings == BuildSettings::default()
}

/// Figures over time, of a project.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ProjectMetrics {
    pub(crate) step_s: u64,
    pub(crate) times: Vec<u64>,
    pub(crate) requests: RequestMetrics,
    pub(crate) wakes: WakeMetrics,
    pub(crate) services: Vec<ServiceMetrics>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RequestMetrics {
    pub(crate) by_class: BTreeMap<String, Vec<u64>>,
    pub(crate) bytes_out: Vec<u64>,
    pub(crate) latency_ms: LatencyMetrics,
    pub(crate) totals: TotalMetrics,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LatencyMetrics {
    pub(crate) p50: Vec<Option<f64>>,
    pub(crate) p95: Vec<Option<f64>>,
    pub(crate) p99: Vec<Option<f64>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TotalMetrics {
    pub(crate) bytes_out: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WakeMetrics {
    pub(crate) count: Vec<u64>,
    pub(crate) max_ms: Vec<Option<f64>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServiceMetrics {
    pub(crate) service: String,
    pub(crate) cpu_cores: Vec<Option<f64>>,
    pub(crate) memory_max_bytes: Vec<Option<u64>>,
    pub(crate) memory_limit_bytes: Option<u64>,
    pub(crate) restarts: Vec<u64>,
}
