//! Layers of services on this node: kept by the digest of their manifest, mounted as they lie.
//!
//! A release's layers are stored as blobs, which is what counts; the folders here only save making them again. Dependencies
//! that an install made are kept by the key of what they were made from, so that an unchanged lock file costs nothing; such
//! a folder serves as a release's layer too, stored once as one archive.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_model::release::LayerManifest;
use pierhead_wire::{BlobChannel, BlobError};

use crate::durable;
use crate::layout::Layout;
use crate::overlay::{self, Hashed, LayerError, MaterialiseError};

/// Files stored at the same time: each waits for a disk.
const PARALLEL: usize = 32;
/// Up to this size a file is stored from memory.
const SMALL: u64 = 1 << 20;
/// Digests of one question.
const ASK: usize = 4096;

/// Why a layer could not be stored or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayersError {
    #[error("{0}")]
    Refused(LayerError),
    #[error("the blob store failed: {0}")]
    Blob(BlobError),
    #[error("the layer {digest} cannot be made again on this node: {reason}")]
    Materialise { digest: Digest, reason: MaterialiseError },
    #[error("the node's disk failed: {0}")]
    Disk(std::io::Error),
}

impl LayersError {
    pub(crate) const fn retryable(&self) -> bool {
        match self {
            Self::Blob(error) | Self::Materialise { reason: MaterialiseError::Blob(error), .. } => {
                error.retryable()
            }
            Self::Refused(_) | Self::Materialise { .. } | Self::Disk(_) => false,
        }
    }
}

/// All layers of a node.
#[derive(Debug)]
pub(crate) struct Layers {
    layers: PathBuf,
    dependencies: PathBuf,
    blobs: Arc<dyn BlobChannel>,
    /// Which dependency folder has which manifest.
    known: Mutex<HashMap<Digest, String>>,
}

impl Layers {
    pub(crate) fn open(layout: &Layout, blobs: Arc<dyn BlobChannel>) -> std::io::Result<Self> {
        let mut known = HashMap::new();
        for entry in fs_err::read_dir(layout.dependencies())? {
            let path = entry?.path();
            let key = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
            if let Some(key) = key
                && let Some(digest) = durable::read_json::<Digest>(&path)?
            {
                known.insert(digest, key.to_owned());
            }
        }
        let known = Mutex::new(known);
        Ok(Self { layers: layout.layers(), dependencies: layout.dependencies(), blobs, known })
    }

    /// The folder of dependencies with this key, if there is one.
    pub(crate) fn dependencies(&self, key: &str) -> Option<PathBuf> {
        let folder = self.dependencies.join(key);
        folder.is_dir().then_some(folder)
    }

    /// Notes that dependencies are used now, so that they are not the first to go.
    pub(crate) fn touch(&self, key: &str) {
        let folder = self.dependencies.join(key);
        let now = std::time::SystemTime::now();
        if let Err(error) = fs_err::File::open(folder).and_then(|folder| folder.file().set_modified(now)) {
            tracing::debug!(%error, "the use of dependencies was not noted");
        }
    }

    /// Keeps what an install made. An older folder of the same key is replaced only when nothing can be using it.
    pub(crate) async fn keep_dependencies(&self, key: &str, tree: PathBuf) -> std::io::Result<PathBuf> {
        let folder = self.dependencies.join(key);
        let (to, parent) = (folder.clone(), self.dependencies.clone());
        durable::blocking(move || {
            if to.is_dir() {
                fs_err::remove_dir_all(tree)?;
            } else {
                fs_err::rename(tree, &to)?;
            }
            durable::sync_folder(&parent)
        })
        .await?;
        pierhead_model::crash_point!("agent.dependencies_kept");
        Ok(folder)
    }

    /// The manifest's digest of a dependency folder, stored as one archive the first time.
    pub(crate) async fn store_dependencies(&self, key: &str) -> Result<Option<Digest>, LayersError> {
        let note = self.dependencies.join(format!("{key}.json"));
        let path = note.clone();
        let noted = durable::blocking(move || durable::read_json::<Digest>(&path))
            .await
            .map_err(LayersError::Disk)?;
        if let Some(digest) = noted
            && self.blobs.missing(&[digest]).await.map_err(LayersError::Blob)?.is_empty()
        {
            return Ok(Some(digest));
        }
        let Some(archive) = self.store_archive(self.dependencies.join(key)).await? else { return Ok(None) };
        let manifest = LayerManifest { archive: Some(archive), ..LayerManifest::default() };
        let digest = self.store_manifest(&manifest).await?;
        durable::write_json(note, &digest).await.map_err(LayersError::Disk)?;
        self.known.lock().insert(digest, key.to_owned());
        Ok(Some(digest))
    }

