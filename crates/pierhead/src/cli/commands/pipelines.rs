//! `pipelines`: a project's graph of steps, as a text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::client::pipelines::{ComposeNote, DocumentProblem, DryRunRequest};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::target;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct PipelinesArgs {
    #[command(subcommand)]
    command: Option<PipelinesCommand>,
}

#[derive(Debug, Subcommand)]
enum PipelinesCommand {
    /// Print the pipeline as YAML
    Show {
        /// A version [default: the latest]
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
    },
    /// Save a file as the next version
    Apply {
        /// YAML or JSON; `-` is standard input
        #[arg(value_name = "FILE", required_unless_present = "template", conflicts_with = "template")]
        file: Option<PathBuf>,
        /// Begin with a template
        #[arg(long, value_name = "NAME")]
        template: Option<String>,
        /// What was changed, in a few words
        #[arg(short, long, value_name = "TEXT")]
        message: Option<String>,
        /// Only if this is still the latest version; 0 for none
        #[arg(long, value_name = "NUMBER")]
        if_version: Option<u64>,
    },
    /// Tell everything that is wrong with a file, and change nothing
    Validate {
        /// YAML or JSON; `-` is standard input
        file: PathBuf,
    },
    /// List the versions
    Versions,
    /// What is different between two versions
    Diff {
        /// [default: the one before TO]
        from: Option<u64>,
        /// [default: the latest]
        to: Option<u64>,
    },
    /// Ask whether it could be deployed now: images, inputs, room
    DryRun {
        /// A version [default: the latest]
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
        /// Another tag for a service, as SERVICE=TAG
        #[arg(long = "tag", value_name = "SERVICE=TAG", value_parser = pair)]
        tags: Vec<(String, String)>,
        /// A value for a parameter, as NAME=VALUE
        #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
        parameters: Vec<(String, String)>,
    },
    /// Make a pipeline of a compose file: YAML on stdout, what became of each key on stderr
    Import {
        /// [default: this folder's compose.yaml]
        file: Option<PathBuf>,
        /// Where its variables have their values [default: .env beside it]
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
    },
    /// List the templates
    Templates,
}

/// The names compose itself looks for, in its order.
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// `NAME=VALUE`
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
    split.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "use NAME=VALUE".to_owned())
}

pub(crate) async fn run(context: &Context, args: &PipelinesArgs) -> Result<Exit, Error> {
    let client = context.client()?;
    let command = args.command.as_ref().unwrap_or(&PipelinesCommand::Show { version: None });
    match command {
        PipelinesCommand::Import { file, env_file } => {
            return import(context, &client, file.as_deref(), env_file.as_deref()).await;
        }
        PipelinesCommand::Templates => return templates(context, &client).await,
        _ => {}
    }
    let project = target::project(context, &client).await?.name;
    match command {
        PipelinesCommand::Show { version } => {
            let found = client.pipeline(&project, *version).await?;
            if found.body.generated {
                context.say(
                    "Generated from the project's settings; `pierhead pipelines apply` makes it your own.",
                );
            }
            context.show(&found.raw, || yaml(&found.body.pipeline))?;
            Ok(Exit::Done)
        }
        PipelinesCommand::Apply { file, template, message, if_version } => {
            let text = match (file, template) {
                (_, Some(template)) => {
                    let found = client.template(template).await?.body;
                    found.get("pipeline").unwrap_or(&Value::Null).to_string()
                }
                (Some(file), None) => read(context, file)?,
                (None, None) => return Err(Error::usage("there is no file", "Name one, or a --template.")),
            };
            let saved = client.pipeline_save(&project, &text, message.as_deref(), *if_version).await?;
            tell(context, &saved.body.warnings);
            let version = saved.body.version;
            context.say(&format!("{project} has version {version} of its pipeline; new deployments run it."));
            context.show(&saved.raw, || vec![version.to_string()])?;
            Ok(Exit::Done)
        }
        PipelinesCommand::Validate { file } => {
            let found = client.pipeline_validate(&project, &read(context, file)?).await?;
            let (valid, problems) = (found.body.valid, &found.body.problems);
            context.show(&found.raw, || {
                let mut lines: Vec<String> = problems.iter().map(DocumentProblem::shown).collect();
                if valid {
                    lines.push(format!("valid    {}", order(&found.body.rounds)));
                }
                lines.iter().map(|line| plain(line)).collect()
            })?;
            Ok(if valid { Exit::Done } else { Exit::Failure })
        }
        PipelinesCommand::Versions => versions(context, &client, &project).await,
        PipelinesCommand::Diff { from, to } => {
            let found = client.pipeline_diff(&project, *from, *to).await?;
            let (from, to) = (found.body.from, found.body.to);
            if found.body.changes.is_empty() {
                context.say(&format!("Versions {from} and {to} are the same."));
            }
            context.show(&found.raw, || found.body.changes.iter().flat_map(change).collect())?;
            Ok(Exit::Done)
        }
        PipelinesCommand::DryRun { version, tags, parameters } => {
            let body = DryRunRequest {
                version: *version,
                environment: context.globals.environment.clone(),
                tags: tags.iter().cloned().collect(),
                parameters: parameters.iter().cloned().collect(),
            };
            dry_run(context, &client, &project, &body).await
        }
        PipelinesCommand::Import { .. } | PipelinesCommand::Templates => Ok(Exit::Done),
    }
}

