//! A blob store in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_wire::{BlobChannel, BlobError};

#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<Digest, Bytes>>);

#[async_trait]
impl BlobChannel for Memory {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        let blobs = self.0.lock();
        Ok(digests.iter().filter(|digest| !blobs.contains_key(digest)).copied().collect())
    }

    async fn put(&self, digest: Digest, content: Bytes) -> Result<(), BlobError> {
        let actual = Digest::of(&content);
        if actual != digest {
            return Err(BlobError::Corrupt { expected: digest, actual });
        }
        self.0.lock().insert(digest, content);
        Ok(())
    }

    async fn put_file(&self, digest: Digest, file: PathBuf) -> Result<(), BlobError> {
        self.put(digest, std::fs::read(file).unwrap().into()).await
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        self.0.lock().get(&digest).cloned().ok_or(BlobError::NotFound(digest))
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let content = self.get(digest).await?;
        let range = range.map_or(0..content.len(), |range| {
            let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(content.len());
            usize::try_from(range.start).unwrap()..end
        });
        let pieces: Vec<_> =
            content.slice(range).chunks(4096).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
        Ok(futures::stream::iter(pieces).boxed())
    }

    fn local_path(&self, _: Digest) -> Option<PathBuf> {
        None
    }
}
