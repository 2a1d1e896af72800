//! The plugins that come with Pierhead, on the machine that runs the engine.

use std::sync::Arc;

use anyhow::Result;
use pierhead_agent::RuntimeBuilder;
use pierhead_agent::plugins::{Manifest, PluginBuilder, first_party};

use super::engine;
use crate::settings::Settings;

/// Builds those that are named, or all; `say` gets a line per step. The images come back.
pub(crate) async fn build(
    settings: &Settings,
    names: &[String],
    say: &pierhead_agent::Say<'_>,
) -> Result<Vec<String>> {
    let builder = builder(settings).await?;
    let names = if names.is_empty() {
        first_party()?.into_iter().map(|manifest| manifest.name).collect()
    } else {
        names.to_vec()
    };
    let mut made = Vec::new();
    for name in names {
        made.push(builder.ensure(&name, say).await?);
    }
    Ok(made)
}

/// Each plugin, and whether its image is there.
pub(crate) async fn list(settings: &Settings) -> Result<Vec<(Manifest, bool)>> {
    Ok(builder(settings).await?.list().await?)
}

async fn builder(settings: &Settings) -> Result<PluginBuilder> {
    let engine = engine::connect(&settings.engine_socket).await?;
    let data_dir = &settings.data_dir.value;
    let runtimes = RuntimeBuilder::new(Arc::clone(&engine), data_dir.join("runtimes"));
    Ok(PluginBuilder::new(engine, Arc::new(runtimes), data_dir.join("plugins")))
}
