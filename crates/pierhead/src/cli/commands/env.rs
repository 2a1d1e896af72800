//! `env`: variables and secrets of a project, of an environment (`--environment`) and of slots (`--slot`).

mod import;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use pierhead_model::variable::{Exposure, VariableKey, check_value};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::dotenv;
use crate::cli::client::Client;
use crate::cli::client::calls::VariablesAt;
use crate::cli::client::types::{NewVariable, Variable};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::{Table, safe_text};

/// Largest file that is imported, in bytes.
const MAX_IMPORT_BYTES: u64 = 4 << 20;

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    #[command(subcommand)]
    command: Option<EnvCommand>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum When {
    Build,
    Runtime,
    Plugin,
    All,
}

impl From<When> for Exposure {
    fn from(when: When) -> Self {
        match when {
            When::Build => Self::Build,
            When::Runtime => Self::Runtime,
            When::Plugin => Self::Plugin,
            When::All => Self::All,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Dotenv,
    Json,
    Shell,
}

#[derive(Debug, Clone, Copy, Args)]
struct Kind {
    /// Never shown again
    #[arg(long)]
    secret: bool,
    /// When it is there [default: runtime]
    #[arg(long, value_name = "WHEN")]
    exposure: Option<When>,
}

impl Kind {
    fn exposure(self) -> Exposure {
        self.exposure.unwrap_or(When::Runtime).into()
    }
}

#[derive(Debug, Subcommand)]
enum EnvCommand {
    /// List variables; secrets without their value
    #[command(visible_alias = "ls")]
    List {
        /// What the next deployment gets: of several places the narrower one wins
        #[arg(long)]
        in_force: bool,
    },
    /// Print one value
    Get { key: String },
    /// Set variables
    #[command(
        after_help = "Examples:\n  pierhead env set LOG_LEVEL=debug A=1\n  pierhead env set --secret API_KEY        asks for the value\n  pierhead env set --secret API_KEY=- < key.txt\n  pierhead env set --slot 'pr-*' DATABASE_URL=…   for all previews"
    )]
    Set {
        /// KEY=VALUE; KEY alone asks; KEY=- reads stdin
        #[arg(required = true, value_name = "KEY=VALUE")]
        assignments: Vec<String>,
        #[command(flatten)]
        kind: Kind,
    },
    /// Remove variables
    #[command(visible_aliases = ["remove", "rm", "delete"])]
    Unset {
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Set every variable of a .env file, all or none
    Import {
        /// The file, or - for stdin
        file: PathBuf,
        #[command(flatten)]
        kind: Kind,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the variables; secrets are left out
    Export {
        #[arg(long, value_name = "FORMAT", default_value = "dotenv")]
        format: Format,
        /// The names alone, those of secrets too: what to fill in elsewhere
        #[arg(long, conflicts_with = "format")]
        names: bool,
        /// Into a file that only you can read
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(crate) async fn run(context: &Context, args: EnvArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?.name;
    let globals = &context.globals;
    let production = globals.prod.then(|| "production".to_owned());
    let at =
        VariablesAt { environment: globals.environment.clone(), slot: globals.slot.clone().or(production) };
    let place = Place { context, client: &client, project: &project, at };
    match args.command.unwrap_or(EnvCommand::List { in_force: false }) {
        EnvCommand::List { in_force } => list(&place, in_force).await,
        EnvCommand::Get { key } => get(&place, &key).await,
        EnvCommand::Set { assignments, kind } => set(&place, &assignments, kind).await,
        EnvCommand::Unset { keys } => {
            for key in &keys {
                client.variable_delete(&project, &place.at, key).await?;
            }
            told(context, &format!("Removed {}.", keys.join(", ")));
            Ok(())
        }
        EnvCommand::Import { file, kind, dry_run } => import::run(&place, &file, kind, dry_run).await,
        EnvCommand::Export { format, names, output } => {
            export(&place, format, names, output.as_deref()).await
        }
    }
}

/// Whose variables are meant.
struct Place<'p> {
    context: &'p Context,
    client: &'p Client<'p>,
    project: &'p str,
    at: VariablesAt,
}

impl Place<'_> {
    /// What a deployment would see: the project's own when no place was named.
    async fn seen(&self) -> Result<Vec<Variable>, Error> {
        let show = (!self.at.is_project()).then_some("in_force");
        Ok(self.client.variables(self.project, &self.at, show).await?.body.items)
    }
}

fn told(context: &Context, what: &str) {
    context.say(&format!("{what} It counts from the next deployment: pierhead deploy"));
}

async fn list(place: &Place<'_>, in_force: bool) -> Result<(), Error> {
    let Place { context, client, project, at } = place;
    let (at, show) = match (in_force, at.is_project()) {
        (true, true) => {
            (&VariablesAt { environment: Some("local".to_owned()), slot: None }, Some("in_force"))
        }
        (true, false) => (at, Some("in_force")),
        (false, true) => (at, Some("all")),
        (false, false) => (at, None),
    };
    let variables = client.variables(project, at, show).await?;
    let mut table = Table::new(&["KEY", "VALUE", "EXPOSURE", "WHERE", "CHANGED"]);
    for variable in variables.body.items {
        let value = match (&variable.value, variable.secret) {
            (_, true) => "(secret)".to_owned(),
            (value, false) => safe_text::plain(&value.as_deref().unwrap_or_default().replace('\n', "\\n")),
        };
        let exposure = json!(variable.exposure).as_str().unwrap_or_default().to_owned();
        let within = match (&variable.environment, &variable.slot) {
            (Some(environment), Some(slot)) => format!("{environment}/{slot}"),
            (Some(environment), None) => environment.clone(),
            (None, _) => "everywhere".to_owned(),
        };
        table.row([variable.key, value, exposure, within, context.moment(variable.updated_at)]);
    }
    context.show_table(&variables.raw, &table, "No variable yet: pierhead env set KEY=VALUE")
}

async fn get(place: &Place<'_>, key: &str) -> Result<(), Error> {
    let (context, project) = (place.context, place.project);
    let variables = place.seen().await?;
    let found = variables.into_iter().find(|variable| variable.key == key);
    let variable = found.ok_or_else(|| {
        Error::not_found(format!("{project} has no variable {key}"), "See them with: pierhead env list")
    })?;
    match variable {
        Variable { secret: true, .. } => {
            let why = "A secret is stored encrypted and never shown again.";
            Err(Error::local(
                format!("{key} is a secret"),
                why,
                format!("Set a new value with: pierhead env set --secret {key}"),
            ))
        }
        Variable { value, .. } => {
            let value = value.unwrap_or_default();
            context.show(&json!({ "key": key, "value": value }), || vec![value.clone()])
        }
    }
}

async fn set(place: &Place<'_>, assignments: &[String], kind: Kind) -> Result<(), Error> {
    let Place { context, client, project, at } = place;
    let mut variables = Vec::new();
    for assignment in assignments {
        let (key, value) = match assignment.split_once('=') {
            Some((key, "-")) => (key, read_all(None)?.trim_end_matches(['\n', '\r']).to_owned()),
            Some((key, value)) => (key, value.to_owned()),
            None => {
                context.may_ask(
                    &format!("{assignment} needs a value"),
                    &format!("Write {assignment}=VALUE, or {assignment}=- to read stdin."),
                )?;
                (
                    assignment.as_str(),
                    context.read_secret(&format!("{assignment}: "))?.expose_secret().to_owned(),
                )
            }
        };
        variables.push(checked(key, value, kind)?);
    }
    let mut answers = Vec::new();
    for variable in &variables {
        answers.push(client.variable_put(project, at, variable).await?);
    }
    let keys: Vec<&str> = variables.iter().map(|variable| variable.key.as_str()).collect();
    told(context, &format!("Set {}.", keys.join(", ")));
    context.show(&json!({ "items": answers, "next_cursor": null }), Vec::new)
}

fn checked(key: &str, value: String, kind: Kind) -> Result<NewVariable, Error> {
    let refused = |error: pierhead_model::variable::InvalidVariable| {
        Error::usage(error.to_string(), "Nothing was set.")
    };
    let key = VariableKey::parse(key).map_err(refused)?;
    check_value(&key, &value).map_err(refused)?;
    Ok(NewVariable { key: key.into(), value: Some(value), secret: kind.secret, exposure: kind.exposure() })
}

async fn export(
    place: &Place<'_>,
    format: Format,
    names: bool,
    output: Option<&std::path::Path>,
) -> Result<(), Error> {
    let context = place.context;
    let mut variables = place.seen().await?;
    if names {
        let blank = |it: Variable| Variable { value: None, secret: false, ..it };
        variables = variables.into_iter().map(blank).collect();
    }
    let (secrets, plain): (Vec<_>, Vec<_>) = variables.into_iter().partition(|variable| variable.secret);
    let pairs = || {
        plain.iter().map(|variable| (variable.key.as_str(), variable.value.as_deref().unwrap_or_default()))
    };
    let format = if context.json() { Format::Json } else { format };
    let mut text = match format {
        Format::Dotenv => pairs().map(|(key, value)| dotenv::line(key, value) + "\n").collect::<String>(),
        Format::Shell => pairs().map(|(key, value)| dotenv::shell_line(key, value) + "\n").collect(),
        Format::Json => {
            Value::Object(pairs().map(|(key, value)| (key.to_owned(), value.into())).collect::<Map<_, _>>())
                .to_string()
                + "\n"
        }
    };
    if !secrets.is_empty() {
        let names: Vec<&str> = secrets.iter().map(|variable| variable.key.as_str()).collect();
        context.say(&format!("Left out, because secrets are never shown: {}", names.join(", ")));
    }
    match output {
        Some(path) => {
            let path = context.path(path);
            write_private(&path, &text).map_err(|error| {
                Error::local(
                    format!("{} cannot be written", path.display()),
                    error,
                    "Check the path after --output.",
                )
            })?;
            context.say(&format!("Wrote {}.", path.display()));
            Ok(())
        }
        None => {
            text.truncate(text.trim_end_matches('\n').len());
            if text.is_empty() { Ok(()) } else { Ok(context.printer.answer(&text)?) }
        }
    }
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        fs_err::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn read_all(file: Option<&std::path::Path>) -> Result<String, Error> {
    let mut text = String::new();
    let read = match file {
        Some(path) => {
            fs_err::File::open(path).and_then(|file| file.take(MAX_IMPORT_BYTES).read_to_string(&mut text))
        }
        None => std::io::stdin().lock().take(MAX_IMPORT_BYTES).read_to_string(&mut text),
    };
    read.map_err(|error| {
        Error::local("the value cannot be read", error, "Check the file; it must be text.")
    })?;
    Ok(text)
}
