//! Layers of a service: folders on this node under the digest of what is in them, and blobs in the store.
//!
//! A folder that a build wrote becomes a layer by being renamed: nothing is copied. A node that lacks a layer makes it from
//! the blobs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pierhead_model::crash_point;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::digest::Digest;
use pierhead_model::release::{LayerEntry, LayerManifest};
use pierhead_wire::BlobError;

use super::tree::{self, Entry, TreeError};
use crate::identity::APP_UID;
use crate::worker::{Task, internal};

/// What a layer may hold.
const MAXIMUM_ENTRIES: usize = 200_000;
/// Uploads at the same time.
const AT_ONCE: usize = 8;

/// Where a layer's files lie on this node.
pub(crate) fn folder_of(task: &Task, layer: Digest) -> PathBuf {
    task.node.options.data_dir.join("layers").join(layer.to_hex())
}

/// Makes a folder of the build's a layer, its files stored one by one.
pub(super) async fn keep(task: &Task, folder: &Path) -> Result<Digest, Failure> {
    let (manifest, files) = describe(folder).await?;
    upload(task, &files).await.map_err(|error| internal("storing a layer", &error))?;
    adopt(task, folder, &manifest).await
}

pub(super) async fn keep_unless_empty(task: &Task, folder: &Path) -> Result<Option<Digest>, Failure> {
    let is_empty = fs_err::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if is_empty { Ok(None) } else { keep(task, folder).await.map(Some) }
}

/// Makes a folder of installed dependencies a layer, stored as one archive.
pub(super) async fn keep_archive(task: &Task, folder: &Path) -> Result<Option<Digest>, Failure> {
    if fs_err::read_dir(folder).map_or(true, |mut entries| entries.next().is_none()) {
        return Ok(None);
    }
    let archive = super::folder(task).join("dependencies.tar.zst");
    let (source, target) = (folder.to_owned(), archive.clone());
    let packing = tokio::task::spawn_blocking(move || pack(&source, &target)).await;
    let digest = packing
        .map_err(|error| internal("packing dependencies", &error))?
        .map_err(|error| internal("packing dependencies", &error))?;
    let stored = task.node.blobs.put_file(digest, archive.clone()).await;
    stored.map_err(|error| internal("storing dependencies", &error))?;
    let _ = fs_err::remove_file(&archive);
    let manifest = LayerManifest { entries: BTreeMap::new(), archive: Some(digest) };
    adopt(task, folder, &manifest).await.map(Some)
}

/// Stores the manifest, and moves the folder to where layers lie.
async fn adopt(task: &Task, folder: &Path, manifest: &LayerManifest) -> Result<Digest, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| internal("keeping a layer", error);
    let text = serde_json::to_vec(manifest).map_err(|error| failed(&error))?;
    let digest = Digest::of(&text);
    task.node.blobs.put(digest, Bytes::from(text)).await.map_err(|error| failed(&error))?;
    let place = folder_of(task, digest);
    crash_point!("agent.layer.before_rename");
    if place.is_dir() {
        fs_err::tokio::remove_dir_all(folder).await.map_err(|error| failed(&error))?;
    } else {
        fs_err::rename(folder, &place).map_err(|error| failed(&error))?;
    }
    crash_point!("agent.layer.after_rename");
    Ok(digest)
}

/// Makes sure a layer lies on this node.
pub(crate) async fn materialise(task: &Task, layer: Digest) -> Result<PathBuf, Failure> {
    let place = folder_of(task, layer);
    if place.is_dir() {
        return Ok(place);
    }
    let failed = |error: &(dyn std::error::Error + 'static)| internal("fetching a release", error);
    let text = task.node.blobs.get(layer).await.map_err(|error| failed(&error))?;
    let manifest: LayerManifest = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    let beside = super::folder(task).join(format!("layer-{layer}"));
    fs_err::create_dir_all(&beside).map_err(|error| failed(&error))?;
    match manifest.archive {
        Some(archive) => {
            let local = task.node.blobs.local_path(archive);
            let packed = match local {
                Some(path) => path,
                None => download(task, archive).await?,
            };
            let target = beside.clone();
            let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, &target)).await;
            unpacking.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        }
        None => write_entries(task, &manifest, &beside).await?,
    }
    if place.is_dir() {
        return Ok(place);
    }
    fs_err::rename(&beside, &place).map_err(|error| failed(&error))?;
    Ok(place)
}

async fn download(task: &Task, blob: Digest) -> Result<PathBuf, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| internal("fetching a release", error);
    let path = super::folder(task).join(blob.to_hex());
    let mut file = fs_err::File::create(&path).map_err(|error| failed(&error))?;
    let mut pieces = task.node.blobs.stream(blob, None).await.map_err(|error| failed(&error))?;
    while let Some(piece) = pieces.try_next().await.map_err(|error| failed(&error))? {
        file.write_all(&piece).map_err(|error| failed(&error))?;
    }
    Ok(path)
}

