//! Runtime images, on the machine that runs the engine.

use super::RoleError;

/// One runtime image.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct RuntimeImage {
    /// `node`, `python`, …
    pub(crate) name: String,
    pub(crate) version: String,
    /// The reference by which the engine knows it.
    pub(crate) image: String,
    pub(crate) present: bool,
}

/// Builds the named runtimes, all of them when none is named; `say` gets a line per step.
pub(crate) async fn build(names: Vec<String>, say: &dyn Fn(&str)) -> Result<Vec<RuntimeImage>, RoleError> {
    let _ = (names, say);
    Err(RoleError::NotBuiltIn("runtimes build"))
}

/// The runtimes that this binary can build, and which of them are there.
pub(crate) async fn list() -> Result<Vec<RuntimeImage>, RoleError> {
    Err(RoleError::NotBuiltIn("runtimes list"))
}
