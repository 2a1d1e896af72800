//! `plugins`: those that come with Pierhead, built and tried on the machine that runs the engine; and those that a server knows
//! ([`super::plugin_catalogue`]).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pierhead_agent::plugins::{Manifest, first_party};
use pierhead_agent::steps::Line;
use pierhead_agent::steps::contract::Action;
use pierhead_agent::steps::plugin::Outcome;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{plugin_catalogue, up};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::output::{Table, safe_text};
use crate::roles::plugin_trial::{self, Trial};
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
    /// Run a plugin of your own as a deployment would, and show how it is judged
    Try(TryArgs),
    /// List the plugins that pipelines on the server may use
    Registered,
    /// Let pipelines on the server use a plugin
    Register {
        /// A plugin.yaml, or the name of one that comes with Pierhead, such as run-sql; `-` is standard input
        plugin: String,
    },
    /// Take a plugin away; pipelines that use it cannot be run any more
    Unregister { name: String },
}

#[derive(Debug, Args)]
struct TryArgs {
    /// Its manifest
    #[arg(default_value = "plugin.yaml")]
    manifest: PathBuf,
    /// A file with its parameters, as one JSON object [default: none]
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// A file with secrets, as one JSON object of texts [default: none]
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Undo what an earlier trial made
    #[arg(long)]
    destroy: bool,
    /// A file with what `create` left, as one JSON object, for --destroy [default: none]
    #[arg(long, value_name = "FILE", requires = "destroy")]
    outputs: Option<PathBuf>,
    /// A network of the engine to run on [default: one of its own, if it needs one]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
}

pub(crate) async fn run(context: &Context, args: PluginsArgs) -> Result<Exit, Error> {
    match args.command {
        PluginsCommand::Build { names } => build(context, &names).await?,
        PluginsCommand::List => list(context).await?,
        PluginsCommand::Show { name } => show(context, &name)?,
        PluginsCommand::Try(args) => return Box::pin(try_out(context, args)).await,
        PluginsCommand::Registered => plugin_catalogue::list(context).await?,
        PluginsCommand::Register { plugin } => plugin_catalogue::register(context, &plugin).await?,
        PluginsCommand::Unregister { name } => plugin_catalogue::unregister(context, &name).await?,
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

async fn try_out(context: &Context, args: TryArgs) -> Result<Exit, Error> {
    let settings = up::settings(context, &Flags::default())?;
    let path = context.path(&args.manifest);
    let text = fs_err::read_to_string(&path).map_err(|error| {
        Error::local("there is no manifest to try", error, "Name the path of a plugin.yaml.")
    })?;
    let manifest = Manifest::parse(&text).map_err(|error| {
        let what = format!("the manifest {} cannot be used", path.display());
        Error::local(what, error, "docs/plugins.md describes every field.")
    })?;
    let action = if args.destroy { Action::Destroy } else { Action::Create };
    if !manifest.actions.contains(&action) {
        let fix = "Its manifest names the actions that it knows.";
        return Err(Error::usage(format!("the plugin `{}` does not know --destroy", manifest.name), fix));
    }
    let trial = Trial {
        action,
        parameters: read_json(context, args.parameters.as_deref())?,
        secrets: read_json(context, args.secrets.as_deref())?,
        outputs: read_json(context, args.outputs.as_deref())?,
        network: args.network,
        manifest,
    };
    let printer = context.printer.clone();
    let told = move |line: &Line| printer.complain(&safe_text::plain(&line.text));
    match plugin_trial::run(&settings, trial, told).await.map_err(failed)? {
        Outcome::Succeeded(answer) => {
            let value = json!({ "success": true, "output": answer.output, "outputs": answer.outputs });
            context.show(&value, || {
                let outputs = answer.outputs.iter().map(|(name, value)| format!("  {name}: {value}"));
                let said = if answer.output.is_empty() { "It succeeded." } else { &answer.output };
                let lines = std::iter::once(said.to_owned()).chain(outputs);
                lines.map(|line| safe_text::plain(&line)).collect()
            })?;
            Ok(Exit::Done)
        }
        Outcome::Failed(failure) => {
            let value =
                json!({ "success": false, "reason": failure.reason.code(), "output": failure.detail });
            let told = format!("{}: {}", failure.reason.code(), failure.detail);
            context.show(&value, || vec![safe_text::plain(&told)])?;
            Ok(Exit::Failure)
        }
        Outcome::Cancelled => {
            context.say("It was stopped.");
            Ok(Exit::Failure)
        }
    }
}

/// A file that holds one JSON object; nothing without a file.
fn read_json<T: DeserializeOwned + Default>(context: &Context, path: Option<&Path>) -> Result<T, Error> {
    let Some(path) = path else { return Ok(T::default()) };
    let path = context.path(path);
    let unusable = |error: String| {
        let what = format!("{} cannot be used", path.display());
        Error::local(what, error, "It must be one JSON object.")
    };
    let text = fs_err::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))
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
