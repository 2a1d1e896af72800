//! How a node and an ingress read and write blobs without knowing where they are kept.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use pierhead_model::digest::Digest;

/// Why a blob could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the blob {0} is not stored")]
    NotFound(Digest),
    #[error("what arrived for the blob {expected} has the digest {actual}; it was not stored")]
    Corrupt { expected: Digest, actual: Digest },
    #[error("the blob store has no room left; free disk space and try again")]
    OutOfSpace,
    #[error("the blob store does not answer: {reason}")]
    Unavailable { reason: String },
}

impl BlobError {
    /// Whether the same call may succeed later.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::NotFound(_) | Self::Corrupt { .. } | Self::OutOfSpace => false,
        }
    }
}

/// Content-addressed reading and writing.
#[async_trait]
pub trait BlobChannel: Send + Sync + Debug {
    /// Those of `digests` that are not stored yet: only they need to travel.
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError>;

    /// Stores a blob; durable when it returns. Storing one that is there is fine.
    async fn put(&self, digest: Digest, content: Bytes) -> Result<(), BlobError>;

    /// Stores a large blob from a file without holding it in memory.
    async fn put_file(&self, digest: Digest, file: PathBuf) -> Result<(), BlobError>;

    /// A whole blob, for manifests and small files.
    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError>;

    /// A blob piece by piece, optionally only a range of bytes.
    async fn stream(
        &self,
        digest: Digest,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError>;

    /// Where the blob lies on this machine's disk, when it does: reading it there saves a copy.
    fn local_path(&self, digest: Digest) -> Option<PathBuf>;
}
