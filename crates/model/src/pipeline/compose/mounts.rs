//! Volumes: named ones belong to the slot; paths of a machine do not come along.

use serde_json::{Value as Json, json};

use super::interpolation::literal;
use super::service::label;
use super::{Place, Report, Verdict, is_true, scalar};
use crate::pipeline::document::tree::{Entry, Node, Value};

const BIND: &str = "a path of the machine it was written on: use a volume, and a plugin that fills it";
const SOCKET: &str = "the engine's socket is every container and root on the node";

/// The volumes at the top of the file.
pub(super) fn declared(at: &Place, node: &Node, report: &mut Report<'_>) {
    let Value::Map(entries) = &node.value else { return };
    for entry in entries {
        let at = at.key(entry);
        let Value::Map(settings) = &entry.value.value else {
            report.note(Verdict::Translated, &at, None, "each slot has its own");
            continue;
        };
        for setting in settings {
            let at = at.key(setting);
            let (verdict, reason) = match setting.key.as_str() {
                "external" if is_true(&setting.value) => (
                    Verdict::Refused,
                    "each slot has volumes of its own, empty at first: fill it with a plugin",
                ),
                "driver" | "driver_opts" => (Verdict::Refused, "volumes are the node's own disk"),
                _ => (Verdict::Ignored, "Pierhead names and labels the volumes of slots itself"),
            };
            report.note(verdict, &at, None, reason);
        }
    }
}

/// The mounts of a service, as a pipeline writes them.
pub(super) fn of_service(at: &Place, node: &Node, step: &str, report: &mut Report<'_>) -> Vec<Json> {
    let Value::List(items) = &node.value else {
        report.note(Verdict::Refused, at, None, "a list of volumes is expected here");
        return Vec::new();
    };
    let mut made = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = at.item(index, item);
        if let Some(mount) = one(&at, item, step, index, report) {
            report.translated(&at, format!("steps.{step}.volumes[{}]", made.len()));
            made.push(mount);
        }
    }
    made
}

fn one(at: &Place, item: &Node, step: &str, index: usize, report: &mut Report<'_>) -> Option<Json> {
    let (source, target, read_only) = match &item.value {
        Value::Map(entries) => long(at, entries, report)?,
        _ => short(&literal(scalar(item)?, at, report)?),
    };
    let source = match source {
        Some(path) if path.starts_with(['/', '.', '~']) || path.contains('\\') => {
            let reason = if path.ends_with(".sock") { SOCKET } else { BIND };
            report.note(Verdict::Refused, at, None, reason);
            return None;
        }
        Some(name) => name,
        None => {
            let name = format!("{step}-data{}", if index == 0 { String::new() } else { index.to_string() });
            let reason = format!("a volume without a name: it is called `{name}`");
            report.note(Verdict::Inferred, at, Some(format!("steps.{step}.volumes")), &reason);
            name
        }
    };
    let Some(name) = label(&source) else {
        report.note(Verdict::Refused, at, None, "this cannot name a volume");
        return None;
    };
    let mut mount = json!({ "name": name, "path": target });
    if read_only {
        mount["read_only"] = json!(true);
    }
    Some(mount)
}

/// `[source:]target[:options]`
fn short(text: &str) -> (Option<String>, String, bool) {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default().to_owned();
    match (parts.next(), parts.next()) {
        (Some(target), options) => {
            let read_only = options.is_some_and(|options| options.split(',').any(|option| option == "ro"));
            (Some(first), target.to_owned(), read_only)
        }
        (None, _) => (None, first, false),
    }
}

fn long(at: &Place, entries: &[Entry], report: &mut Report<'_>) -> Option<(Option<String>, String, bool)> {
    let field = |name: &str| entries.iter().find(|entry| entry.key == name);
    let text = |name: &str, report: &mut Report<'_>| {
        field(name).and_then(|entry| scalar(&entry.value)).and_then(|text| literal(text, at, report))
    };
    match text("type", report).as_deref() {
        None | Some("volume") => {}
        Some("tmpfs") => {
            let reason = "what is not in a volume is gone with the container anyway";
            report.note(Verdict::Ignored, at, None, reason);
            return None;
        }
        Some("bind") => {
            report.note(Verdict::Refused, at, None, BIND);
            return None;
        }
        Some(_) => {
            report.note(Verdict::Refused, at, None, "only volumes can be mounted");
            return None;
        }
    }
    let target = text("target", report);
    if target.is_none() {
        report.note(Verdict::Refused, at, None, "a mount needs its `target`");
    }
    let read_only = field("read_only").is_some_and(|entry| is_true(&entry.value));
    Some((text("source", report), target?, read_only))
}
