//! Blobs in memory, which count what is stored.

use std::collections::HashMap;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_wire::{BlobChannel, BlobError};

#[derive(Debug, Default)]
pub(crate) struct MemoryBlobs {
    blobs: Mutex<HashMap<Digest, Bytes>>,
}

impl MemoryBlobs {
    pub(crate) fn count(&self) -> usize {
        self.blobs.lock().len()
    }
}

#[async_trait]
impl BlobChannel for MemoryBlobs {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        let blobs = self.blobs.lock();
        Ok(digests.iter().filter(|digest| !blobs.contains_key(digest)).copied().collect())
    }

    async fn put(&self, digest: Digest, content: Bytes) -> Result<(), BlobError> {
        assert_eq!(Digest::of(&content), digest);
        self.blobs.lock().insert(digest, content);
        Ok(())
    }

    async fn put_file(&self, digest: Digest, file: PathBuf) -> Result<(), BlobError> {
        self.put(digest, fs_err::read(file).unwrap().into()).await
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        self.blobs.lock().get(&digest).cloned().ok_or(BlobError::NotFound(digest))
    }

    async fn stream(
        &self,
        digest: Digest,
        _range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let content = self.get(digest).await?;
        Ok(futures::stream::iter([Ok(content)]).boxed())
    }

    fn local_path(&self, _digest: Digest) -> Option<PathBuf> {
        None
    }
}
