//! The plugins that a server knows: what pipelines there may use.

use std::path::Path;

use pierhead_agent::plugins::first_party;

use super::pipelines::{name_in, read};
use crate::cli::client::pipelines::Kind;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::output::safe_text::plain;

pub(crate) async fn list(context: &Context) -> Result<(), Error> {
    let found = context.client()?.catalogue(Kind::Plugins).await?;
    let mut table = Table::new(&["NAME", "IMAGE", "UNDOES", "DESCRIPTION"]);
    for plugin in found.body.items {
        let undoes = if plugin.destroys { "yes" } else { "no" };
        table.row([
            plugin.name,
            plugin.image,
            undoes.to_owned(),
            plain(&plugin.description.unwrap_or_default()),
        ]);
    }
    context.show_table(&found.raw, &table, "No plugin yet: pierhead plugins register FILE")
}

pub(crate) async fn register(context: &Context, plugin: &str) -> Result<(), Error> {
    let text = document(context, plugin)?;
    let made = context.client()?.catalogue_apply(Kind::Plugins, &name_in(&text)?, &text).await?;
    context.say(&format!("The plugin {} is registered; pipelines name its image.", made.body.name));
    context.show(&made.raw, || vec![made.body.image.clone()])
}

/// A manifest: of a file, or of a plugin that comes with Pierhead when there is no file of that name.
fn document(context: &Context, plugin: &str) -> Result<String, Error> {
    if plugin == "-" || context.path(Path::new(plugin)).is_file() {
        return read(context, Path::new(plugin));
    }
    let broken = |error: &dyn std::fmt::Display| {
        Error::local(
            "the plugins that come with Pierhead cannot be read",
            error.to_string(),
            "Reinstall Pierhead.",
        )
    };
    let all = first_party().map_err(|error| broken(&error))?;
    match all.iter().find(|manifest| manifest.name == plugin) {
        Some(manifest) => serde_json::to_string(manifest).map_err(|error| broken(&error)),
        None => {
            let known: Vec<_> = all.iter().map(|manifest| manifest.name.as_str()).collect();
            let what = format!("there is neither a file nor a plugin `{plugin}`");
            Err(Error::not_found(what, format!("Name a plugin.yaml, or one of {}.", known.join(", "))))
        }
    }
}

pub(crate) async fn unregister(context: &Context, name: &str) -> Result<(), Error> {
    context.agree(&format!("Take the plugin {name} away? Pipelines that use it cannot be run any more."))?;
    context.client()?.catalogue_delete(Kind::Plugins, name).await?;
    context.say(&format!("The plugin {name} is taken away."));
    Ok(())
}
