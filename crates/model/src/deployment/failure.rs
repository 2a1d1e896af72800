//! Why a deployment ended FAILED.

use serde::{Deserialize, Serialize};

/// The reason, and the sentence a person reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub reason: Reason,
    /// What happened, to what, and what to do next.
    pub detail: String,
}

impl Failure {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Every way to fail, with the figures that belong to it. `code` is its name in the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    CloneFailed {
        kind: CloneFailure,
    },
    /// The root directory does not exist in this commit.
    RootDirectoryMissing,
    /// No framework was recognised, or a project file is wrong.
    DetectionFailed,
    /// `exit_code` is `None` when a signal ended it or the output is missing.
    BuildFailed {
        exit_code: Option<i64>,
    },
    BuildTimeout {
        limit_s: u32,
    },
    OutOfMemory {
        limit_mb: u32,
        peak_mb: u32,
    },
    /// It reached the limit on processes.
    ProcessLimit {
        limit: u32,
    },
    /// It wrote more than it may.
    DiskLimit {
        limit_mb: u32,
    },
    /// It printed more than is kept.
    LogLimit {
        limit_mb: u32,
    },
    /// The build's output holds what cannot be published (links out of it, devices, too many files).
    OutputRefused,
    /// The process ended by itself, again and again, before it was healthy.
    StartFailed {
        exit_code: Option<i64>,
    },
    StartupTimeout {
        limit_s: u32,
    },
    PluginFailed,
    PluginTimeout {
        limit_s: u32,
    },
    ImagePullFailed,
    NoCapacity,
    Cancelled,
    /// A newer deployment of the slot went live first.
    Superseded,
    NodeLost,
    Internal,
}

/// The ways a clone fails, told apart because each has another remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CloneFailure {
    /// The host does not resolve, or nothing listens.
    Unreachable,
    /// The address is one that Pierhead must not reach.
    AddressRefused,
    RepositoryNotFound,
    /// The repository asks for credentials and there are none, or they are wrong.
    NoCredentials,
    /// The ssh server shows a key that nobody has approved yet.
    HostKeyUnknown,
    /// The ssh server shows another key than the approved one.
    HostKeyChanged,
    NoSuchReference,
    /// The commit that was asked for is gone.
    CommitGone,
    EmptyRepository,
    Timeout,
    TooLarge,
    Submodule,
    CertificateInvalid,
    Other,
}

impl Reason {
    /// The name of the reason in the API: `build_failed`, `out_of_memory`, …
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CloneFailed { .. } => "clone_failed",
            Self::RootDirectoryMissing => "root_directory_missing",
            Self::DetectionFailed => "detection_failed",
            Self::BuildFailed { .. } => "build_failed",
            Self::BuildTimeout { .. } => "build_timeout",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::ProcessLimit { .. } => "process_limit",
            Self::DiskLimit { .. } => "disk_limit",
            Self::LogLimit { .. } => "log_limit",
            Self::OutputRefused => "output_refused",
            Self::StartFailed { .. } => "start_failed",
            Self::StartupTimeout { .. } => "startup_timeout",
            Self::PluginFailed => "plugin_failed",
            Self::PluginTimeout { .. } => "plugin_timeout",
            Self::ImagePullFailed => "image_pull_failed",
            Self::NoCapacity => "no_capacity",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::NodeLost => "node_lost",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_serialised_tag() {
        for reason in [
            Reason::CloneFailed { kind: CloneFailure::Timeout },
            Reason::BuildFailed { exit_code: Some(1) },
            Reason::OutOfMemory { limit_mb: 512, peak_mb: 512 },
            Reason::StartupTimeout { limit_s: 300 },
            Reason::Internal,
        ] {
            let json = serde_json::to_value(&reason).unwrap();
            assert_eq!(json["code"], reason.code());
            assert_eq!(serde_json::from_value::<Reason>(json).unwrap(), reason);
        }
    }
}
