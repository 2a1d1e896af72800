//! Notes that a container got its whole input.
//!
//! The engine does not know: a container whose input was cut by a crash of the agent sees an early end of file, and looks like
//! every other afterwards. So a note is made durable when everything was handed over, and what ran without one is not judged.
//! The note holds the engine's id of the container: one that was left by an earlier container of the same name says nothing.

use std::path::{Path, PathBuf};

use pierhead_engine::state::ContainerId;

use super::Context;
use crate::durable;

/// Notes that this container got everything.
pub(super) async fn note(context: &Context, container: &str, id: &ContainerId) {
    let (folder, file) = (context.folder.clone(), file(&context.folder, container));
    let id = id.clone();
    // Settled: a note that is written after its deployment's folder was removed would bring the folder back.
    let noted = context.settling.spawn_blocking(move || {
        fs_err::create_dir_all(folder)?;
        durable::write(&file, id.as_str().as_bytes())
    });
    if let Err(error) = noted.await.map_err(std::io::Error::other).and_then(|noted| noted) {
        // Without the note the worst is one attempt too many after a crash, with the same idempotency key.
        tracing::warn!(container, %error, "a note that a plugin got its input could not be written");
    }
}

pub(super) async fn is_noted(context: &Context, container: &str, id: &ContainerId) -> bool {
    let file = file(&context.folder, container);
    let noted = durable::blocking(move || fs_err::read(file)).await;
    noted.is_ok_and(|noted| noted == id.as_str().as_bytes())
}

pub(super) async fn forget(context: &Context, container: &str) {
    let file = file(&context.folder, container);
    let forgotten = durable::blocking(move || match fs_err::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    });
    if let Err(error) = forgotten.await {
        // It goes with the deployment's folder.
        tracing::debug!(container, %error, "a note stays until its deployment goes");
    }
}

fn file(folder: &Path, container: &str) -> PathBuf {
    folder.join(format!("{container}.handed"))
}
