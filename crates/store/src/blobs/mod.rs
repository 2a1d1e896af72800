//! Blobs: bytes by their digest, on local disk or wherever `object_store` reaches.
//!
//! A blob is durable when `put` returns (written beside, synced, renamed). Content is checked against its digest before it is
//! stored, so a blob that is there is right. Two writers of one digest write the same bytes and do not disturb each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, WriteMultipart};
use pierhead_model::crash_point;
use pierhead_model::digest::Digest;

use crate::StoreError;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    store: Arc<dyn ObjectStore>,
    /// Where the blobs lie, when that is this machine's disk.
    root: Option<PathBuf>,
}

impl BlobStore {
    /// Opens the blobs below a folder of this machine.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let doing = "opening the blob store";
        fs_err::tokio::create_dir_all(root).await.map_err(|error| StoreError::from_io(doing, error))?;
        let local = LocalFileSystem::new_with_prefix(root).map_err(|error| from_object(doing, error))?;
        Ok(Self { store: Arc::new(local.with_fsync(true)), root: Some(root.to_owned()) })
    }

    pub async fn contains(&self, digest: Digest) -> Result<bool, StoreError> {
        match self.store.head(&location(digest)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(from_object("looking for a blob", error)),
        }
    }

    /// Those of `digests` that are not stored.
    pub async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, StoreError> {
        let mut missing = Vec::new();
        for digest in digests {
            if !self.contains(*digest).await? {
                missing.push(*digest);
            }
        }
        Ok(missing)
    }

    /// Stores `content`; refused as a conflict when it is not what `digest` says.
    pub async fn put(&self, digest: Digest, content: Bytes) -> Result<(), StoreError> {
        if Digest::of(&content) != digest {
            return Err(StoreError::Conflict { what: "blob (its content has another digest)" });
        }
        if self.contains(digest).await? {
            return Ok(());
        }
        crash_point!("store.blob.before_put");
        let stored = self.store.put(&location(digest), content.into()).await;
        stored.map(drop).map_err(|error| from_object("storing a blob", error))
    }

    /// Stores a file's content piece by piece; the digest is checked on the way.
    pub async fn put_file(&self, digest: Digest, file: &Path) -> Result<(), StoreError> {
        use sha2::Digest as _;
        use tokio::io::AsyncReadExt as _;

        let doing = "storing a blob";
        if self.contains(digest).await? {
            return Ok(());
        }
        let mut source =
            fs_err::tokio::File::open(file).await.map_err(|error| StoreError::from_io(doing, error))?;
        let upload =
            self.store.put_multipart(&location(digest)).await.map_err(|error| from_object(doing, error))?;
        let mut upload = WriteMultipart::new(upload);
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = source.read(&mut buffer).await.map_err(|error| StoreError::from_io(doing, error))?;
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
            hasher.update(piece);
            upload.write(piece);
        }
        if Digest::from_bytes(hasher.finalize().into()) != digest {
            upload.abort().await.map_err(|error| from_object(doing, error))?;
            return Err(StoreError::Conflict { what: "blob (its content has another digest)" });
        }
        upload.finish().await.map(drop).map_err(|error| from_object(doing, error))
    }

    pub async fn get(&self, digest: Digest) -> Result<Bytes, StoreError> {
        let doing = "reading a blob";
        let found = self.store.get(&location(digest)).await.map_err(|error| from_object(doing, error))?;
        found.bytes().await.map_err(|error| from_object(doing, error))
    }

    /// A blob piece by piece, optionally only a range of it.
    pub async fn stream(
        &self,
        digest: Digest,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let doing = "reading a blob";
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self
            .store
            .get_opts(&location(digest), options)
            .await
            .map_err(|error| from_object(doing, error))?;
        Ok(found.into_stream().map(move |piece| piece.map_err(|error| from_object(doing, error))).boxed())
    }

    /// The blob's file, when it lies on this machine.
    pub fn local_path(&self, digest: Digest) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join(location(digest).as_ref()))
    }

    pub async fn delete(&self, digest: Digest) -> Result<(), StoreError> {
        match self.store.delete(&location(digest)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_object("deleting a blob", error)),
        }
    }

    /// Every blob that is stored.
    pub fn list(&self) -> BoxStream<'static, Result<Digest, StoreError>> {
        self.store
            .list(None)
            .filter_map(|entry| async move {
                match entry {
                    Ok(meta) => meta.location.filename()?.parse().ok().map(Ok),
                    Err(error) => Some(Err(from_object("listing the blobs", error))),
                }
            })
            .boxed()
    }
}

/// Two characters of the digest make the folder, so that no folder gets too large.
fn location(digest: Digest) -> Location {
    let name = digest.to_hex();
    Location::from(format!("{}/{name}", name.get(..2).unwrap_or_default()))
}

fn from_object(doing: &'static str, error: Error) -> StoreError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        let full = |io: &std::io::Error| io.kind() == std::io::ErrorKind::StorageFull;
        if cause.downcast_ref::<std::io::Error>().is_some_and(full) {
            return StoreError::OutOfSpace { doing };
        }
        source = cause.source();
    }
    match error {
        Error::NotFound { .. } => StoreError::NotFound { what: "blob" },
        error => StoreError::Unavailable { doing, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn keeps_what_fits_its_digest_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(folder.path()).await.unwrap();
        let (digest, other) = (Digest::of(b"hello"), Digest::of(b"other"));
        assert!(matches!(blobs.get(digest).await, Err(StoreError::NotFound { .. })));
        blobs.put(digest, Bytes::from_static(b"hello")).await.unwrap();
        blobs.put(digest, Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(blobs.get(digest).await.unwrap(), "hello");
        assert!(blobs.put(other, Bytes::from_static(b"hello")).await.is_err());
        assert_eq!(blobs.missing(&[digest, other]).await.unwrap(), [other]);
        let part: Vec<Bytes> = blobs.stream(digest, Some(1..3)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(part.concat(), b"el");
        assert_eq!(std::fs::read(blobs.local_path(digest).unwrap()).unwrap(), b"hello");
        assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap(), [digest]);
        blobs.delete(digest).await.unwrap();
        assert!(!blobs.contains(digest).await.unwrap());
    }

    #[tokio::test]
    async fn a_file_goes_in_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(&folder.path().join("blobs")).await.unwrap();
        let content = vec![7; 1_000_000];
        let file = folder.path().join("file");
        std::fs::write(&file, &content).unwrap();
        assert!(blobs.put_file(Digest::of(b"x"), &file).await.is_err());
        blobs.put_file(Digest::of(&content), &file).await.unwrap();
        assert_eq!(blobs.get(Digest::of(&content)).await.unwrap(), content);
        assert_eq!(blobs.list().count().await, 1);
    }
}
