//! `audit`: who did what, when, from where; with --project, to a project and its parts.

use clap::{Args, ValueEnum};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only what this account did
    #[arg(long, value_name = "EMAIL")]
    actor: Option<String>,
    /// Only this, such as `project.update`, or all of `project`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done to this, by its name or id
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// From this moment on, such as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many entries
    #[arg(long, value_name = "NUMBER", default_value_t = 50, conflicts_with = "export")]
    limit: usize,
    /// All entries, one JSON document per line
    #[arg(long, value_name = "FORMAT")]
    export: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
}

pub(crate) async fn run(context: &Context, args: &AuditArgs) -> Result<(), Error> {
    let filters = [
        ("actor", args.actor.as_deref()),
        ("action", args.action.as_deref()),
        ("target", args.target.as_deref()),
        ("project", context.globals.project.as_deref()),
        ("since", args.since.as_deref()),
        ("until", args.until.as_deref()),
    ];
    let limit = if args.export.is_some() { None } else { Some(args.limit) };
    let found = context.client()?.audit(&filters, limit).await?;
    if args.export.is_some() {
        let entries = found.raw.as_array().or_else(|| found.raw["items"].as_array());
        for entry in entries.into_iter().flatten() {
            context.printer.answer(&entry.to_string())?;
        }
        return Ok(());
    }
    let mut table = Table::new(&["WHEN", "WHO", "DID", "TO", "FROM"]);
    for entry in found.body {
        table.row([
            context.moment(Some(entry.at)),
            entry.actor.email,
            entry.action,
            entry.target.name,
            entry.actor.ip.unwrap_or_default(),
        ]);
    }
    context.show_table(&found.raw, &table, "Nothing was done yet.")
}
