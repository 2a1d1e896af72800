//! Simulated images and archives: contents are swallowed and counted, descriptions are kept.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::Inner;
use crate::{
    engine::{ByteSource, ByteStream},
    error::{Error, Object, Result},
    image::{BuildEvent, BuildOptions, Image, ImageConfig, ImageId, ImportOptions},
    state::ContainerId,
};

/// What a simulated build does.
#[derive(Debug, Clone)]
pub struct BuildScript {
    pub output: Vec<String>,
    /// Between the output and the result.
    pub takes: Duration,
    /// The built image's configuration, or how the build fails.
    pub result: Result<ImageConfig>,
}

impl Default for BuildScript {
    fn default() -> Self {
        Self { output: Vec::new(), takes: Duration::ZERO, result: Ok(ImageConfig::default()) }
    }
}

pub(super) fn id_of(content: &[u8]) -> ImageId {
    ImageId::new(format!("sha256:{}", hex::encode(Sha256::digest(content))))
}

/// Reads a source to its end: its hash and its length.
async fn swallow(mut source: ByteSource, operation: &'static str) -> Result<(Sha256, u64)> {
    let mut hash = Sha256::new();
    let mut length = 0;
    let failed = |error| Error::Other { operation, cause: Some(Arc::new(error)) };
    while let Some(bytes) = source.try_next().await.map_err(failed)? {
        hash.update(&bytes);
        length += bytes.len() as u64;
    }
    Ok((hash, length))
}

pub(super) async fn import(inner: &Inner, root: ByteSource, options: &ImportOptions) -> Result<ImageId> {
    options.validate()?;
    let (mut hash, size_bytes) = swallow(root, "importing an image").await?;
    hash.update(format!("{:?}{:?}", options.labels, options.config));
    let id = ImageId::new(format!("sha256:{}", hex::encode(hash.finalize())));
    let image = Image {
        id: id.clone(),
        tags: vec![options.tag.clone()],
        labels: options.labels.clone(),
        size_bytes,
        created_at: inner.now(),
        config: options.config.clone(),
        layers: Vec::new(),
    };
    inner.change(|world, _| {
        world.add_image(image);
        Ok(id)
    })
}

/// Everything happens while the stream is read, so that dropping it cancels the build.
pub(super) fn build(
    inner: &Arc<Inner>,
    context: ByteSource,
    options: BuildOptions,
) -> impl futures::Stream<Item = Result<BuildEvent>> + Send + 'static {
    let script = inner.builds.lock().pop_front().unwrap_or_default();
    let lines = script.output.into_iter().map(|line| Ok(BuildEvent::Output(Bytes::from(line + "\n"))));
    let inner = Arc::clone(inner);
    let (takes, result) = (script.takes, script.result);
    let ending = async move {
        let (mut hash, size_bytes) = swallow(context, "building an image").await?;
        tokio::time::sleep(takes).await;
        let config = result?;
        hash.update(format!("{:?}{config:?}", options.labels));
        let id = ImageId::new(format!("sha256:{}", hex::encode(hash.finalize())));
        let image = Image {
            id: id.clone(),
            tags: vec![options.tag],
            labels: options.labels,
            size_bytes,
            created_at: inner.now(),
            config,
            layers: Vec::new(),
        };
        inner.change(|world, _| {
            world.add_image(image);
            Ok(BuildEvent::Built(id))
        })
    };
    stream::iter(lines).chain(stream::once(ending))
}

/// The archive of simulated images is the list of their ids; the world that saved it can load it.
pub(super) fn save(inner: &Inner, references: &[&str]) -> Result<ByteStream> {
    let mut world = inner.world.lock();
    let mut text = String::new();
    for reference in references {
        let image = world.image(reference).cloned();
        let image = image.ok_or_else(|| Error::not_found(Object::Image, *reference))?;
        text = text + image.id.as_str() + "\n";
        world.saved.insert(image.id.clone(), image);
    }
    Ok(Box::pin(stream::once(std::future::ready(Ok(Bytes::from(text))))))
}

pub(super) async fn load(inner: &Inner, archive: ByteSource) -> Result<()> {
    let failed = |error| Error::Other { operation: "loading images", cause: Some(Arc::new(error)) };
    let text = archive.try_collect::<Vec<_>>().await.map_err(failed)?.concat();
    let text = String::from_utf8(text).map_err(|_| Error::refused("this is no archive of images"))?;
    inner.change(|world, _| {
        for line in text.lines() {
            let saved = world.saved.get(&ImageId::new(line)).cloned();
            world.add_image(saved.ok_or_else(|| Error::refused("this is no archive of images"))?);
        }
        Ok(())
    })
}

/// A tar archive of a simulated container's file or directory.
pub(super) fn archive(inner: &Inner, id: &ContainerId, path: &str) -> Result<ByteStream> {
    let world = inner.world.lock();
    let files = &world.container(id)?.files;
    let path = path.trim_end_matches('/');
    let parent = path.rfind('/').map_or(0, |slash| slash + 1);
    let below =
        |name: &str| name == path || name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    let mut tar = tar::Builder::new(Vec::new());
    let mut found = false;
    let failed = |error| Error::Other { operation: "copying out", cause: Some(Arc::new(error)) };
    for (name, bytes) in files.iter().filter(|(name, _)| below(name)) {
        found = true;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, &name[parent..], bytes.as_ref()).map_err(failed)?;
    }
    if !found {
        return Err(Error::not_found(Object::Path, format!("{id}:{path}")));
    }
    let bytes = tar.into_inner().map_err(failed)?;
    Ok(Box::pin(stream::once(std::future::ready(Ok(Bytes::from(bytes))))))
}
