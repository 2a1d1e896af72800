//! A `compose.yaml` into a pipeline, and a report that says of every key what became of it.
//!
//! Nothing is dropped in silence: each key is translated, inferred from, ignored with a reason, or refused with a reason. What
//! comes out is read by [`super::read()`] like anybody's text; what that refuses is taken out again and reported, so that the
//! pipeline can always be opened and corrected.
//!
//! Compose's `${VAR}` is a value from the shell of whoever runs it. Here it becomes a parameter of the pipeline, with the
//! default that the file gives it; a missing one is then an error before anything is deployed, not an empty text. A variable
//! named like a secret becomes a reference to the project's secret.

mod interpolation;
mod keys;
mod mounts;
mod ports;
mod service;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::definition::{Pipeline, VERSION};
use super::document::tree::{Entry, Node, Value};
use super::document::{Format, Problem, parse};
use super::read;

/// What became of a key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// It means the same here.
    Translated,
    /// Something was concluded from it, or from its absence: look whether it is meant.
    Inferred,
    /// It has no meaning here; the reason says why that is no loss, or what to do instead.
    Ignored,
    /// It cannot or must not be done; what it was for is missing.
    Refused,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub verdict: Verdict,
    /// In the compose file: `services.web.ports[0]`.
    pub path: String,
    /// Counted from 1.
    pub line: Option<u32>,
    /// Where it went in the pipeline: `steps.web.public`.
    pub result: Option<String>,
    pub reason: String,
}

/// A pipeline, and what became of every key.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub pipeline: Pipeline,
    /// In the order of the file.
    pub notes: Vec<Note>,
}

/// Imports a compose file. `values` are those of its `.env`; they become defaults.
///
/// # Errors
///
/// When the text is no compose file, or nothing of it can be a step.
pub fn import(text: &str, values: &BTreeMap<String, String>) -> Result<Import, Vec<Problem>> {
    let root = parse(text, Format::guess(text)).map_err(|problem| vec![problem])?;
    let Value::Map(entries) = &root.value else {
        return Err(vec![Problem::error("", "a compose file is a map with `services`").at_line(Some(1))]);
    };
    let mut report = Report::new(values);
    let mut steps = Map::new();
    for entry in entries {
        let at = Place::top(entry);
        match entry.key.as_str() {
            "services" => services(&at, &entry.value, &mut steps, &mut report),
            "volumes" => mounts::declared(&at, &entry.value, &mut report),
            key => keys::top(key, &at, &mut report),
        }
    }
    if steps.is_empty() {
        let why = "no service of the file can be a step";
        let mut problems = vec![Problem::error("services", why)];
        let refused = report.notes.into_iter().filter(|note| note.verdict == Verdict::Refused);
        problems.extend(refused.map(|note| Problem::error(note.path, note.reason).at_line(note.line)));
        return Err(problems);
    }
    settle(steps, report)
}

fn services(at: &Place, node: &Node, steps: &mut Map<String, Json>, report: &mut Report<'_>) {
    let Value::Map(entries) = &node.value else {
        report.note(Verdict::Refused, at, None, "a map of services is expected here");
        return;
    };
    let names = service::Names::of(entries);
    for entry in entries {
        service::translate(&at.key(entry), entry, &names, steps, report);
    }
}

/// Reads what was made. What the reader refuses is taken out, one field at a time, and reported.
fn settle(mut steps: Map<String, Json>, mut report: Report<'_>) -> Result<Import, Vec<Problem>> {
    loop {
        let mut document = Map::new();
        document.insert("version".into(), json!(VERSION));
        if !report.parameters.is_empty() {
            document.insert("parameters".into(), json!(report.parameters));
        }
        document.insert("steps".into(), Json::Object(steps.clone()));
        let problems = match read(&Json::Object(document).to_string(), Format::Json) {
            Ok(read) => return Ok(Import { pipeline: read.pipeline, notes: report.sorted() }),
            Err(problems) => problems,
        };
        let fields: BTreeSet<Field> =
            problems.iter().filter_map(|problem| Field::of(&problem.path)).collect();
        // From the last on, so that positions in lists stay true.
        let removed = fields.iter().rev().filter(|field| field.remove(&mut steps)).count();
        for problem in problems.iter().filter(|problem| Field::of(&problem.path).is_some()) {
            let place = Place { path: problem.path.clone(), line: None };
            report.note(Verdict::Refused, &place, None, &problem.message);
        }
        if removed == 0 || steps.is_empty() {
            return Err(problems);
        }
    }
}

/// What has to go because of a problem: an item of a list or map, a field, or a whole step.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    step: String,
    name: String,
    index: Option<usize>,
    key: Option<String>,
}

impl Field {
    fn of(path: &str) -> Option<Self> {
        let (step, rest) =
            path.strip_prefix("steps.").map(|rest| rest.split_once('.').unwrap_or((rest, "")))?;
        let (name, below) = rest.split_once('.').unwrap_or((rest, ""));
        let (name, index) = match name.split_once('[') {
            Some((name, index)) => (name, index.split(']').next().and_then(|index| index.parse().ok())),
            None => (name, None),
        };
        let key = (name == "variables" && !below.is_empty()).then(|| below.to_owned());
        Some(Self { step: step.to_owned(), name: name.to_owned(), index, key })
    }

    /// Whether there was something to remove.
    fn remove(&self, steps: &mut Map<String, Json>) -> bool {
        let Some(Json::Object(fields)) = steps.get_mut(&self.step) else { return false };
        if matches!(self.name.as_str(), "" | "kind" | "image" | "build") {
            return steps.remove(&self.step).is_some();
        }
        match (fields.get_mut(&self.name), self.index, &self.key) {
            (Some(Json::Array(items)), Some(index), _) if index < items.len() => {
                items.remove(index);
                true
            }
            (Some(Json::Object(entries)), _, Some(key)) => entries.remove(key).is_some(),
            (Some(_), ..) => fields.remove(&self.name).is_some(),
            (None, ..) => false,
        }
    }
}

/// Where something stands in the compose file.
#[derive(Debug, Clone)]
struct Place {
    path: String,
    line: Option<u32>,
}

impl Place {
    fn top(entry: &Entry) -> Self {
        Self { path: entry.key.clone(), line: line(entry.line) }
    }

    fn key(&self, entry: &Entry) -> Self {
        Self { path: format!("{}.{}", self.path, entry.key), line: line(entry.line) }
    }

    fn item(&self, index: usize, node: &Node) -> Self {
        Self { path: format!("{}[{index}]", self.path), line: line(node.line) }
    }
}

fn line(line: u32) -> Option<u32> {
    (line > 0).then_some(line)
}

/// What is gathered on the way.
#[derive(Debug)]
struct Report<'a> {
    notes: Vec<Note>,
    /// Of the pipeline, by name.
    parameters: Map<String, Json>,
    values: &'a BTreeMap<String, String>,
}

impl<'a> Report<'a> {
    fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self { notes: Vec::new(), parameters: Map::new(), values }
    }

    fn note(&mut self, verdict: Verdict, at: &Place, result: Option<String>, reason: &str) {
        let note = Note { verdict, path: at.path.clone(), line: at.line, result, reason: reason.to_owned() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn translated(&mut self, at: &Place, result: String) {
        self.note(Verdict::Translated, at, Some(result), "means the same");
    }

    fn sorted(mut self) -> Vec<Note> {
        self.notes.sort_by_key(|note| note.line.unwrap_or(u32::MAX));
        self.notes
    }
}

/// The text of a scalar.
fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

fn is_true(node: &Node) -> bool {
    node.to_json() == Json::Bool(true)
}