    /// Stores a folder as a layer and keeps it. An empty folder is no layer. Names what could not be part of it.
    pub(crate) async fn keep(&self, tree: PathBuf) -> Result<Option<(Digest, Vec<String>)>, LayersError> {
        let hashed = hash(tree.clone()).await?;
        if hashed.manifest.entries.is_empty() {
            return Ok(None);
        }
        let digest = self.store(&hashed).await?;
        let folder = self.layers.join(digest.to_hex());
        let moved = durable::blocking(move || {
            if folder.is_dir() { fs_err::remove_dir_all(tree) } else { fs_err::rename(tree, folder) }
        });
        moved.await.map_err(LayersError::Disk)?;
        pierhead_model::crash_point!("agent.layer_kept");
        Ok(Some((digest, hashed.skipped)))
    }

    /// The folder of a layer when it lies on this node.
    pub(crate) fn local(&self, digest: Digest) -> Option<PathBuf> {
        let folder = self.layers.join(digest.to_hex());
        if folder.is_dir() {
            return Some(folder);
        }
        let key = self.known.lock().get(&digest).cloned()?;
        self.dependencies(&key)
    }

    /// The folder of a layer, made from blobs when it is not here.
    pub(crate) async fn folder(&self, digest: Digest) -> Result<PathBuf, LayersError> {
        if let Some(local) = self.local(digest) {
            return Ok(local);
        }
        let folder = self.layers.join(digest.to_hex());
        let content = self.blobs.get(digest).await.map_err(LayersError::Blob)?;
        let failed = |reason| LayersError::Materialise { digest, reason };
        let manifest: LayerManifest = serde_json::from_slice(&content)
            .map_err(|error| failed(MaterialiseError::Write(std::io::Error::other(error))))?;
        let beside = tempfile::tempdir_in(&self.layers).map_err(LayersError::Disk)?;
        let tree = beside.path().join("tree");
        overlay::materialise(self.blobs.as_ref(), &manifest, &tree).await.map_err(failed)?;
        match fs_err::rename(&tree, &folder) {
            // Another deployment made it at the same time.
            Err(_) if folder.is_dir() => {}
            result => result.map_err(LayersError::Disk)?,
        }
        Ok(folder)
    }

    /// Stores the files that are missing, then the manifest, so that a manifest never names what is not there.
    async fn store(&self, hashed: &Hashed) -> Result<Digest, LayersError> {
        store_files(self.blobs.as_ref(), &hashed.files).await.map_err(LayersError::Blob)?;
        self.store_manifest(&hashed.manifest).await
    }

    /// Packs a tree into one blob; `None` when there is nothing in it.
    async fn store_archive(&self, tree: PathBuf) -> Result<Option<Digest>, LayersError> {
        let parent = self.dependencies.clone();
        let packed = durable::blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            let any = overlay::pack(&tree, file.as_file_mut())?;
            let digest = overlay::hash_file(file.path())?;
            Ok(any.then_some((file, digest)))
        });
        let Some((file, digest)) = packed.await.map_err(LayersError::Disk)? else { return Ok(None) };
        self.blobs.put_file(digest, file.path().to_path_buf()).await.map_err(LayersError::Blob)?;
        Ok(Some(digest))
    }

    async fn store_manifest(&self, manifest: &LayerManifest) -> Result<Digest, LayersError> {
        let manifest = serde_json::to_vec(manifest).map_err(|error| LayersError::Disk(error.into()))?;
        let digest = Digest::of(&manifest);
        self.blobs.put(digest, manifest.into()).await.map_err(LayersError::Blob)?;
        Ok(digest)
    }
}

async fn hash(tree: PathBuf) -> Result<Hashed, LayersError> {
    let hashed = tokio::task::spawn_blocking(move || overlay::manifest_of(&tree)).await;
    hashed.map_err(|error| LayersError::Disk(std::io::Error::other(error)))?.map_err(LayersError::Refused)
}

/// Stores those files that are not stored yet, many at a time, and says how many they were.
pub(crate) async fn store_files(
    blobs: &dyn BlobChannel,
    files: &HashMap<Digest, PathBuf>,
) -> Result<usize, BlobError> {
    let digests: Vec<_> = files.keys().copied().collect();
    let mut missing = Vec::new();
    for some in digests.chunks(ASK) {
        missing.extend(blobs.missing(some).await?);
    }
    let count = missing.len();
    let pairs = missing.iter().filter_map(|digest| Some((*digest, files.get(digest)?.clone())));
    let storing: Vec<_> = pairs.map(|(digest, path)| store_file(blobs, digest, path)).collect();
    futures::stream::iter(storing).buffer_unordered(PARALLEL).try_collect::<()>().await?;
    Ok(count)
}

async fn store_file(blobs: &dyn BlobChannel, digest: Digest, path: PathBuf) -> Result<(), BlobError> {
    let unreadable = |error: std::io::Error| BlobError::Unavailable { reason: error.to_string() };
    let size = fs_err::symlink_metadata(&path).map_err(unreadable)?.len();
    if size > SMALL {
        return blobs.put_file(digest, path).await;
    }
    let content = fs_err::tokio::read(path).await.map_err(unreadable)?;
    blobs.put(digest, content.into()).await
}
