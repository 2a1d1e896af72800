//! Runtime images, on the machine that runs the engine.

use anyhow::Result;
use pierhead_agent::{RuntimeBuilder, RuntimeImages as _};

use super::engine;
use crate::settings::Settings;

/// What is built when nothing is named.
const ALL: [&str; 3] = ["node", "python", "php"];

/// A runtime in one version.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Runtime {
    /// `node`, `python`, …
    pub(crate) runtime: String,
    pub(crate) version: String,
    /// The image by which the engine knows it, when it is there.
    pub(crate) image: Option<String>,
}

/// Builds `node`, `node:20`, …, all defaults when none is named; `say` gets a line per step. The images come back.
pub(crate) async fn build(
    settings: &Settings,
    names: &[String],
    say: &pierhead_agent::Say<'_>,
) -> Result<Vec<String>> {
    let images = images(settings).await?;
    let names: Vec<&str> =
        if names.is_empty() { ALL.to_vec() } else { names.iter().map(String::as_str).collect() };
    let mut made = Vec::new();
    for name in names {
        let (runtime, version) = match name.split_once(':') {
            Some((runtime, version)) => (runtime, Some(version)),
            None => (name, None),
        };
        made.push(images.ensure(runtime, version, say).await?.reference);
    }
    Ok(made)
}

/// The runtimes that this program can build, and which of them are there.
pub(crate) async fn list(settings: &Settings) -> Result<Vec<Runtime>> {
    let found = images(settings).await?.list().await?;
    Ok(found.into_iter().map(|(runtime, version, image)| Runtime { runtime, version, image }).collect())
}

async fn images(settings: &Settings) -> Result<RuntimeBuilder> {
    Ok(RuntimeBuilder::new(
        engine::connect(&settings.engine_socket).await?,
        settings.data_dir.value.join("runtimes"),
    ))
}
