//! Source that was handed over: a tree of files, or an image.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use futures::{StreamExt as _, TryStreamExt as _};
use pierhead_model::assignment::Source;
use pierhead_model::deployment::Reason;
use pierhead_model::digest::Digest;
use pierhead_model::pipeline::image::ImageReference;
use pierhead_model::release::{ImageRelease, Release, StartSettings};
use pierhead_model::tree::{FileTree, TreeEntry};
use tokio::io::AsyncWriteExt as _;

use super::{Run, StepError};
use crate::overlay::{give_to_app, make_app_folder};
use crate::pipeline;

/// Files that are fetched at a time.
const AT_ONCE: usize = 16;
/// Where an image that says nothing listens.
const USUAL_PORT: u16 = 8080;

/// Writes the files of a tree into a folder of the run.
pub(super) async fn files(run: &Run, digest: Digest) -> Result<PathBuf, StepError> {
    let tree = tree(run, digest).await?;
    run.log.say("clone", &format!("{} files that were handed over", tree.files.len()));
    let checkout = run.folder("checkout");
    let folders = folders_of(&tree);
    let (work, root) = (run.folder(""), checkout.clone());
    run.blocking("making the run's folder", move || {
        make_app_folder(&work)?;
        make_app_folder(&root)?;
        // Parents come before what is in them.
        folders.iter().try_for_each(|folder| {
            let folder = root.join(folder);
            fs_err::create_dir(&folder)?;
            give_to_app(&folder)
        })
    })
    .await?;
    let stop = run.stop_flag();
    futures::stream::iter(tree.files)
        .map(|(path, entry)| {
            let (path, stop) = (checkout.join(path), &stop);
            async move {
                if stop.load(Ordering::Relaxed) {
                    return Err(StepError::failed(Reason::Internal, "the run was stopped"));
                }
                write(run, &path, entry).await
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(checkout)
}

async fn tree(run: &Run, digest: Digest) -> Result<FileTree, StepError> {
    let lost = |why: String| {
        StepError::failed(
            Reason::Internal,
            format!("the list of the files that were handed over is lost: {why}"),
        )
    };
    let text = run.node.blobs.get(digest).await.map_err(|error| lost(error.to_string()))?;
    let tree: FileTree = serde_json::from_slice(&text).map_err(|error| lost(error.to_string()))?;
    tree.checked().map_err(|error| lost(error.to_string()))
}

/// Every folder that a path lies in, the outer ones first.
fn folders_of(tree: &FileTree) -> Vec<String> {
    let folders =
        tree.files.keys().flat_map(|path| path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
    let unique: std::collections::BTreeSet<String> = folders.collect();
    unique.into_iter().collect()
}

async fn write(run: &Run, path: &Path, entry: TreeEntry) -> Result<(), StepError> {
    const DOING: &str = "writing a file that was handed over";
    let disk = StepError::disk;
    match entry {
        TreeEntry::Link { target } => {
            let path = path.to_owned();
            run.blocking(DOING, move || {
                std::os::unix::fs::symlink(target, &path)?;
                give_to_app(&path)
            })
            .await
        }
        TreeEntry::File { digest, executable, size } => {
            let stream = run.node.blobs.stream(digest, None).await;
            let lost = |error: pierhead_wire::BlobError| {
                let detail = format!("a file that was handed over is lost: {error}; hand it over again");
                StepError::failed(Reason::Internal, detail)
            };
            let mut stream = stream.map_err(lost)?;
            let mut file = fs_err::tokio::File::create_new(path).await.map_err(disk(DOING))?;
            let mut written = 0_u64;
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(lost)?;
                written = written.saturating_add(piece.len() as u64);
                // The sizes were added up when the tree was accepted: nothing may turn out larger.
                if written > size {
                    let detail = format!("{} is larger than it was announced to be", path.display());
                    return Err(StepError::failed(Reason::OutputRefused, detail));
                }
                file.write_all(&piece).await.map_err(disk(DOING))?;
            }
            file.flush().await.map_err(disk(DOING))?;
            let path = path.to_owned();
            run.blocking(DOING, move || {
                if executable {
                    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
                }
                give_to_app(&path)
            })
            .await
        }
    }
}

/// The release that an image is: fetched, and run as it says.
pub(super) async fn image(run: &Run, image: &ImageReference) -> Result<Release, StepError> {
    let reference = pipeline::ensure_image(run, image).await.map_err(StepError::Failed)?;
    let found = run.node.engine.image_inspect(&reference).await;
    let found = found.map_err(StepError::engine("looking at the image"))?;
    let settings = &run.held.assignment.work.settings;
    let port = settings.port.or_else(|| found.config.exposed_tcp.first().copied()).unwrap_or(USUAL_PORT);
    Ok(Release::Image(ImageRelease {
        image: found.id.as_str().to_owned(),
        start: StartSettings {
            command: settings.start_command.clone(),
            working_directory: ".".to_owned(),
            port,
            variables: std::collections::BTreeMap::new(),
            document_root: None,
        },
    }))
}

/// The folder to look at, of whatever was handed over.
pub(super) fn root_directory(source: &Source) -> Option<&pierhead_model::source::Folder> {
    match source {
        Source::Git { root_directory, .. } | Source::Files { root_directory, .. } => Some(root_directory),
        Source::Release { .. } | Source::Image { .. } | Source::Pipeline { .. } => None,
    }
}
