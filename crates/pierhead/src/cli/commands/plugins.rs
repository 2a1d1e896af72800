//! `plugins`: the plugins that come with Pierhead. Works on the machine that runs the engine.

use clap::{Args, Subcommand};
use pierhead_agent::plugins::{Manifest, first_party};
use serde_json::{Value, json};

use super::up;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::output::{Table, safe_text};
use crate::roles::plugins;
use crate::settings::Flags;

#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    #[command(subcommand)]
    command: PluginsCommand,
}

#[derive(Debug, Subcommand)]
enum PluginsCommand {
    /// Build plugin images without any registry
    Build {
        /// Such as run-sql or wait-for [default: all]
        names: Vec<String>,
    },
    /// List plugins, and which images are there
    #[command(visible_alias = "ls")]
    List,
    /// Show what a plugin takes and gives
    Show {
        /// Such as run-sql
        name: String,
    },
}

pub(crate) async fn run(context: &Context, args: PluginsArgs) -> Result<Exit, Error> {
    match args.command {
        PluginsCommand::Build { names } => build(context, &names).await?,
        PluginsCommand::List => list(context).await?,
        PluginsCommand::Show { name } => show(context, &name)?,
    }
    Ok(Exit::Done)
}

fn failed(error: anyhow::Error) -> Error {
    let fix = "Docker must run on this machine, and you must be allowed to use it.";
    Error::local("the plugins cannot be had", format!("{error:#}"), fix)
}

async fn build(context: &Context, names: &[String]) -> Result<(), Error> {
    let settings = up::settings(context, &Flags::default())?;
    let say = |line: &str| context.say(&safe_text::plain(line));
    let images = plugins::build(&settings, names, &say).await.map_err(failed)?;
    context.show(&json!({ "items": images, "next_cursor": null }), || images.clone())
}

async fn list(context: &Context) -> Result<(), Error> {
    let settings = up::settings(context, &Flags::default())?;
    let found = plugins::list(&settings).await.map_err(failed)?;
    let mut table = Table::new(&["PLUGIN", "VERSION", "BUILT", "DESCRIPTION"]);
    let mut items = Vec::new();
    for (manifest, is_built) in &found {
        let built = if *is_built { "yes" } else { "no" };
        let Manifest { name, version, image, description, .. } = manifest;
        table.row([name.clone(), version.clone(), built.to_owned(), description.clone()]);
        items.push(json!({
            "name": name, "version": version, "image": image, "built": is_built, "description": description,
        }));
    }
    context.show_table(&json!({ "items": items, "next_cursor": null }), &table, "No plugin is known.")
}

fn show(context: &Context, name: &str) -> Result<(), Error> {
    let all = first_party().map_err(|error| failed(error.into()))?;
    let Some(manifest) = all.iter().find(|manifest| manifest.name == name) else {
        let known: Vec<_> = all.iter().map(|manifest| manifest.name.as_str()).collect();
        let why = format!("there are {}", known.join(", "));
        return Err(Error::not_found(format!("there is no plugin `{name}`"), why));
    };
    let value = serde_json::to_value(manifest).unwrap_or_default();
    context.show(&value, || text_of(manifest))
}

/// A manifest for people.
fn text_of(manifest: &Manifest) -> Vec<String> {
    let mut lines = vec![
        format!("{} {}", manifest.name, manifest.version),
        manifest.description.clone(),
        String::new(),
        format!("Image    {}", manifest.image),
        format!(
            "Undoes   {}",
            if manifest.destroys() { "what it made" } else { "nothing: it makes nothing" }
        ),
        format!("Time     {} s", manifest.timeout_s),
        String::new(),
        "Parameters".to_owned(),
    ];
    let required: Vec<_> =
        manifest.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in manifest.parameters["properties"].as_object().into_iter().flatten() {
        let mark = if required.contains(&name.as_str()) { " (needed)" } else { "" };
        let default = property.get("default").map(|value| format!(" [default: {value}]")).unwrap_or_default();
        let about = property["description"].as_str().unwrap_or_default();
        lines.push(format!("  {name}{mark}: {about}{default}"));
    }
    let section = |title: &str, entries: Vec<String>| {
        let heading = (!entries.is_empty()).then(|| [String::new(), title.to_owned()]);
        heading.into_iter().flatten().chain(entries).collect::<Vec<_>>()
    };
    let secrets = manifest.secrets.iter().map(|(name, about)| format!("  {name}: {about}"));
    lines.extend(section("Secrets", secrets.collect()));
    let outputs = manifest.outputs.iter().map(|(name, output)| format!("  {name}: {}", output.description));
    lines.extend(section("Outputs", outputs.collect()));
    lines
}
