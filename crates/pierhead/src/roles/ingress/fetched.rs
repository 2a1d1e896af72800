//! Files of sites on a machine that has no blobs of its own: fetched once, kept on disk by their digest.
//!
//! Small ones are fetched whole before they are served; a large one is passed on as it comes while it is fetched beside, so that its
//! first visitor need not wait for all of it. What was not used for longest makes room. Nobody waits for a control plane that is
//! away: what is not kept is then not there.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use pierhead_control::StoredBlobs;
use pierhead_model::digest::Digest;
use pierhead_store::BlobStore;
use pierhead_wire::{BlobChannel, BlobError};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OnceCell;

/// For the next piece of what is fetched.
const PATIENCE: Duration = Duration::from_secs(10);
/// When it is full, this many hundredths of what it may take are kept.
const KEPT_PERCENT: u64 = 90;
/// No single file takes more than this part of it.
const LARGEST_SHARE: u64 = 4;

/// Where files come from that are not kept.
pub(super) trait Source: BlobChannel {
    /// Whether there is somebody to ask now.
    fn is_there(&self) -> bool;
}

impl Source for pierhead_wire::streams::RemoteBlobs {
    fn is_there(&self) -> bool {
        self.is_connected()
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Fetched(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: StoredBlobs,
    store: BlobStore,
    folder: PathBuf,
    from: Arc<dyn Source>,
    budget: u64,
    shelf: Mutex<Shelf>,
    /// What is being fetched: who wants the same waits for it.
    fetching: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
}

/// What is kept, and when it was used.
#[derive(Debug, Default)]
struct Shelf {
    files: HashMap<Digest, File>,
    bytes: u64,
    /// Counts the uses.
    clock: u64,
}

#[derive(Debug, Clone, Copy)]
struct File {
    bytes: u64,
    used: u64,
}

impl Shelf {
    /// Whether it is there; it was used then.
    fn takes(&mut self, digest: Digest) -> bool {
        self.clock += 1;
        let clock = self.clock;
        self.files.get_mut(&digest).is_some_and(|file| {
            file.used = clock;
            true
        })
    }

    /// Puts a file there. What has to go for it is returned.
    fn put(&mut self, digest: Digest, bytes: u64, budget: u64) -> Vec<Digest> {
        self.clock += 1;
        let file = File { bytes, used: self.clock };
        self.bytes += bytes - self.files.insert(digest, file).map_or(0, |earlier| earlier.bytes);
        if self.bytes <= budget {
            return Vec::new();
        }
        let mut by_use: Vec<(u64, Digest)> =
            self.files.iter().map(|(digest, file)| (file.used, *digest)).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        let mut gone = Vec::new();
        for (_, digest) in by_use {
            if self.bytes <= budget / 100 * KEPT_PERCENT {
                break;
            }
            self.forget(digest);
            gone.push(digest);
        }
        gone
    }

    fn forget(&mut self, digest: Digest) {
        if let Some(file) = self.files.remove(&digest) {
            self.bytes -= file.bytes;
        }
    }
}

impl Fetched {
    /// Opens what was kept in a folder. Of a fetch that was cut nothing is left.
    pub(super) async fn open(folder: &Path, budget: u64, from: Arc<dyn Source>) -> anyhow::Result<Self> {
        let beside = folder.join("fetching");
        match fs_err::tokio::remove_dir_all(&beside).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        fs_err::tokio::create_dir_all(&beside).await?;
        let store = BlobStore::open(&folder.join("blobs")).await?;
        let mut shelf = Shelf::default();
        let mut gone = Vec::new();
        let mut found = store.list();
        while let Some(digest) = found.next().await {
            let digest = digest?;
            let Some(path) = store.local_path(digest) else { continue };
            let bytes = fs_err::tokio::metadata(path).await?.len();
            gone.extend(shelf.put(digest, bytes, budget));
        }
        drop(found);
        let inner = Inner {
            kept: StoredBlobs(store.clone()),
            store,
            folder: beside,
            from,
            budget,
            shelf: Mutex::new(shelf),
            fetching: Mutex::default(),
        };
        inner.remove(gone).await;
        Ok(Self(Arc::new(inner)))
    }

    /// Whether a blob is kept, after it was fetched if need be.
    async fn fetch(&self, digest: Digest) -> Result<(), BlobError> {
        let inner = &self.0;
        if inner.shelf.lock().takes(digest) {
            return Ok(());
        }
        let cell = Arc::clone(inner.fetching.lock().entry(digest).or_default());
        let fetched = cell.get_or_try_init(|| inner.fetch(digest)).await.map(drop);
        let mut fetching = inner.fetching.lock();
        if fetching.get(&digest).is_some_and(|current| Arc::ptr_eq(current, &cell)) {
            fetching.remove(&digest);
        }
        fetched
    }
}

impl Inner {
    async fn fetch(&self, digest: Digest) -> Result<(), BlobError> {
        if self.shelf.lock().takes(digest) {
            return Ok(());
        }
        let unwritable = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => BlobError::OutOfSpace,
            _ => BlobError::Unavailable { reason: error.to_string() },
        };
        let file = tempfile::NamedTempFile::new_in(&self.folder).map_err(unwritable)?;
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(unwritable)?);
        let (mut pieces, mut bytes) = (self.stream(digest, None).await?, 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            bytes += piece.len() as u64;
            if bytes > self.budget / LARGEST_SHARE {
                let reason = format!("the blob {digest} is too large to be kept here");
                return Err(BlobError::Unavailable { reason });
            }
            writer.write_all(&piece).await.map_err(unwritable)?;
        }
        writer.flush().await.map_err(unwritable)?;
        // It is checked on the way in: nothing is kept that is not what its digest says.
        self.kept.put_file(digest, file.path().to_owned()).await?;
        let gone = self.shelf.lock().put(digest, bytes, self.budget);
        self.remove(gone).await;
        Ok(())
    }

