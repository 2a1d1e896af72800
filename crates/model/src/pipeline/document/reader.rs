//! Reads a tree into typed values and goes on after a mistake.
//!
//! A [`Cursor`] is a value and its path. Every reading method returns `None` after it noted a problem, so a reader collects
//! what it can and fails only at its end: `Some` never means that there was no problem elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::problem::{Problem, closest, quoted};
use super::tree::{Entry, Node, Value};

/// What reading gathers beside the values.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    problems: RefCell<Vec<Problem>>,
    lines: RefCell<BTreeMap<String, u32>>,
}

impl Sink {
    pub(crate) fn into_parts(self) -> (Vec<Problem>, BTreeMap<String, u32>) {
        (self.problems.into_inner(), self.lines.into_inner())
    }
}

/// One value, its path and its line.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    node: &'a Node,
    path: String,
    line: u32,
    sink: &'a Sink,
}

impl<'a> Cursor<'a> {
    pub(crate) fn top(node: &'a Node, sink: &'a Sink) -> Self {
        Self { node, path: String::new(), line: node.line, sink }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    fn child(&self, step: &str, line: u32, node: &'a Node) -> Self {
        let path = match (self.path.as_str(), step.starts_with('[')) {
            ("", _) => step.to_owned(),
            (path, true) => format!("{path}{step}"),
            (path, false) => format!("{path}.{step}"),
        };
        if line > 0 {
            self.sink.lines.borrow_mut().insert(path.clone(), line);
        }
        Self { node, path, line, sink: self.sink }
    }

    pub(crate) fn problem(&self, message: impl Into<String>) {
        self.note(Problem::error(self.path.clone(), message));
    }

    pub(crate) fn note(&self, problem: Problem) {
        let line = Some(self.line).filter(|line| *line > 0);
        self.sink.problems.borrow_mut().push(problem.at_line(line));
    }

    fn expected(&self, what: &str) {
        self.problem(format!("{what} is expected here, not {}", self.node.kind()));
    }

    /// The fields of a map. `what` says whose fields, for the message about an unknown one: `a service step`.
    pub(crate) fn fields(&self, what: &'static str) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Map(entries) => Some(Fields { cursor: self.clone(), entries, what, asked: Vec::new() }),
            _ => {
                self.expected("a map");
                None
            }
        }
    }

    /// Every key of a map with its value.
    pub(crate) fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        match &self.node.value {
            Value::Map(entries) => {
                let child =
                    |entry: &'a Entry| (entry.key.as_str(), self.child(&entry.key, entry.line, &entry.value));
                Some(entries.iter().map(child).collect())
            }
            Value::Null => Some(Vec::new()),
            _ => {
                self.expected("a map");
                None
            }
        }
    }

    /// A map whose keys and values are parsed.
    pub(crate) fn map<K: Ord, V, E: Display>(
        &self,
        key: impl Fn(&str) -> Result<K, E>,
        value: impl Fn(&Self) -> Option<V>,
    ) -> BTreeMap<K, V> {
        let mut map = BTreeMap::new();
        for (name, child) in self.entries().unwrap_or_default() {
            let parsed = child.accept(key(name));
            // The value is read even under a bad key: its own problems are told too.
            if let (value, Some(key)) = (value(&child), parsed)
                && let Some(value) = value
            {
                map.insert(key, value);
            }
        }
        map
    }

    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(items) => {
                let child = |(at, item): (usize, &'a Node)| self.child(&format!("[{at}]"), item.line, item);
                Some(items.iter().enumerate().map(child).collect())
            }
            _ => {
                self.expected("a list");
                None
            }
        }
    }

    pub(crate) fn list<T>(&self, item: impl Fn(&Self) -> Option<T>) -> Vec<T> {
        self.items().unwrap_or_default().iter().filter_map(item).collect()
    }

    /// Text. A plain number or truth is taken as it is written.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.expected("text");
                None
            }
        }
    }

    /// Text that a parser turns into a value.
    pub(crate) fn parse<T, E: Display>(&self, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        self.accept(parse(self.text()?))
    }

    pub(crate) fn accept<T, E: Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(error.to_string())).ok()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.node.to_json() {
            serde_json::Value::Bool(truth) => Some(truth),
            _ => {
                self.expected("true or false");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn integer(&self, bounds: RangeInclusive<u32>) -> Option<u32> {
        match self.node.to_json() {
            serde_json::Value::Number(number) => {
                let value = number.as_u64().and_then(|value| u32::try_from(value).ok());
                let value = value.filter(|value| bounds.contains(value));
                if value.is_none() {
                    self.problem(format!(
                        "{number} is out of range: a whole number from {} to {} is expected",
                        bounds.start(),
                        bounds.end()
                    ));
                }
                value
            }
            _ => {
                self.expected("a whole number");
                None
            }
        }
    }

    /// A port, 1 to 65535.
    pub(crate) fn port(&self) -> Option<u16> {
        self.integer(1..=65_535).and_then(|port| u16::try_from(port).ok())
    }

    pub(crate) fn number(&self, bounds: RangeInclusive<f64>) -> Option<f64> {
        match self.node.to_json().as_f64() {
            Some(value) if bounds.contains(&value) => Some(value),
            Some(value) => {
                self.problem(format!(
                    "{value} is out of range: {} to {} is expected",
                    bounds.start(),
                    bounds.end()
                ));
                None
            }
            None => {
                self.expected("a number");
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            let problem = Problem::error(
                self.path.clone(),
                format!("{} is not known: {}", quoted(text), words.join(", ")),
            );
            self.note(problem.suggesting(closest(text, choices.iter().map(|(word, _)| *word))));
        }
        found
    }

    pub(crate) fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }
}

/// The fields of one map; what nobody asks for is unknown.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    cursor: Cursor<'a>,
    entries: &'a [Entry],
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// A field, unless it is absent or `null`.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<Cursor<'a>> {
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        let child = self.cursor.child(name, entry.line, &entry.value);
        (!child.is_null()).then_some(child)
    }

    /// A field that must be there.
    pub(crate) fn require(&mut self, name: &'static str) -> Option<Cursor<'a>> {
        let found = self.get(name);
        if found.is_none() {
            self.cursor.problem(format!("{} needs `{name}`", self.what));
        }
        found
    }

    pub(crate) fn cursor(&self) -> &Cursor<'a> {
        &self.cursor
    }

    /// Notes every field that was not asked for.
    pub(crate) fn finish(self) {
        for entry in self.entries {
            if !self.asked.contains(&entry.key.as_str()) {
                let child = self.cursor.child(&entry.key, entry.line, &entry.value);
                let message = format!("{} is not a field of {}", quoted(&entry.key), self.what);
                let known = self.asked.iter().copied();
                child
                    .note(Problem::error(child.path.clone(), message).suggesting(closest(&entry.key, known)));
            }
        }
    }
}
