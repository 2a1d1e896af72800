//! Images that travel between nodes by way of the control plane's blob store, layer by layer, without any registry.
//!
//! An image is stored as its configuration (whose digest is the image's id) and one blob for each layer (the tar file whose
//! digest the configuration names). The configuration comes last, so an image whose configuration is stored is whole. A layer
//! that many images share is stored, and travels, once.

mod archive;
mod fetch;
mod keep;
mod seek;

use std::path::PathBuf;
use std::sync::Arc;

use pierhead_engine::{Engine, Error as EngineError};
use pierhead_model::digest::Digest;
use pierhead_wire::{BlobChannel, BlobError};
use serde::Deserialize;

pub(crate) use seek::Seeks;

/// Why an image could not be stored or had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error(
        "no node that is connected has the image {0}: connect the node that built it, or deploy the commit again"
    )]
    Nowhere(String),
    #[error("the blob store failed: {0}")]
    Blob(BlobError),
    #[error("the engine failed: {0}")]
    Engine(EngineError),
    #[error("the node's disk failed: {0}")]
    Disk(std::io::Error),
    #[error("the engine's archive of the image {image} lacks {what}")]
    Incomplete { image: String, what: String },
}

impl ImageError {
    pub(crate) fn retryable(&self) -> bool {
        match self {
            Self::Blob(error) => error.retryable(),
            Self::Engine(error) => error.retryable(),
            Self::Nowhere(_) | Self::Disk(_) | Self::Incomplete { .. } => false,
        }
    }
}

/// The images of a node's engine, and how they come and go.
#[derive(Debug)]
pub(crate) struct Images {
    engine: Arc<dyn Engine>,
    blobs: Arc<dyn BlobChannel>,
    /// Layers on their way lie here.
    folder: PathBuf,
    pub(crate) seeks: Seeks,
    /// One image at a time comes or goes: each moves hundreds of megabytes.
    moving: tokio::sync::Mutex<()>,
}

impl Images {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        blobs: Arc<dyn BlobChannel>,
        folder: PathBuf,
        seeks: Seeks,
    ) -> Self {
        Self { engine, blobs, folder, seeks, moving: tokio::sync::Mutex::default() }
    }

    /// Whether the engine has it.
    pub(crate) async fn has(&self, reference: &str) -> Result<bool, ImageError> {
        match self.engine.image_inspect(reference).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(ImageError::Engine(error)),
        }
    }
}

const fn is_missing(error: &EngineError) -> bool {
    matches!(error, EngineError::NotFound { .. } | EngineError::NoSuchImage { .. })
}

/// What is read of an image's configuration: the OCI image specification's `rootfs`.
#[derive(Debug, Deserialize)]
struct Configuration {
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// The digest in an engine's `sha256:…`.
fn digest_of(id: &str) -> Option<Digest> {
    id.strip_prefix("sha256:")?.parse().ok()
}

/// The digests of an image's layers, lowest first.
fn layers_of(configuration: &[u8]) -> Option<Vec<Digest>> {
    let configuration: Configuration = serde_json::from_slice(configuration).ok()?;
    configuration.rootfs.diff_ids.iter().map(|id| digest_of(id)).collect()
}
