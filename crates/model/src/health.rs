//! When a service counts as healthy.

use serde::{Deserialize, Serialize};

/// The question that is asked until the answer is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    pub kind: HealthKind,
    /// For HTTP: the path; 2xx and 3xx are good answers.
    pub path: String,
    pub interval_ms: u32,
    pub timeout_ms: u32,
    /// Good answers in a row that make it healthy.
    pub healthy_after: u32,
    /// Bad answers in a row that make a live one unhealthy.
    pub unhealthy_after: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthKind {
    Http,
    /// A connection that is accepted.
    Tcp,
    /// For processes without a port: running is healthy.
    Process,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: HealthKind::Http,
            path: "/".to_owned(),
            interval_ms: 5_000,
            timeout_ms: 2_000,
            healthy_after: 1,
            unhealthy_after: 3,
        }
    }
}

/// Whether an HTTP status is a good answer to a health check (2xx or 3xx).
pub const fn is_good_status(status: u16) -> bool {
    status >= 200 && status < 400
}
