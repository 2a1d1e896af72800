//! The container engine of this machine.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use pierhead_engine::Engine;
use pierhead_engine::docker::{DockerEngine, Timeouts};

/// Connects to the engine behind a socket.
pub(crate) async fn connect(socket: &Path) -> Result<Arc<dyn Engine>> {
    let engine = DockerEngine::connect(socket, Timeouts::default()).await;
    let engine = engine.with_context(|| {
        format!(
            "Docker cannot be used at {}: check that it is installed and running, or name another `engine_socket`",
            socket.display()
        )
    })?;
    Ok(Arc::new(engine))
}
