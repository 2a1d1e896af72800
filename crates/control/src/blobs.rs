//! The blob store as nodes and ingresses see it when they share a process with the control plane.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use pierhead_model::digest::Digest;
use pierhead_store::{BlobStore, StoreError};
use pierhead_wire::{BlobChannel, BlobError};

/// Hands calls to the store.
#[derive(Debug, Clone)]
pub struct StoredBlobs(pub BlobStore);

#[async_trait]
impl BlobChannel for StoredBlobs {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        self.0.missing(digests).await.map_err(|error| from_store(error, None))
    }

    async fn put(&self, digest: Digest, content: Bytes) -> Result<(), BlobError> {
        let actual = Digest::of(&content);
        if actual != digest {
            return Err(BlobError::Corrupt { expected: digest, actual });
        }
        self.0.put(digest, content).await.map_err(|error| from_store(error, Some(digest)))
    }

    async fn put_file(&self, digest: Digest, file: PathBuf) -> Result<(), BlobError> {
        self.0.put_file(digest, &file).await.map_err(|error| from_store(error, Some(digest)))
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        self.0.get(digest).await.map_err(|error| from_store(error, Some(digest)))
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let pieces = self.0.stream(digest, range).await.map_err(|error| from_store(error, Some(digest)))?;
        Ok(pieces.map(move |piece| piece.map_err(|error| from_store(error, Some(digest)))).boxed())
    }

    fn local_path(&self, digest: Digest) -> Option<PathBuf> {
        self.0.local_path(digest)
    }
}

fn from_store(error: StoreError, digest: Option<Digest>) -> BlobError {
    match (error, digest) {
        (StoreError::NotFound { .. }, Some(digest)) => BlobError::NotFound(digest),
        (StoreError::OutOfSpace { .. }, _) => BlobError::OutOfSpace,
        (error, _) => BlobError::Unavailable { reason: error.to_string() },
    }
}