    /// From the control plane, which must not let anybody wait.
    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        if !self.from.is_there() {
            return Err(away());
        }
        let begun = tokio::time::timeout(PATIENCE, self.from.stream(digest, range)).await;
        let pieces = begun.map_err(|_| away())??;
        let patient = futures::stream::unfold(Some(pieces), |pieces| async {
            let mut pieces = pieces?;
            match tokio::time::timeout(PATIENCE, pieces.next()).await {
                Ok(piece) => Some((piece?, Some(pieces))),
                Err(_) => Some((Err(away()), None)),
            }
        });
        Ok(patient.boxed())
    }

    async fn remove(&self, gone: Vec<Digest>) {
        for digest in gone {
            if let Err(error) = self.store.delete(digest).await {
                tracing::warn!(%digest, %error, "a file that is not kept any more cannot be removed");
            }
        }
    }
}

fn away() -> BlobError {
    BlobError::Unavailable { reason: "the control plane is away, and the file is not kept here".to_owned() }
}

#[async_trait]
impl BlobChannel for Fetched {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        self.0.kept.missing(digests).await
    }

    async fn put(&self, _: Digest, _: Bytes) -> Result<(), BlobError> {
        Err(BlobError::Unavailable { reason: "an ingress only reads".to_owned() })
    }

    async fn put_file(&self, _: Digest, _: PathBuf) -> Result<(), BlobError> {
        Err(BlobError::Unavailable { reason: "an ingress only reads".to_owned() })
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        match self.fetch(digest).await {
            Ok(()) => {}
            // A disk that is full is no reason not to serve it.
            Err(BlobError::OutOfSpace) if self.0.from.is_there() => {
                let got = tokio::time::timeout(PATIENCE, self.0.from.get(digest)).await;
                return got.unwrap_or_else(|_| Err(away()));
            }
            Err(error) => return Err(error),
        }
        let got = self.0.kept.get(digest).await;
        if got.is_err() {
            self.0.shelf.lock().forget(digest);
        }
        got
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        if self.0.shelf.lock().takes(digest) {
            return self.0.kept.stream(digest, range).await;
        }
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = this.fetch(digest).await {
                tracing::debug!(%digest, %error, "a file is not kept");
            }
        });
        self.0.stream(digest, range).await
    }

    fn local_path(&self, digest: Digest) -> Option<PathBuf> {
        self.0.shelf.lock().takes(digest).then(|| self.0.kept.local_path(digest))?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// A control plane that counts what it is asked for, and may be away.
    #[derive(Debug, Default)]
    struct Far {
        blobs: HashMap<Digest, Bytes>,
        asked: AtomicUsize,
        is_away: AtomicBool,
        lies: bool,
    }

    impl Far {
        fn with(contents: &[&'static [u8]]) -> Self {
            let blobs = contents.iter().map(|it| (Digest::of(it), Bytes::from_static(it))).collect();
            Self { blobs, ..Self::default() }
        }
    }

    impl Source for Far {
        fn is_there(&self) -> bool {
            !self.is_away.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl BlobChannel for Far {
        async fn missing(&self, _: &[Digest]) -> Result<Vec<Digest>, BlobError> {
            Ok(Vec::new())
        }

        async fn put(&self, _: Digest, _: Bytes) -> Result<(), BlobError> {
            Err(BlobError::OutOfSpace)
        }

        async fn put_file(&self, _: Digest, _: PathBuf) -> Result<(), BlobError> {
            Err(BlobError::OutOfSpace)
        }

        async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
            self.blobs.get(&digest).cloned().ok_or(BlobError::NotFound(digest))
        }

        async fn stream(
            &self,
            digest: Digest,
            range: Option<Range<u64>>,
        ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let whole =
                if self.lies { Bytes::from_static(b"something else") } else { self.get(digest).await? };
            let part = match range {
                Some(range) => whole.slice(range.start as usize..range.end as usize),
                None => whole,
            };
            Ok(futures::stream::iter([Ok(part)]).boxed())
        }

        fn local_path(&self, _: Digest) -> Option<PathBuf> {
            None
        }
    }

    async fn open(folder: &Path, far: &Arc<Far>, budget: u64) -> Fetched {
        Fetched::open(folder, budget, Arc::<Far>::clone(far)).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_fetched_once_and_is_there_when_nobody_else_is_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let far = Arc::new(Far::with(&[b"hello", b"other"]));
        let (hello, other) = (Digest::of(b"hello"), Digest::of(b"other"));
        let fetched = open(folder.path(), &far, 1 << 20).await;
        let all = futures::future::join_all((0..20).map(|_| fetched.get(hello))).await;
        assert!(all.iter().all(|got| got.as_ref().is_ok_and(|got| got == "hello")));
        assert_eq!(far.asked.load(Ordering::SeqCst), 1, "twenty visitors, one fetch");
        far.is_away.store(true, Ordering::SeqCst);
        assert!(matches!(fetched.get(other).await, Err(BlobError::Unavailable { .. })));
        drop(fetched);
        let again = open(folder.path(), &far, 1 << 20).await;
        assert_eq!(again.get(hello).await.unwrap(), "hello");
        assert!(again.local_path(hello).unwrap().is_file());
        assert_eq!(again.local_path(other), None);
        far.is_away.store(false, Ordering::SeqCst);
        assert!(matches!(again.get(Digest::of(b"nothing")).await, Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn what_is_not_what_its_digest_says_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let far = Arc::new(Far { lies: true, ..Far::with(&[b"hello"]) });
        let fetched = open(folder.path(), &far, 1 << 20).await;
        assert!(fetched.get(Digest::of(b"hello")).await.is_err());
        assert_eq!(fetched.local_path(Digest::of(b"hello")), None);
    }

    #[tokio::test]
    async fn a_stream_begins_before_the_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let far = Arc::new(Far::with(&[b"hello"]));
        let fetched = open(folder.path(), &far, 1 << 20).await;
        let hello = Digest::of(b"hello");
        let part: Vec<_> = fetched.stream(hello, Some(1..3)).await.unwrap().collect().await;
        assert_eq!(part.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), b"el");
        while fetched.local_path(hello).is_none() {
            tokio::task::yield_now().await;
        }
        far.is_away.store(true, Ordering::SeqCst);
        let whole: Vec<_> = fetched.stream(hello, None).await.unwrap().collect().await;
        assert_eq!(whole.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), b"hello");
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut shelf = Shelf::default();
        let digest = |number: u8| Digest::of(&[number]);
        for number in 0..10 {
            assert_eq!(shelf.put(digest(number), 100, 1000), []);
        }
        assert!(shelf.takes(digest(0)));
        assert_eq!(shelf.put(digest(10), 100, 1000), [digest(1), digest(2)]);
        assert_eq!(shelf.bytes, 900);
        assert!(shelf.takes(digest(0)) && !shelf.takes(digest(1)));
        // The same once more takes no more room.
        assert_eq!(shelf.put(digest(10), 100, 1000), []);
        assert_eq!(shelf.bytes, 900);
    }
}
