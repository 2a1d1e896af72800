//! What an agent or an ingress asks of the control plane, and how it is answered.

use std::net::SocketAddr;
use std::ops::Range;

use pierhead_model::digest::Digest;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::StepName;
use serde::{Deserialize, Serialize};

use crate::blob::BlobError;

/// Says of a `POST` whether content follows or a document.
pub(super) const RESULT: &str = "pierhead-result";
pub(super) const CONTENT: &str = "content";
pub(super) const DOCUMENT: &str = "document";
/// In the trailer of content that came to its end.
pub(super) const COMPLETE: &str = "pierhead-complete";
/// The largest document: a list of digests of a large site.
pub(super) const DOCUMENT_BYTES: usize = 32 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ask {
    pub(super) number: u64,
    #[serde(flatten)]
    pub(super) want: Want,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "snake_case")]
pub(super) enum Want {
    /// Those of them that are not stored.
    Missing { digests: Vec<Digest> },
    /// Its content, or a range of it.
    Content { digest: Digest, range: Option<Range<u64>> },
    /// That it is stored; its content can be fetched.
    Stored { digest: Digest, bytes: u64 },
    /// A connection to a service on the node that leads the deployment of this share.
    Leader { share: DeploymentId, service: StepName, port: u16 },
    /// A connection to a service that visitors can reach.
    Service { node: NodeId, address: SocketAddr },
}

/// The authority by which a connection that was asked for is opened: no address looks like that.
pub(super) fn authority(number: u64) -> String {
    format!("{ASKED}{number}")
}

/// The ask that a connection answers.
pub(super) fn asked(authority: &str) -> Option<u64> {
    authority.strip_prefix(ASKED)?.parse().ok()
}

const ASKED: &str = "ask-";

/// An answer that is no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    Missing {
        digests: Vec<Digest>,
    },
    Stored,
    NotFound {
        digest: Digest,
    },
    Corrupt {
        expected: Digest,
        actual: Digest,
    },
    OutOfSpace,
    Unavailable {
        reason: String,
    },
    /// A connection was refused where it leads to.
    Refused {
        reason: String,
    },
}

impl From<BlobError> for Answer {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(digest) => Self::NotFound { digest },
            BlobError::Corrupt { expected, actual } => Self::Corrupt { expected, actual },
            BlobError::OutOfSpace => Self::OutOfSpace,
            BlobError::Unavailable { reason } => Self::Unavailable { reason },
        }
    }
}

impl Answer {
    /// As the error it is, when it is one.
    pub(super) fn into_result(self) -> Result<Self, BlobError> {
        match self {
            Self::Missing { .. } | Self::Stored => Ok(self),
            Self::NotFound { digest } => Err(BlobError::NotFound(digest)),
            Self::Corrupt { expected, actual } => Err(BlobError::Corrupt { expected, actual }),
            Self::OutOfSpace => Err(BlobError::OutOfSpace),
            Self::Unavailable { reason } | Self::Refused { reason } => Err(BlobError::Unavailable { reason }),
        }
    }
}
