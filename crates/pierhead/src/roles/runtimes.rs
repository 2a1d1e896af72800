//! Runtime images, on the machine that runs the engine.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use pierhead_agent::RuntimeImages;
use pierhead_engine::docker::DockerEngine;

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
    data_dir: &Path,
    names: &[String],
    say: &(dyn Fn(&str) + Sync),
) -> Result<Vec<String>> {
    let images = images(data_dir)?;
    let names: Vec<&str> =
        if names.is_empty() { ALL.to_vec() } else { names.iter().map(String::as_str).collect() };
    let mut made = Vec::new();
    for name in names {
        let (runtime, version) = match name.split_once(':') {
            Some((runtime, version)) => (runtime, Some(version)),
            None => (name, None),
        };
        made.push(images.ensure_default(runtime, version, &mut |line: String| say(&line)).await?);
    }
    Ok(made)
}

/// The runtimes that this program can build, and which of them are there.
pub(crate) async fn list(data_dir: &Path) -> Result<Vec<Runtime>> {
    let found = images(data_dir)?.list().await?;
    Ok(found.into_iter().map(|(runtime, version, image)| Runtime { runtime, version, image }).collect())
}

fn images(data_dir: &Path) -> Result<RuntimeImages> {
    let engine = DockerEngine::local().context("Docker cannot be reached")?;
    Ok(RuntimeImages::new(Arc::new(engine), data_dir.join("runtimes")))
}
