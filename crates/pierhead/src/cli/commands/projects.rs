//! `projects`: what gets deployed.

use clap::{Args, Subcommand};
use pierhead_model::plan::BuildSettings;
use serde_json::{Map, Value, json};

use super::deploy::BuildFlags;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;
use crate::output::safe_text;

#[derive(Debug, Args)]
pub(crate) struct ProjectsArgs {
    #[command(subcommand)]
    command: Option<ProjectsCommand>,
}

#[derive(Debug, Subcommand)]
enum ProjectsCommand {
    /// List projects
    #[command(visible_alias = "ls")]
    List {
        /// Only names that contain this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show a project's settings
    #[command(visible_alias = "info")]
    Show { name: Option<String> },
    /// Make a project
    Create {
        name: String,
        #[command(flatten)]
        settings: Box<SettingFlags>,
    },
    /// Change a project's settings
    Update {
        name: Option<String>,
        #[command(flatten)]
        settings: Box<SettingFlags>,
    },
    /// Give a project to a team that you are in, or to somebody
    Transfer {
        name: String,
        /// A team's name, or an address
        to: String,
    },
    /// Delete a project with everything that belongs to it
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

/// What can be set from here; the rest through `pierhead api`.
#[derive(Debug, Args)]
struct SettingFlags {
    /// The repository's address
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// The branch that is deployed
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// The folder inside the repository
    #[arg(long, value_name = "DIR")]
    root_directory: Option<String>,
    /// Memory of the running service, in MB
    #[arg(long, value_name = "NUMBER")]
    memory_mb: Option<u32>,
    /// Cores of the running service
    #[arg(long, value_name = "NUMBER")]
    cpu: Option<f64>,
    /// Longest build, in seconds
    #[arg(long, value_name = "SECONDS")]
    build_timeout_s: Option<u32>,
    /// Idle time before a service may sleep; 0 never
    #[arg(long, value_name = "SECONDS")]
    sleep_after_s: Option<u32>,
    #[command(flatten)]
    build: BuildFlags,
}

impl SettingFlags {
    /// The settings document with only what was given: a JSON merge patch.
    fn patch(&self) -> Map<String, Value> {
        let mut patch = Map::new();
        let source = json!({ "repository": self.repository, "branch": self.branch, "root_directory": self.root_directory });
        let limits =
            json!({ "memory_mb": self.memory_mb, "cpu": self.cpu, "build_timeout_s": self.build_timeout_s });
        let build = match self.build.settings() {
            none if none == BuildSettings::default() => Value::Null,
            some => json!(some),
        };
        for (name, mut part) in [("source", source), ("limits", limits), ("build", build)] {
            if let Some(part) = part.as_object_mut() {
                part.retain(|_, value| !value.is_null());
            }
            if part.as_object().is_some_and(|part| !part.is_empty()) {
                patch.insert(name.to_owned(), part);
            }
        }
        if let Some(seconds) = self.sleep_after_s {
            patch.insert("sleep_after_s".to_owned(), seconds.into());
        }
        patch
    }
}

pub(crate) async fn run(context: &Context, args: ProjectsArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.unwrap_or(ProjectsCommand::List { search: None }) {
        ProjectsCommand::List { search } => {
            let projects = client.projects(search.as_deref()).await?;
            let mut table = Table::new(&["NAME", "LIVE", "URL", "REPOSITORY", "CREATED"]);
            for project in projects.body {
                let live = if project.deleting { Some("(deleting)".to_owned()) } else { project.live };
                table.row([
                    project.name,
                    live.unwrap_or_default(),
                    project.url.unwrap_or_default(),
                    project.source.map(|source| source.repository.to_string()).unwrap_or_default(),
                    context.moment(project.created_at),
                ]);
            }
            context.show_table(&projects.raw, &table, "No project yet: pierhead deploy URL")
        }
        ProjectsCommand::Show { name } => {
            let name = named(context, &client, name).await?;
            let project = client.project(&name).await?;
            context.show(&project.raw, || lines("", &project.raw))
        }
        ProjectsCommand::Create { name, settings } => {
            let mut body = settings.patch();
            body.insert("name".to_owned(), name.into());
            let project = client.project_create(&Value::Object(body)).await?;
            context.say(&format!(
                "Made {}. Next: pierhead deploy --project {}",
                project.body.name, project.body.name
            ));
            context.show(&project.raw, || vec![project.body.name.clone()])
        }
        ProjectsCommand::Update { name, settings } => {
            let patch = settings.patch();
            if patch.is_empty() {
                return Err(Error::usage(
                    "nothing to change was given",
                    "See what can be: pierhead projects update --help",
                ));
            }
            let name = named(context, &client, name).await?;
            let project = client.project_update(&name, &Value::Object(patch)).await?;
            context.say(&format!("Changed {name}. It counts from the next deployment: pierhead deploy"));
            context.show(&project.raw, Vec::new)
        }
        ProjectsCommand::Transfer { name, to } => {
            context.agree(&format!("Give the project {name} to {to}?"))?;
            let answer = client.project_transfer(&name, &to).await?;
            context.say(&format!("The project {name} belongs to {to} now."));
            context.show(&answer, Vec::new)
        }
        ProjectsCommand::Delete { name } => {
            context.agree_by_name("the project, its deployments and their data", &name)?;
            let answer = client.project_delete(&name).await?;
            context.say(&format!("Deleting {name}."));
            context.show(&answer, Vec::new)
        }
    }
}

async fn named(
    context: &Context,
    client: &crate::cli::client::Client<'_>,
    given: Option<String>,
) -> Result<String, Error> {
    match given {
        Some(name) => Ok(name),
        None => Ok(target::project(context, client).await?.name),
    }
}

/// A document as `path  value` lines.
fn lines(prefix: &str, document: &Value) -> Vec<String> {
    match document {
        Value::Object(fields) => {
            let inner = |(name, value): (&String, &Value)| {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                lines(&path, value)
            };
            fields.iter().flat_map(inner).collect()
        }
        Value::Null => Vec::new(),
        Value::String(text) => vec![format!("{prefix:<28} {}", safe_text::plain(text))],
        other => vec![format!("{prefix:<28} {other}")],
    }
}