async fn versions(context: &Context, client: &Client<'_>, project: &str) -> Result<Exit, Error> {
    let found = client.pipeline_versions(project).await?;
    let mut table = Table::new(&["VERSION", "SAVED", "BY", "MESSAGE"]);
    for version in found.body.items {
        table.row([
            version.version.to_string(),
            context.moment(version.created_at),
            version.created_by.unwrap_or_default(),
            plain(&version.message.unwrap_or_default()),
        ]);
    }
    context.show_table(&found.raw, &table, "No version is saved yet: pierhead pipelines apply FILE")?;
    Ok(Exit::Done)
}

async fn dry_run(
    context: &Context,
    client: &Client<'_>,
    project: &str,
    body: &DryRunRequest,
) -> Result<Exit, Error> {
    let found = client.pipeline_dry_run(project, body).await?;
    let (raw, found) = (found.raw, found.body);
    context.show(&raw, || {
        let mut lines = vec![
            format!("version  {} in {}", found.version, found.environment),
            format!("order    {}", order(&found.rounds)),
            format!("room     {} MiB of memory, {} cores", found.room.memory_mb, found.room.cpu),
        ];
        lines.extend(found.images.iter().map(|it| format!("image    {} ({})", it.image, it.found)));
        lines.extend(found.problems.iter().map(DocumentProblem::shown));
        lines.push(
            if found.ok { "It could be deployed now." } else { "It cannot be deployed like this." }
                .to_owned(),
        );
        lines.iter().map(|line| plain(line)).collect()
    })?;
    Ok(if found.ok { Exit::Done } else { Exit::Failure })
}

async fn import(
    context: &Context,
    client: &Client<'_>,
    file: Option<&Path>,
    env_file: Option<&Path>,
) -> Result<Exit, Error> {
    let file = match file {
        Some(file) => file.to_owned(),
        None => {
            let found = COMPOSE_FILES.iter().map(PathBuf::from).find(|name| context.path(name).is_file());
            found.ok_or_else(|| {
                Error::not_found("there is no compose file here", "Name one: pierhead pipelines import FILE")
            })?
        }
    };
    let text = read(context, &file)?;
    let beside = file.parent().unwrap_or(Path::new("")).join(".env");
    let values = match env_file {
        Some(env_file) => super::dotenv::parse(&read(context, env_file)?),
        None if context.path(&beside).is_file() => super::dotenv::parse(&read(context, &beside)?),
        None => Ok(Vec::new()),
    };
    let values = values.map_err(|error| {
        let what = format!("line {} of the variables cannot be read: {}", error.line, error.problem);
        Error::usage(what, "Correct it, or name another file with --env-file.")
    })?;
    let values: BTreeMap<String, String> = values.into_iter().map(|entry| (entry.key, entry.value)).collect();
    let made = client.import_compose(&text, &values).await?;
    let report = &made.body;
    for (title, notes) in [
        ("Translated", &report.translated),
        ("Inferred: look whether it is meant", &report.inferred),
        ("Ignored", &report.ignored),
        ("Refused: what it was for is missing", &report.refused),
    ] {
        section(context, title, notes);
    }
    tell(context, &report.problems);
    context.show(&made.raw, || yaml(&report.pipeline))?;
    Ok(Exit::Done)
}

fn section(context: &Context, title: &str, notes: &[ComposeNote]) {
    if notes.is_empty() {
        return;
    }
    context.say(title);
    for note in notes {
        let result = note.result.as_ref().map_or_else(String::new, |result| format!(" → {result}"));
        context.say(&plain(&format!("  {}{result}: {}", note.path, note.reason)));
    }
}

async fn templates(context: &Context, client: &Client<'_>) -> Result<Exit, Error> {
    let found = client.templates().await?;
    let mut table = Table::new(&["NAME", "DESCRIPTION"]);
    for template in found.body.items {
        table.row([template.name, plain(&template.description.unwrap_or_default())]);
    }
    context.show_table(&found.raw, &table, "No template yet.")?;
    Ok(Exit::Done)
}

fn tell(context: &Context, problems: &[DocumentProblem]) {
    for problem in problems {
        context.say(&plain(&problem.shown()));
    }
}

/// `db → create-db, web → api`
fn order(rounds: &[Vec<String>]) -> String {
    rounds.iter().map(|round| round.join(", ")).collect::<Vec<_>>().join(" → ")
}

fn change(change: &crate::cli::client::pipelines::Change) -> Vec<String> {
    let show = |value: &Value| match value {
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    };
    let path = plain(&change.path);
    match change.kind.as_str() {
        "added" => vec![format!("+ {path}: {}", show(&change.after))],
        "removed" => vec![format!("- {path}: {}", show(&change.before))],
        _ => {
            vec![format!("- {path}: {}", show(&change.before)), format!("+ {path}: {}", show(&change.after))]
        }
    }
}

/// A document for people, line by line.
pub(super) fn yaml(document: &Value) -> Vec<String> {
    let text = serde_norway::to_string(document).unwrap_or_else(|_| document.to_string());
    text.lines().map(plain).collect()
}

/// A file's text; `-` is standard input.
pub(super) fn read(context: &Context, file: &Path) -> Result<String, Error> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        fs_err::read_to_string(context.path(file))
    };
    text.map_err(|error| Error::local(format!("{} cannot be read", file.display()), error, "Check the path."))
}

/// The name in a document of the catalogue.
pub(super) fn name_in(text: &str) -> Result<String, Error> {
    let document: Value = serde_norway::from_str(text).map_err(|error| {
        Error::usage(format!("the file cannot be read: {error}"), "Correct the line it names.")
    })?;
    let name = document.get("name").and_then(Value::as_str).map(str::to_owned);
    name.ok_or_else(|| Error::usage("the file has no `name`", "Add one: small letters, digits and `-`."))
}
