//! Storing an image that this node's engine has.

use std::collections::HashSet;
use std::path::Path;

use futures::TryStreamExt as _;
use pierhead_model::digest::Digest;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{ImageError, Images, archive, digest_of, is_missing, layers_of};
use crate::durable;

impl Images {
    /// Stores what the blob store lacks of an image, and says its digest; `None` when this engine has no such image.
    pub(crate) async fn keep(&self, reference: &str) -> Result<Option<Digest>, ImageError> {
        let image = match self.engine.image_inspect(reference).await {
            Ok(image) => image,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(ImageError::Engine(error)),
        };
        let lacks = |what: String| ImageError::Incomplete { image: reference.to_owned(), what };
        let own = digest_of(image.id.as_str()).ok_or_else(|| lacks("an id by digest".to_owned()))?;
        let layers: Option<Vec<_>> = image.layers.iter().map(|id| digest_of(id)).collect();
        let mut wanted = layers.ok_or_else(|| lacks("layers by digest".to_owned()))?;
        wanted.push(own);
        let _only_one = self.moving.lock().await;
        let missing = self.blobs.missing(&wanted).await.map_err(ImageError::Blob)?;
        if missing.is_empty() {
            return Ok(Some(own));
        }
        let folder = tempfile::tempdir_in(&self.folder).map_err(ImageError::Disk)?;
        self.export(image.id.as_str(), missing.iter().copied().collect(), folder.path()).await?;
        let file = |digest: &Digest| folder.path().join(digest.to_hex());
        if let Some(layer) = missing.iter().find(|digest| !file(digest).is_file()) {
            return Err(lacks(format!("the file {layer}")));
        }
        // Its configuration goes last: who finds that finds everything.
        for layer in missing.iter().filter(|digest| **digest != own) {
            self.blobs.put_file(*layer, file(layer)).await.map_err(ImageError::Blob)?;
        }
        let configuration = fs_err::tokio::read(file(&own)).await.map_err(ImageError::Disk)?;
        debug_assert!(
            layers_of(&configuration).is_some(),
            "the configuration of {reference} names its layers"
        );
        self.blobs.put(own, configuration.into()).await.map_err(ImageError::Blob)?;
        Ok(Some(own))
    }

    /// Takes the engine's archive of an image apart while it comes.
    async fn export(&self, image: &str, wanted: HashSet<Digest>, folder: &Path) -> Result<(), ImageError> {
        let saved = self.engine.image_save(&[image]).await.map_err(ImageError::Engine)?;
        let reader = SyncIoBridge::new(StreamReader::new(saved.map_err(std::io::Error::other)));
        let folder = folder.to_owned();
        durable::blocking(move || archive::take_apart(reader, &wanted, &folder))
            .await
            .map_err(ImageError::Disk)
    }
}
