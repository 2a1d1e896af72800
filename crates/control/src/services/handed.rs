//! What people hand over instead of a repository: files, by digest, or the name of an image.
//!
//! A tree of files is announced, what the server lacks is sent, and then it is deployed. Each part may be repeated: what has
//! arrived is there, so an upload that was cut is simply begun again.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use pierhead_model::assignment::Source;
use pierhead_model::digest::Digest;
use pierhead_model::pipeline::image::ImageReference;
use pierhead_model::tree::FileTree;
use pierhead_store::Project;

use super::auth::Principal;
use super::deployments::{NewDeployment, git_source_of};
use crate::access::policy::{self, WRITE_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Uploads(pub(crate) Arc<Core>);

/// A tree that was announced.
#[derive(Debug, Clone)]
pub struct UploadView {
    /// What a deployment names it by.
    pub upload: Digest,
    /// Files that have to be sent first.
    pub missing: Vec<Digest>,
    pub files: usize,
}

impl Uploads {
    /// Announces a tree, and says what of it has to be sent.
    pub async fn begin(
        &self,
        principal: &Principal,
        project: &str,
        tree: FileTree,
    ) -> Result<UploadView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        let (upload, missing) = announce(&self.0, &project, tree).await?;
        Ok(UploadView { upload: upload.0, missing, files: upload.1 })
    }

    /// Refuses who may not send this, before a byte of it is taken: a file is large, and the disk belongs to everybody.
    pub async fn expect(&self, principal: &Principal, project: &str, digest: &str) -> Result<(), Error> {
        policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        parsed("/digest", digest).map(drop)
    }

    /// Stores a file that was announced, from a file on this machine's disk.
    pub async fn put_file(
        &self,
        principal: &Principal,
        project: &str,
        digest: &str,
        file: &Path,
    ) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        let digest = parsed("/digest", digest)?;
        let stored = self.0.store.blobs().put_file(digest, file).await;
        stored.map_err(|error| wrong_digest(error, digest))?;
        self.note(&project, digest).await
    }

    /// The same for a small one.
    pub async fn put(
        &self,
        principal: &Principal,
        project: &str,
        digest: &str,
        content: Bytes,
    ) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        let digest = parsed("/digest", digest)?;
        let stored = self.0.store.blobs().put(digest, content).await;
        stored.map_err(|error| wrong_digest(error, digest))?;
        self.note(&project, digest).await
    }

    async fn note(&self, project: &Project, digest: Digest) -> Result<(), Error> {
        self.0.store.uploads_note(&project.id, &[digest], self.0.outside.now()).await.stored()
    }
}

/// Stores the tree itself; its digest, how many files it has, and what of them is missing.
pub(crate) async fn announce(
    core: &Core,
    project: &Project,
    tree: FileTree,
) -> Result<((Digest, usize), Vec<Digest>), Error> {
    let tree = tree.checked().map_err(|error| Error::invalid("/files", error))?;
    let missing = core.store.uploads_missing(&project.id, &tree.digests()).await.stored()?;
    let text = tree.to_text();
    let digest = Digest::of(text.as_bytes());
    core.store.blobs().put(digest, text.into()).await.stored()?;
    core.store.uploads_note(&project.id, &[digest], core.outside.now()).await.stored()?;
    Ok(((digest, tree.files.len()), missing))
}

fn parsed(pointer: &str, text: &str) -> Result<Digest, Error> {
    text.parse().map_err(|_| Error::invalid(pointer, "must be a SHA-256 in hexadecimal"))
}

fn wrong_digest(error: pierhead_store::StoreError, digest: Digest) -> Error {
    match error {
        pierhead_store::StoreError::Conflict { .. } => Error::invalid(
            "",
            format!("what was sent is not the file {digest}: it changed meanwhile, or was cut"),
        ),
        error => crate::error::from_store(error),
    }
}

/// Where a deployment comes from: what was handed over, or the project's repository.
pub(super) async fn source_of(core: &Core, project: &Project, new: &NewDeployment) -> Result<Source, Error> {
    match (&new.upload, &new.image) {
        (None, None) => git_source_of(project, new),
        (Some(_), Some(_)) => Err(Error::invalid("/image", "either files or an image can be deployed")),
        _ if new.reference.is_some() => {
            Err(Error::invalid("/ref", "what is handed over has no branches: leave it out"))
        }
        (None, Some(image)) => {
            let image = ImageReference::parse(image).map_err(|error| Error::invalid("/image", error))?;
            Ok(Source::Image { image })
        }
        (Some(upload), None) => {
            let digest = parsed("/upload", upload)?;
            let unknown =
                || Error::invalid("/upload", "there is no such upload in this project: announce it first");
            let missing = core.store.uploads_missing(&project.id, &[digest]).await.stored()?;
            if !missing.is_empty() {
                return Err(unknown());
            }
            let text = core.store.blobs().get(digest).await.stored()?;
            let tree: FileTree = serde_json::from_slice(&text).map_err(|_| unknown())?;
            let missing = core.store.uploads_missing(&project.id, &tree.digests()).await.stored()?;
            if !missing.is_empty() {
                let detail = format!("{} of its files have not been sent yet", missing.len());
                return Err(Error::invalid("/upload", detail));
            }
            let root_directory =
                project.settings.source.as_ref().map(|it| it.root_directory.clone()).unwrap_or_default();
            Ok(Source::Files { tree: digest, root_directory })
        }
    }
}
