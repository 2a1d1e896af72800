//! `env import`: every variable of a `.env` file, all or none, with a report of what that changes.
//!
//! What is a secret stays one, whatever the file's writer thinks, and names that say so become one: a value that is shown
//! cannot be unseen.

use std::path::Path;

use pierhead_model::variable::{VariableKey, check_value, is_secretive};

use super::{Kind, Place, read_all, told};
use crate::cli::client::types::{NewVariable, Variable};
use crate::cli::commands::dotenv::{self, Entry};
use crate::cli::error::Error;

/// Replaces the whole set at once, on the condition that nobody else changed it meanwhile.
pub(super) async fn run(place: &Place<'_>, file: &Path, kind: Kind, dry_run: bool) -> Result<(), Error> {
    let Place { context, client, project, at } = place;
    let from_stdin = file.as_os_str() == "-";
    let text = read_all((!from_stdin).then(|| context.path(file)).as_deref())?;
    let refused = |why: String| Error::usage(format!("{}: {why}", file.display()), "Nothing was set.");
    let entries = dotenv::parse(&text).map_err(|error| refused(error.to_string()))?;
    let existing = client.variables(project, at, None).await?;
    let Plan { mut items, report } =
        plan(entries, &existing.body.items, kind).map_err(|problems| refused(problems.join("; ")))?;
    for line in report {
        context.say(&line);
    }
    if dry_run {
        context.say("Nothing was set: this was a dry run.");
        return Ok(());
    }
    let (count, version) = (items.len(), existing.body.version);
    let kept: Vec<_> = existing
        .body
        .items
        .into_iter()
        .filter(|old| !items.iter().any(|new| new.key == old.key))
        .map(|old| NewVariable { key: old.key, value: old.value, secret: old.secret, exposure: old.exposure })
        .collect();
    items.extend(kept);
    let answer = client.variables_replace(project, at, items, version).await?;
    let variables = if count == 1 { "variable" } else { "variables" };
    told(context, &format!("Set {count} {variables}."));
    context.show(&answer, Vec::new)
}

struct Plan {
    items: Vec<NewVariable>,
    /// For people, a line per kind of change.
    report: Vec<String>,
}

/// What a file means beside what there is; every problem of the file at once.
fn plan(entries: Vec<Entry>, existing: &[Variable], kind: Kind) -> Result<Plan, Vec<String>> {
    let (mut items, mut problems): (Vec<NewVariable>, Vec<String>) = (Vec::new(), Vec::new());
    let mut repeated = Vec::new();
    for Entry { line, key, value } in entries {
        let checked = VariableKey::parse(&key).and_then(|key| check_value(&key, &value));
        if let Err(error) = checked {
            problems.push(format!("line {line}: {error}"));
            continue;
        }
        let old = existing.iter().find(|old| old.key == key);
        let secret = kind.secret || old.map_or_else(|| is_secretive(&key), |old| old.secret);
        let exposure = match (kind.exposure, old) {
            (None, Some(old)) => old.exposure,
            _ => kind.exposure(),
        };
        if items.iter().any(|item| item.key == key) {
            repeated.push(format!("{key} (line {line} counts)"));
            items.retain(|item| item.key != key);
        }
        items.push(NewVariable { key, value: Some(value), secret, exposure });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let report = report(&items, existing, repeated);
    Ok(Plan { items, report })
}

fn report(items: &[NewVariable], existing: &[Variable], repeated: Vec<String>) -> Vec<String> {
    let (mut added, mut changed, mut same, mut written) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for item in items {
        let name = if item.secret { format!("{} (secret)", item.key) } else { item.key.clone() };
        match existing.iter().find(|old| old.key == item.key) {
            None => added.push(name),
            // Its value is not known here, so neither is whether it differs.
            Some(old) if old.secret => written.push(name),
            Some(old) if old.value == item.value && !item.secret && old.exposure == item.exposure => {
                same.push(name);
            }
            Some(_) => changed.push(name),
        }
    }
    let kinds = [
        ("New", added),
        ("Changed", changed),
        ("Written again", written),
        ("As before", same),
        ("More than once", repeated),
    ];
    let told = |(kind, names): (&str, Vec<String>)| {
        (!names.is_empty()).then(|| format!("{kind}: {}", names.join(", ")))
    };
    kinds.into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use pierhead_model::variable::Exposure;

    use super::*;

    fn old(key: &str, value: Option<&str>, exposure: Exposure) -> Variable {
        Variable {
            environment: None,
            slot: None,
            key: key.to_owned(),
            value: value.map(str::to_owned),
            secret: value.is_none(),
            exposure,
            updated_at: None,
        }
    }

    #[test]
    fn a_secret_stays_one_and_everything_is_reported() {
        let existing = [
            old("KEY", None, Exposure::All),
            old("MODE", Some("a"), Exposure::Build),
            old("SAME", Some("1"), Exposure::Runtime),
        ];
        let text = "KEY=1\nMODE=b\nSAME=1\nDB_PASSWORD=x\nNEW=1\nNEW=2\n";
        let kind = Kind { secret: false, exposure: None };
        let plan = plan(dotenv::parse(text).unwrap(), &existing, kind).ok().unwrap();
        let items: Vec<_> = plan.items.iter().map(|it| (it.key.as_str(), it.secret, it.exposure)).collect();
        assert_eq!(
            items,
            [
                ("KEY", true, Exposure::All),
                ("MODE", false, Exposure::Build),
                ("SAME", false, Exposure::Runtime),
                ("DB_PASSWORD", true, Exposure::Runtime),
                ("NEW", false, Exposure::Runtime),
            ]
        );
        assert_eq!(
            plan.report,
            [
                "New: DB_PASSWORD (secret), NEW",
                "Changed: MODE",
                "Written again: KEY (secret)",
                "As before: SAME",
                "More than once: NEW (line 6 counts)",
            ]
        );
    }

    #[test]
    fn every_line_that_is_refused_is_named() {
        let kind = Kind { secret: false, exposure: None };
        let problems = plan(dotenv::parse("PORT=1\nA=1\n1B=2\n").unwrap(), &[], kind).err().unwrap();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("line 1: `PORT` is reserved"), "{problems:?}");
        assert!(problems[1].starts_with("line 3: `1B` is not a variable name"), "{problems:?}");
    }
}
