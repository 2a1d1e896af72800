//! Where the bytes of files come from: memory for small ones, this machine's disk or the store for large ones.
//!
//! The cache is keyed by digest, so the same file in a hundred deployments is kept once, and no deployment can ever be shown
//! another one's file: who knows the digest has the file. Several visitors who ask for a file that is not there yet wait for
//! one fetch.

use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use moka::future::Cache;
use pierhead_model::digest::Digest;
use pierhead_wire::{BlobChannel, BlobError};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::body::{Body, BodyError};
use crate::error_page::Notice;
use crate::file_queue::{FileBody, FileQueue};

/// Files up to this share of the cache are kept in it.
const LARGEST_SHARE: u64 = 16;
/// What an entry takes beside its bytes.
const ENTRY_OVERHEAD: u32 = 200;
/// Files from this size on are sent by the kernel; for smaller ones copying costs less than the second call.
const SENT_BY_KERNEL: u64 = 8 * 1024;
/// Files that are kept open, and for how long without a request.
const OPEN_FILES: u64 = 1000;
const OPEN_FOR: Duration = Duration::from_secs(60);
/// Read from disk at once.
const PIECE: usize = 128 * 1024;

/// Why a file's bytes are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    #[error("the store does not answer")]
    Unavailable(#[source] Arc<BlobError>),
    #[error("the blob is not stored as it should be")]
    Broken(#[source] Arc<BlobError>),
    #[error("the blob {digest} has {actual} bytes where the manifest says {expected}")]
    OtherSize { digest: Digest, expected: u64, actual: u64 },
}

impl ContentError {
    fn of(error: Arc<BlobError>) -> Self {
        if error.retryable() { Self::Unavailable(error) } else { Self::Broken(error) }
    }

    pub(super) const fn notice(&self) -> Notice {
        match self {
            Self::Unavailable(_) => Notice::SITE_UNAVAILABLE,
            Self::Broken(_) | Self::OtherSize { .. } => Notice::SITE_BROKEN,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Contents {
    blobs: Arc<dyn BlobChannel>,
    cache: Cache<Digest, Bytes>,
    /// Blobs never change, so a file that is open is as good as its name.
    open: moka::sync::Cache<Digest, Arc<std::fs::File>>,
    largest: u64,
}

/// The files, and the way on which the kernel may send one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shelf<'a> {
    pub(crate) contents: &'a Contents,
    /// Of a connection that allows it.
    pub(crate) queue: Option<&'a Arc<FileQueue>>,
}

impl Shelf<'_> {
    /// The bytes of a file, or a range of them that lies within `size`.
    pub(super) async fn body(
        &self,
        digest: Digest,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Body, ContentError> {
        if let Some(queue) = self.queue
            && size >= SENT_BY_KERNEL
            && let Some(file) = self.contents.opened(digest, size).await
        {
            let part = range.unwrap_or(0..size);
            let (queue, length) = (Arc::clone(queue), part.end - part.start);
            return Ok(Body::file(FileBody::new(queue, file, part.start, length)));
        }
        if size <= self.contents.largest {
            let bytes = self.contents.whole(digest, size).await?;
            let part = range
                .and_then(|range| Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?));
            return Ok(Body::whole(part.map_or_else(|| bytes.clone(), |part| bytes.slice(part))));
        }
        Box::pin(self.contents.large(digest, size, range)).await
    }
}

impl Contents {
    pub(crate) fn new(blobs: Arc<dyn BlobChannel>, cache_bytes: u64) -> Self {
        let weigh = |_: &Digest, bytes: &Bytes| {
            u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(ENTRY_OVERHEAD)
        };
        let cache = Cache::builder().max_capacity(cache_bytes).weigher(weigh).build();
        let open = moka::sync::Cache::builder().max_capacity(OPEN_FILES).time_to_idle(OPEN_FOR).build();
        Self { blobs, cache, open, largest: cache_bytes / LARGEST_SHARE }
    }

    /// A manifest: whole, and not kept here because it is kept in another form.
    pub(super) async fn manifest(&self, digest: Digest) -> Result<Bytes, ContentError> {
        self.blobs.get(digest).await.map_err(|error| ContentError::of(Arc::new(error)))
    }

    /// All bytes of a small file.
    pub(super) async fn whole(&self, digest: Digest, size: u64) -> Result<Bytes, ContentError> {
        let bytes = match self.cache.get(&digest).await {
            Some(bytes) => bytes,
            None => Box::pin(self.cache.try_get_with(digest, self.blobs.get(digest)))
                .await
                .map_err(ContentError::of)?,
        };
        let actual = bytes.len() as u64;
        if actual != size {
            return Err(ContentError::OtherSize { digest, expected: size, actual });
        }
        Ok(bytes)
    }

    /// The file of a blob on this machine's disk, if it is there and whole.
    async fn opened(&self, digest: Digest, size: u64) -> Option<Arc<std::fs::File>> {
        if let Some(file) = self.open.get(&digest) {
            return Some(file);
        }
        Box::pin(self.open(digest, size)).await
    }

    async fn open(&self, digest: Digest, size: u64) -> Option<Arc<std::fs::File>> {
        let file = fs_err::tokio::File::open(self.blobs.local_path(digest)?).await.ok()?;
        let metadata = file.metadata().await.ok().filter(|metadata| metadata.is_file());
        if metadata.is_none_or(|metadata| metadata.len() != size) {
            return None;
        }
        let file = Arc::new(file.into_parts().0.into_std().await);
        self.open.insert(digest, Arc::clone(&file));
        Some(file)
    }

    async fn large(
        &self,
        digest: Digest,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Body, ContentError> {
        let part = range.clone().unwrap_or(0..size);
        let length = part.end - part.start;
        if let Some(body) = self.read_from_disk(digest, &part, length).await {
            return Ok(body);
        }
        let stream =
            self.blobs.stream(digest, range).await.map_err(|error| ContentError::of(Arc::new(error)))?;
        Ok(Body::stream(stream.map_err(|error| BodyError::File(Box::new(error))).boxed(), length))
    }

    /// From this machine's disk. What fails there can still come from the store.
    async fn read_from_disk(&self, digest: Digest, part: &Range<u64>, length: u64) -> Option<Body> {
        let path = self.blobs.local_path(digest)?;
        let mut file = fs_err::tokio::File::open(path).await.ok()?;
        if part.start > 0 {
            file.seek(SeekFrom::Start(part.start)).await.ok()?;
        }
        let pieces = ReaderStream::with_capacity(file.take(length), PIECE);
        Some(Body::stream(pieces.map_err(|error| BodyError::File(Box::new(error))).boxed(), length))
    }
}
