//! The images of the first-party plugins, made when they are missing or their source has changed.

use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use pierhead_engine::image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions};
use pierhead_engine::{Engine, Error as EngineError};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::compile;
use super::manifest::{Manifest, ManifestError};
use super::sources::{ALL, Source};
use crate::log::Splitter;
use crate::options::{RuntimeError, RuntimeImages, Say};

/// On an image: the hash of everything that it was made from.
const SOURCE: &str = "pierhead.plugin.source";
/// The runtime that plugins in shell and Python are built on.
const RUNTIME: &str = "plugin";

/// Why there is no image of a plugin.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("there is no plugin called `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("the manifest of the plugin {name} cannot be used")]
    Manifest { name: String, source: ManifestError },
    #[error("the image of the plugin {name} could not be made: {reason}")]
    Failed { name: String, reason: String },
    #[error("the base image of the plugin {name} is missing")]
    Runtime { name: String, source: Box<RuntimeError> },
    #[error("the image of the plugin {name} could not be looked up or built: {source}")]
    Engine { name: String, source: EngineError },
}

/// The first-party plugins of one engine.
#[derive(Debug)]
pub struct PluginBuilder {
    engine: Arc<dyn Engine>,
    runtimes: Arc<dyn RuntimeImages>,
    folder: PathBuf,
    /// One at a time.
    making: Mutex<()>,
}

impl PluginBuilder {
    /// `folder` keeps what is compiled.
    pub fn new(engine: Arc<dyn Engine>, runtimes: Arc<dyn RuntimeImages>, folder: PathBuf) -> Self {
        Self { engine, runtimes, folder, making: Mutex::default() }
    }

    /// Every plugin, and whether its image is there in the state of this program's source.
    pub async fn list(&self) -> Result<Vec<(Manifest, bool)>, PluginError> {
        let mut found = Vec::new();
        for source in &ALL {
            let manifest = manifest_of(source)?;
            let is_there = self.is_current(source, &manifest).await?;
            found.push((manifest, is_there));
        }
        Ok(found)
    }

    /// The image of a plugin, made first when it is missing. `say` gets a line per step.
    pub async fn ensure(&self, name: &str, say: &Say<'_>) -> Result<String, PluginError> {
        let source = ALL.iter().find(|source| source.name == name).ok_or_else(|| PluginError::Unknown {
            name: name.to_owned(),
            known: ALL.map(|source| source.name).join(", "),
        })?;
        let manifest = manifest_of(source)?;
        let _only_one = self.making.lock().await;
        if !self.is_current(source, &manifest).await? {
            self.make(source, &manifest, say).await?;
        }
        Ok(manifest.image)
    }

    async fn is_current(&self, source: &Source, manifest: &Manifest) -> Result<bool, PluginError> {
        match self.engine.image_inspect(&manifest.image).await {
            Ok(image) => Ok(image.labels.get(SOURCE) == Some(&fingerprint(source))),
            Err(EngineError::NotFound { .. } | EngineError::NoSuchImage { .. }) => Ok(false),
            Err(error) => Err(PluginError::Engine { name: source.name.to_owned(), source: error }),
        }
    }

    async fn make(&self, source: &Source, manifest: &Manifest, say: &Say<'_>) -> Result<(), PluginError> {
        let name = source.name;
        let failed = |reason: String| PluginError::Failed { name: name.to_owned(), reason };
        let mut files: Vec<(&str, Vec<u8>, u32)> = vec![("Dockerfile", source.dockerfile.into(), 0o644)];
        if source.package.is_empty() {
            let ensured = self.runtimes.ensure(RUNTIME, None, say).await;
            ensured
                .map_err(|error| PluginError::Runtime { name: name.to_owned(), source: Box::new(error) })?;
        } else {
            files.push((name, compile::compile(source, &self.folder, say).await?, 0o755));
        }
        files.extend(source.files.iter().map(|(file, content)| (*file, content.as_bytes().to_vec(), 0o755)));
        say(&format!("building {}", manifest.image));
        let context = archive(&files).map_err(|error| failed(error.to_string()))?;
        let options = BuildOptions {
            tag: manifest.image.clone(),
            dockerfile: "Dockerfile".to_owned(),
            target: None,
            args: Default::default(),
            labels: [
                ("org.opencontainers.image.title".to_owned(), name.to_owned()),
                ("org.opencontainers.image.version".to_owned(), manifest.version.clone()),
                (SOURCE.to_owned(), fingerprint(source)),
            ]
            .into(),
            memory_bytes: 256 << 20,
            cpu_millis: 1000,
            network: BuildNetwork::None,
            cache: BuildCache::Use,
        };
        let context = futures::stream::once(async move { Ok(context.into()) });
        let engine_error = |error| PluginError::Engine { name: name.to_owned(), source: error };
        let mut events = self.engine.image_build(Box::pin(context), &options).await.map_err(engine_error)?;
        let mut splitter = Splitter::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(BuildEvent::Output(bytes)) => splitter.push(&bytes, |line| say(&line)),
                Ok(BuildEvent::Built(_)) => return Ok(()),
                Err(EngineError::Refused { reason }) => return Err(failed(reason)),
                Err(error) => return Err(engine_error(error)),
            }
        }
        Err(failed("the build was cut; try again".to_owned()))
    }
}

fn manifest_of(source: &Source) -> Result<Manifest, PluginError> {
    Manifest::parse(source.manifest)
        .map_err(|error| PluginError::Manifest { name: source.name.to_owned(), source: error })
}

/// Changes with every file that goes into the image.
fn fingerprint(source: &Source) -> String {
    let mut hasher = Sha256::new();
    let own = [("plugin.yaml", source.manifest), ("Dockerfile", source.dockerfile)];
    for (name, content) in own.iter().chain(source.files).chain(source.package) {
        for part in [name, content] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hex::encode(hasher.finalize())
}

/// The same files make the same archive, so the engine's cache knows them.
fn archive(files: &[(&str, Vec<u8>, u32)]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner()
}
