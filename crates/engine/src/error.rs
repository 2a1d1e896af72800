//! What an engine refuses, in variants that a caller can act on.

/// An engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the engine has no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    #[error("the engine has another {what} called `{name}`")]
    NameTaken { what: &'static str, name: String },
    #[error("the image `{image}` is not on this node")]
    NoSuchImage { image: String },
    #[error("the subnet {subnet} overlaps with a network that exists")]
    SubnetOverlap { subnet: String },
    #[error("the engine's disk is full")]
    OutOfSpace,
    #[error("the specification of `{name}` is refused: {reason}")]
    Refused { name: String, reason: &'static str },
    #[error("the build failed: {message}")]
    BuildFailed { message: String, exit_code: Option<i64> },
    #[error("the engine did not answer within {seconds} s while {doing}")]
    Timeout { doing: &'static str, seconds: u64 },
    #[error("the engine cannot be reached while {doing}: is it running?")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the engine refused {doing}: {message}")]
    Other { doing: &'static str, message: String },
}

impl EngineError {
    /// Whether the same call may succeed later.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Unavailable { .. } => true,
            Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::NoSuchImage { .. }
            | Self::SubnetOverlap { .. }
            | Self::OutOfSpace
            | Self::Refused { .. }
            | Self::BuildFailed { .. }
            | Self::Other { .. } => false,
        }
    }
}
