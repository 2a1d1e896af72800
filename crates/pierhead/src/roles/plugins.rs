//! The plugins that come with Pierhead, on the machine that runs the engine.

use std::sync::Arc;

use anyhow::Result;
use pierhead_agent::RuntimeBuilder;
use pierhead_agent::plugins::manifest::Network;
use pierhead_agent::plugins::{Manifest, PluginBuilder, first_party};

use pierhead_model::pipeline::definition::{NetworkAccess, Resources};
use pierhead_model::pipeline::name::OutputName;
use pierhead_model::pipeline::plugin::PluginDeclaration;

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

/// The plugins that come with this version, as the catalogue registers them.
pub(crate) fn declarations() -> Result<Vec<PluginDeclaration>> {
    first_party()?.into_iter().map(declaration).collect()
}

fn declaration(manifest: Manifest) -> Result<PluginDeclaration> {
    let names: Result<_, _> = manifest.outputs.keys().map(|name| OutputName::parse(name)).collect();
    let repository =
        manifest.image.rsplit_once(':').map_or(manifest.image.as_str(), |(name, _)| name).to_owned();
    Ok(PluginDeclaration {
        // A plugin that leaves more than it declares may be asked for anything.
        outputs: if manifest.more_outputs { None } else { Some(names?) },
        destroys: manifest.destroys(),
        timeout_s: manifest.timeout_s,
        network: match manifest.network {
            Network::None => NetworkAccess::None,
            Network::Deployment => NetworkAccess::Deployment,
            Network::Internet => NetworkAccess::Internet,
        },
        resources: Resources {
            memory_mb: Some(manifest.limits.memory_mb),
            cpu: Some(manifest.limits.cpu),
            pids: Some(manifest.limits.pids),
        },
        description: manifest.description,
        schema: manifest.parameters,
        name: manifest.name,
        repository,
    })
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
