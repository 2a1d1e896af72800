//! Why an engine call failed, in variants a caller can act on.
//!
//! `Display` says what happened, to what, and what to do; the engine's own words are the `source`, except in
//! [`Error::Refused`] and [`Error::Conflict`], where they are the only explanation there is. Errors are `Clone`,
//! so that one failure can be handed to several waiters and injected by the simulated driver.

use std::{fmt, sync::Arc, time::Duration};

use ipnet::Ipv4Net;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The underlying failure, shared because errors are cloned.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// The kind of object an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Object {
    Container,
    Image,
    Network,
    Volume,
    Path,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Path => "path",
        })
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The object does not exist (any more).
    #[error("there is no {object} `{name}`; it was removed or never created")]
    NotFound { object: Object, name: String },
    /// The object exists, and its state does not allow this: removing what runs or is in use.
    #[error("the {object} `{name}` is not in a state for this: {reason}; change its state first")]
    Conflict { object: Object, name: String, reason: String },
    /// The name belongs to an object made from another spec.
    #[error(
        "the name of the {object} `{name}` is taken by one with another spec; remove that one or choose another name"
    )]
    NameTaken { object: Object, name: String },
    /// A container or build names an image this engine does not have.
    #[error("the image `{image}` is not on this node; build, import or load it first")]
    NoSuchImage { image: String },
    /// The engine does not answer: not running, starting, or its socket refuses us.
    #[error(
        "the container engine cannot be reached for {operation}; check that it runs and that its socket is readable"
    )]
    Unavailable {
        operation: &'static str,
        #[source]
        cause: Option<Cause>,
    },
    /// The engine did not finish in time. What it was asked to do may still happen.
    #[error("{operation} did not finish within {after:?}; look at the object again before repeating")]
    Timeout { operation: &'static str, after: Duration },
    /// The engine's disk is full.
    #[error("the engine's disk is full, so {operation} failed; remove images or containers, then retry")]
    OutOfSpace { operation: &'static str },
    /// Another network on this node already covers part of the subnet.
    #[error("the subnet {subnet} overlaps another network of this node; choose another subnet")]
    SubnetOverlap { subnet: Ipv4Net },
    /// The request itself is wrong: repeating it gives the same answer.
    #[error("refused: {reason}")]
    Refused { reason: String },
    /// Anything without a better variant; the cause has the engine's words.
    #[error("{operation} failed in the container engine; its answer is the cause of this error")]
    Other {
        operation: &'static str,
        #[source]
        cause: Option<Cause>,
    },
}

impl Error {
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub fn not_found(object: Object, name: impl Into<String>) -> Self {
        Self::NotFound { object, name: name.into() }
    }

    pub fn conflict(object: Object, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Conflict { object, name: name.into(), reason: reason.into() }
    }

    /// Whether the same call, unchanged, can succeed later without anybody acting on the objects involved.
    ///
    /// `OutOfSpace` is not: without somebody making room, repeating only fills more of the disk.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Timeout { .. } | Self::Other { .. } => true,
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::NameTaken { .. }
            | Self::NoSuchImage { .. }
            | Self::OutOfSpace { .. }
            | Self::SubnetOverlap { .. }
            | Self::Refused { .. } => false,
        }
    }

    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_repeated() {
        let yes = [
            Error::Unavailable { operation: "start", cause: None },
            Error::Timeout { operation: "start", after: Duration::from_secs(1) },
            Error::Other { operation: "start", cause: None },
        ];
        let no = [
            Error::not_found(Object::Container, "a"),
            Error::conflict(Object::Network, "a", "in use"),
            Error::NameTaken { object: Object::Container, name: "a".into() },
            Error::NoSuchImage { image: "a".into() },
            Error::OutOfSpace { operation: "build" },
            Error::refused("no"),
        ];
        assert!(yes.iter().all(Error::retryable));
        assert!(!no.iter().any(Error::retryable));
    }

    #[test]
    fn display_leaves_the_cause_to_source() {
        let cause: Cause = Arc::new(std::io::Error::other("socket details"));
        let error = Error::Unavailable { operation: "list", cause: Some(cause) };
        assert!(!error.to_string().contains("socket details"));
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("socket details"));
    }
}
