//! A layer's folder made again from its manifest and blobs, on a node that does not have it.
//!
//! The manifest comes from the control plane's blob store, but it was made from a stranger's files on some node: paths are
//! checked, parents must be folders of the same manifest, and what is written never goes through a link.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use pierhead_model::digest::Digest;
use pierhead_model::release::{LayerEntry, LayerManifest};
use pierhead_wire::{BlobChannel, BlobError};
use tokio::io::AsyncWriteExt;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{give_to_app, make_app_folder, make_opaque, make_whiteout, unpack};
use crate::durable;

/// Files fetched at the same time.
const PARALLEL: usize = 32;

/// Why a layer could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaterialiseError {
    #[error("the layer's manifest names `{0}`, which is not a path below it")]
    Path(String),
    #[error("a file of the layer cannot be fetched")]
    Blob(#[source] BlobError),
    #[error("the layer cannot be written")]
    Write(#[source] std::io::Error),
}

/// Makes the folder `root`, which must not exist, hold what the manifest says.
pub(crate) async fn materialise(
    blobs: &dyn BlobChannel,
    manifest: &LayerManifest,
    root: &Path,
) -> Result<(), MaterialiseError> {
    if let Some(archive) = manifest.archive {
        return unpack_archive(blobs, archive, root).await;
    }
    make_app_folder(root).map_err(MaterialiseError::Write)?;
    let mut files = Vec::new();
    // Keys are sorted, so a folder comes before what is in it.
    for (key, entry) in &manifest.entries {
        check(manifest, key)?;
        let path = root.join(key);
        let made = match entry {
            LayerEntry::Directory { opaque } => {
                make_app_folder(&path).and_then(|()| if *opaque { make_opaque(&path) } else { Ok(()) })
            }
            LayerEntry::Symlink { target } => symlink(target, &path).and_then(|()| give_to_app(&path)),
            LayerEntry::Whiteout => make_whiteout(&path),
            LayerEntry::File { digest, executable, .. } => {
                files.push((path, *digest, *executable));
                Ok(())
            }
        };
        made.map_err(MaterialiseError::Write)?;
    }
    let writing: Vec<_> = files
        .into_iter()
        .map(|(path, digest, executable)| write_file(blobs, path, digest, executable))
        .collect();
    futures::stream::iter(writing).buffer_unordered(PARALLEL).try_collect::<()>().await
}

/// Unpacked while it arrives.
async fn unpack_archive(
    blobs: &dyn BlobChannel,
    archive: Digest,
    root: &Path,
) -> Result<(), MaterialiseError> {
    let pieces = blobs.stream(archive, None).await.map_err(MaterialiseError::Blob)?;
    let reader = StreamReader::new(pieces.map_err(std::io::Error::other));
    let root = root.to_path_buf();
    let reader = SyncIoBridge::new(reader);
    durable::blocking(move || unpack(reader, &root)).await.map_err(MaterialiseError::Write)
}

async fn write_file(
    blobs: &dyn BlobChannel,
    path: PathBuf,
    digest: Digest,
    executable: bool,
) -> Result<(), MaterialiseError> {
    let mut pieces = blobs.stream(digest, None).await.map_err(MaterialiseError::Blob)?;
    let mut file = fs_err::tokio::File::create_new(&path).await.map_err(MaterialiseError::Write)?;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(MaterialiseError::Blob)?;
        file.write_all(&piece).await.map_err(MaterialiseError::Write)?;
    }
    file.flush().await.map_err(MaterialiseError::Write)?;
    let mode = if executable { 0o755 } else { 0o644 };
    let finish =
        fs_err::set_permissions(&path, PermissionsExt::from_mode(mode)).and_then(|()| give_to_app(&path));
    finish.map_err(MaterialiseError::Write)
}

fn check(manifest: &LayerManifest, key: &str) -> Result<(), MaterialiseError> {
    let bad_part = |part: &str| matches!(part, "" | "." | "..");
    let parent_is_folder = match key.rsplit_once('/') {
        Some((parent, _)) => matches!(manifest.entries.get(parent), Some(LayerEntry::Directory { .. })),
        None => true,
    };
    if key.split('/').any(bad_part) || key.contains('\0') || !parent_is_folder {
        return Err(MaterialiseError::Path(key.chars().take(200).collect()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let link = LayerEntry::Symlink { target: "/etc".into() };
        let entries = BTreeMap::from([
            ("link".to_owned(), link),
            ("link/passwd".to_owned(), LayerEntry::Whiteout),
            ("folder".to_owned(), LayerEntry::Directory { opaque: false }),
        ]);
        let manifest = LayerManifest { entries, archive: None };
        for bad in ["link/passwd", "../x", "/etc/x", "folder/../x", "folder//x", "", "no/x", "folder/\0"] {
            assert!(check(&manifest, bad).is_err(), "{bad}");
        }
        for good in ["link", "folder", "folder/x"] {
            assert!(check(&manifest, good).is_ok(), "{good}");
        }
    }
}