async fn write_entries(task: &Task, manifest: &LayerManifest, folder: &Path) -> Result<(), Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| internal("fetching a release", error);
    for (path, entry) in &manifest.entries {
        let target = folder.join(path);
        match entry {
            LayerEntry::Directory { .. } => {
                fs_err::create_dir_all(&target).map_err(|error| failed(&error))?
            }
            LayerEntry::Symlink { target: link } => {
                std::os::unix::fs::symlink(link, &target).map_err(|error| failed(&error))?;
            }
            LayerEntry::File { digest, executable, .. } => {
                let content = task.node.blobs.get(*digest).await.map_err(|error| failed(&error))?;
                fs_err::write(&target, &content).map_err(|error| failed(&error))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                let permissions = std::fs::Permissions::from_mode(mode);
                fs_err::set_permissions(&target, permissions).map_err(|error| failed(&error))?;
            }
            // A whiteout is a device that only root can make; the flattened layers of a release have none.
            LayerEntry::Whiteout => {}
        }
        tree::give_to(&target, APP_UID).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// What a folder holds: its manifest, and where the content of each blob lies.
async fn describe(folder: &Path) -> Result<(LayerManifest, BTreeMap<Digest, PathBuf>), Failure> {
    let folder = folder.to_owned();
    let describing = tokio::task::spawn_blocking(move || describe_now(&folder)).await;
    describing.map_err(|error| internal("reading a build's output", &error))?
}

fn describe_now(folder: &Path) -> Result<(LayerManifest, BTreeMap<Digest, PathBuf>), Failure> {
    let refused = |detail: String| Failure::new(Reason::OutputRefused, detail);
    let listed = tree::list(folder, MAXIMUM_ENTRIES).map_err(|error| match error {
        TreeError::Io(error) => internal("reading a build's output", &error),
        error => refused(format!("What the build wrote cannot be kept: {error}.")),
    })?;
    let (mut entries, mut files) = (BTreeMap::new(), BTreeMap::new());
    for (path, entry) in listed {
        let entry = match entry {
            Entry::Directory { opaque } => LayerEntry::Directory { opaque },
            Entry::Symlink { target } => LayerEntry::Symlink { target },
            Entry::Whiteout => LayerEntry::Whiteout,
            Entry::File { path: place, size, executable } => {
                let digest =
                    tree::digest_of(&place).map_err(|error| internal("reading a build's output", &error))?;
                files.insert(digest, place);
                LayerEntry::File { digest, size, executable }
            }
            // Sockets and pipes that a build left behind mean nothing to the next process.
            Entry::Other => continue,
        };
        entries.insert(path, entry);
    }
    Ok((LayerManifest { entries, archive: None }, files))
}

/// Stores the blobs that are not stored yet, several at a time.
pub(super) async fn upload(task: &Task, files: &BTreeMap<Digest, PathBuf>) -> Result<(), BlobError> {
    let digests: Vec<Digest> = files.keys().copied().collect();
    let missing = task.node.blobs.missing(&digests).await?;
    let put = |digest: Digest| async move {
        match files.get(&digest) {
            Some(path) => task.node.blobs.put_file(digest, path.clone()).await,
            None => Ok(()),
        }
    };
    stream::iter(missing).map(put).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

/// Packs a folder the same way every time: in the order of the names, without times and owners.
fn pack(folder: &Path, target: &Path) -> std::io::Result<Digest> {
    let file = fs_err::File::create(target)?;
    let encoder = zstd::Encoder::new(file, 1)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    archive.mode(tar::HeaderMode::Deterministic);
    for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let kind = entry.file_type();
        if !(kind.is_dir() || kind.is_file() || kind.is_symlink()) {
            continue;
        }
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        archive.append_path_with_name(entry.path(), name)?;
    }
    archive.into_inner()?.finish()?.sync_all()?;
    tree::digest_of(target)
}

/// Unpacks what [`pack`] made; nothing in it can lead out of the folder.
fn unpack(packed: &Path, folder: &Path) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(fs_err::File::open(packed)?)?);
    archive.set_preserve_permissions(true);
    archive.unpack(folder)?;
    tree::give_all_to(folder, APP_UID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_depends_on_the_files_alone_and_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let root = folder.path().join(name);
            std::fs::create_dir_all(root.join("node_modules/.bin")).unwrap();
            std::fs::write(root.join("node_modules/a.js"), "a").unwrap();
            std::os::unix::fs::symlink("../a.js", root.join("node_modules/.bin/a")).unwrap();
            root
        };
        let (one, two) = (make("one"), make("two"));
        let archive = folder.path().join("archive");
        let first = pack(&one, &archive).unwrap();
        assert_eq!(pack(&two, &archive).unwrap(), first);
        let back = folder.path().join("back");
        std::fs::create_dir(&back).unwrap();
        unpack(&archive, &back).unwrap();
        assert_eq!(std::fs::read_to_string(back.join("node_modules/.bin/a")).unwrap(), "a");
        std::fs::write(two.join("node_modules/b.js"), "b").unwrap();
        assert_ne!(pack(&two, &archive).unwrap(), first);
    }

    #[test]
    fn the_manifest_names_every_file_and_a_pipe_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dir")).unwrap();
        std::fs::write(folder.path().join("dir/run.sh"), "x").unwrap();
        std::fs::set_permissions(folder.path().join("dir/run.sh"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let (manifest, files) = describe_now(folder.path()).unwrap();
        let digest = Digest::of(b"x");
        assert_eq!(manifest.entries.len(), 2);
        assert_eq!(manifest.entries["dir/run.sh"], LayerEntry::File { digest, size: 1, executable: true });
        assert_eq!(files.len(), 1);
    }
}
