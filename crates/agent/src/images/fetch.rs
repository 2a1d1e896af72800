//! Having an image that another node stored.

use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _};
use pierhead_engine::ByteSource;
use pierhead_engine::spec::Labels;
use pierhead_model::digest::Digest;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::archive::{self, Parts};
use super::{ImageError, Images, digest_of, layers_of};

/// Bytes of the archive on their way to the engine.
const PIPE: usize = 256 << 10;

impl Images {
    /// Loads a stored image into this engine and names it `tag`. Layers that the engine has do not travel.
    pub(crate) async fn fetch(&self, image: Digest, tag: &str) -> Result<(), ImageError> {
        let _only_one = self.moving.lock().await;
        let id = format!("sha256:{image}");
        if self.has(&id).await? {
            return self.engine.image_tag(&id, tag).await.map_err(ImageError::Engine);
        }
        let configuration = self.blobs.get(image).await.map_err(ImageError::Blob)?;
        let lacks = |what: &str| ImageError::Incomplete { image: tag.to_owned(), what: what.to_owned() };
        let wanted = layers_of(&configuration).ok_or_else(|| lacks("the list of its layers"))?;
        let here = self.layers_here(&wanted).await?;
        let folder = tempfile::tempdir_in(&self.folder).map_err(ImageError::Disk)?;
        let mut layers = Vec::new();
        for (position, layer) in wanted.iter().enumerate() {
            let file = match position < here {
                true => None,
                false => Some(self.download(*layer, folder.path()).await?),
            };
            layers.push((*layer, file));
        }
        let parts = Parts { configuration: configuration.to_vec(), tag: tag.to_owned(), layers };
        self.engine.image_load(stream(parts)).await.map_err(ImageError::Engine)?;
        match self.has(&id).await? {
            true => Ok(()),
            false => Err(lacks("what its id promises: the engine made another image of it")),
        }
    }

    /// How many of these layers, from the lowest, the engine has in another image. It knows a layer only together with
    /// those below it.
    async fn layers_here(&self, wanted: &[Digest]) -> Result<usize, ImageError> {
        let mut most = 0;
        for summary in self.engine.image_list(&Labels::new()).await.map_err(ImageError::Engine)? {
            // One that goes away in between has nothing to offer.
            let Ok(image) = self.engine.image_inspect(summary.id.as_str()).await else { continue };
            let own = image.layers.iter().map(|id| digest_of(id));
            let shared = own.zip(wanted).take_while(|(own, wanted)| *own == Some(**wanted)).count();
            most = most.max(shared);
        }
        Ok(most)
    }

    async fn download(&self, layer: Digest, folder: &Path) -> Result<PathBuf, ImageError> {
        if let Some(path) = self.blobs.local_path(layer).filter(|path| path.is_file()) {
            return Ok(path);
        }
        let path = folder.join(layer.to_hex());
        let mut file = fs_err::tokio::File::create(&path).await.map_err(ImageError::Disk)?;
        let mut pieces = self.blobs.stream(layer, None).await.map_err(ImageError::Blob)?;
        while let Some(piece) = pieces.try_next().await.map_err(ImageError::Blob)? {
            file.write_all(&piece).await.map_err(ImageError::Disk)?;
        }
        file.flush().await.map_err(ImageError::Disk)?;
        Ok(path)
    }
}

/// The archive, put together while the engine reads it.
fn stream(parts: Parts) -> ByteSource {
    let (writing, reading) = tokio::io::duplex(PIPE);
    let writing = SyncIoBridge::new(writing);
    let making = tokio::task::spawn_blocking(move || archive::put_together(&parts, writing));
    let end = futures::stream::once(making).filter_map(|made| async move {
        match made {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(error) => Some(Err(std::io::Error::other(error))),
        }
    });
    Box::pin(ReaderStream::new(reading).chain(end))
}
