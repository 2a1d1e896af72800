//! Compose's `${VAR:-default}` into references of a pipeline.
//!
//! `$$` is a dollar; `${VAR}` and `$VAR` are values; `:-` and `-` give a default, `:?` and `?` a text for people when there is
//! none, `:+` and `+` a text to use when there is one.

use serde_json::json;

use super::{Place, Report, Verdict};
use crate::pipeline::name::{ParameterName, SecretName};
use crate::pipeline::reference::{Part, Reference, Template};
use crate::variable::is_secretive;

/// A text with what its variables stand for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    parts: Vec<Part>,
    /// Whether a variable was in it, even one with a value.
    pub(super) varies: bool,
}

impl Text {
    /// As a pipeline writes it.
    pub(super) fn source(&self) -> String {
        let source = |part: &Part| match part {
            Part::Text(text) => Template::literal(text).as_str().to_owned(),
            Part::Reference(reference) => Template::reference(reference.clone()).as_str().to_owned(),
        };
        self.parts.iter().map(source).collect()
    }

    fn push(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }
}

/// A variable in a text.
#[derive(Debug, PartialEq)]
struct Variable<'a> {
    name: &'a str,
    /// `""`, `:-`, `-`, `:?`, `?`, `:+`, `+`.
    operator: &'a str,
    word: &'a str,
}

/// For fields that may hold references: variables become parameters, or secrets when they are named like one.
pub(super) fn template(text: &str, at: &Place, report: &mut Report<'_>) -> Text {
    expand(text, at, report, 0, &mut reference_for)
}

/// For fields that must be fixed: each variable needs a value or a default. What has none is noted, and `None` comes back.
pub(super) fn literal(text: &str, at: &Place, report: &mut Report<'_>) -> Option<String> {
    let mut missing = false;
    let expanded = expand(text, at, report, 0, &mut |variable, at, report, depth| {
        let default = match variable.operator {
            ":-" | "-" => Some(expand(variable.word, at, report, depth, &mut no_reference).source()),
            _ => None,
        };
        let value = report.values.get(variable.name).cloned().or(default);
        missing |= value.is_none();
        Some(Part::Text(value.unwrap_or_default()))
    });
    if missing {
        let reason = format!(
            "`{text}` must be known now: give its variables a value (or a default, `${{VAR:-value}}`)"
        );
        report.note(Verdict::Refused, at, None, &reason);
        return None;
    }
    expanded.parts.into_iter().next().map_or(Some(String::new()), |part| match part {
        Part::Text(text) => Some(text),
        Part::Reference(_) => None,
    })
}

/// What a variable becomes; `None` for nothing at all.
type Replace<'r> = dyn FnMut(&Variable<'_>, &Place, &mut Report<'_>, usize) -> Option<Part> + 'r;

/// Defaults may hold variables again, but not without end.
const DEEPEST: usize = 8;

fn expand(text: &str, at: &Place, report: &mut Report<'_>, depth: usize, replace: &mut Replace<'_>) -> Text {
    let mut expanded = Text { parts: Vec::new(), varies: false };
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push("$");
            rest = after;
            continue;
        }
        let Some((variable, after)) = variable(rest).filter(|_| depth < DEEPEST) else {
            expanded.push("$");
            continue;
        };
        rest = after;
        expanded.varies = true;
        match replace(&variable, at, report, depth + 1) {
            Some(Part::Text(text)) => expanded.push(&text),
            Some(reference) => expanded.parts.push(reference),
            None => {}
        }
    }
    expanded.push(rest);
    expanded
}

/// Reads what follows a dollar.
fn variable(text: &str) -> Option<(Variable<'_>, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_of = |text: &str| text.find(|c| !is_name(c)).unwrap_or(text.len());
    let Some(inside) = text.strip_prefix('{') else {
        let end = name_of(text);
        let name = text.get(..end).filter(|name| name.starts_with(|c: char| !c.is_ascii_digit()))?;
        return Some((Variable { name, operator: "", word: "" }, text.get(end..)?));
    };
    let close = closing(inside)?;
    let (body, after) = (inside.get(..close)?, inside.get(close + 1..)?);
    let (name, tail) = body.split_at(name_of(body));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let operator =
        [":-", ":?", ":+", "-", "?", "+"].into_iter().find(|it| tail.starts_with(it)).unwrap_or("");
    if operator.is_empty() && !tail.is_empty() {
        return None;
    }
    Some((Variable { name, operator, word: tail.get(operator.len()..)? }, after))
}

/// The brace that closes, past those of variables inside.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

fn reference_for(variable: &Variable<'_>, at: &Place, report: &mut Report<'_>, depth: usize) -> Option<Part> {
    let name = variable.name;
    if matches!(variable.operator, ":+" | "+") {
        let reason = format!(
            "`${{{name}{}…}}`, a text only when `{name}` is set, has no counterpart: it is left empty",
            variable.operator
        );
        report.note(Verdict::Ignored, at, None, &reason);
        return None;
    }
    if let (true, Ok(secret)) = (is_secretive(name), SecretName::parse(name)) {
        let result = format!("secrets.{name}");
        let reason =
            "named like a secret: add it to the project's secrets; a value from the file is not copied";
        report.note(Verdict::Inferred, at, Some(result), reason);
        return Some(Part::Reference(Reference::Secret(secret)));
    }
    let Ok(parameter) = ParameterName::parse(name) else {
        let reason = format!("`{name}` is too long to name a parameter: it is left empty");
        report.note(Verdict::Refused, at, None, &reason);
        return None;
    };
    let default = match variable.operator {
        ":-" | "-" => Some(expand(variable.word, at, report, depth, &mut no_reference).source()),
        _ => None,
    };
    let default = report.values.get(name).cloned().or(default);
    let description = matches!(variable.operator, ":?" | "?").then(|| variable.word.to_owned());
    let known = report.parameters.contains_key(name);
    if !known || default.is_some() && report.parameters[name]["default"].is_null() {
        let mut entry = serde_json::Map::new();
        if let Some(description) = description.filter(|text| !text.is_empty() && text.len() <= 1_000) {
            entry.insert("description".into(), json!(description));
        }
        if let Some(default) = default.filter(|text| text.len() <= 4_096 && !text.contains('\0')) {
            entry.insert("default".into(), json!(default));
        }
        report.parameters.insert(name.to_owned(), entry.into());
    }
    let reason = "a value from the shell becomes a parameter: it is asked for when the pipeline is run";
    report.note(Verdict::Inferred, at, Some(format!("parameters.{name}")), reason);
    Some(Part::Reference(Reference::Parameter(parameter)))
}

/// In a default: only values that are known.
fn no_reference(variable: &Variable<'_>, at: &Place, report: &mut Report<'_>, depth: usize) -> Option<Part> {
    let value = report.values.get(variable.name).cloned();
    let value = value.unwrap_or_else(|| match variable.operator {
        ":-" | "-" => expand(variable.word, at, report, depth, &mut no_reference).source(),
        _ => String::new(),
    });
    Some(Part::Text(value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        Place { path: "x".into(), line: Some(1) }
    }

    fn made(text: &str) -> (String, serde_json::Value) {
        let values = BTreeMap::from([("KNOWN".to_owned(), "k".to_owned())]);
        let mut report = Report::new(&values);
        let source = template(text, &place(), &mut report).source();
        (source, report.parameters.into())
    }

    #[test]
    fn variables_become_references() {
        for (text, source, parameters) in [
            ("plain", "plain", json!({})),
            ("a$$b", "a$b", json!({})),
            ("$$${{", "$$${{", json!({})),
            ("$A-${B}", "${{ parameters.A }}-${{ parameters.B }}", json!({"A": {}, "B": {}})),
            ("${A:-x}", "${{ parameters.A }}", json!({"A": {"default": "x"}})),
            ("${A-}", "${{ parameters.A }}", json!({"A": {"default": ""}})),
            ("${A:?set it}", "${{ parameters.A }}", json!({"A": {"description": "set it"}})),
            ("${A:-${B:-y}${KNOWN}}", "${{ parameters.A }}", json!({"A": {"default": "yk"}})),
            ("${KNOWN}", "${{ parameters.KNOWN }}", json!({"KNOWN": {"default": "k"}})),
            ("${DB_PASSWORD:-x}", "${{ secrets.DB_PASSWORD }}", json!({})),
            ("${A:+x}", "", json!({})),
            ("$1 ${} ${A b} ${A", "$1 ${} ${A b} ${A", json!({})),
        ] {
            assert_eq!(made(text), (source.to_owned(), parameters), "{text}");
        }
    }

    #[test]
    fn what_must_be_fixed_needs_a_value() {
        let values = BTreeMap::from([("TAG".to_owned(), "7".to_owned())]);
        let mut report = Report::new(&values);
        assert_eq!(literal("a:${TAG}", &place(), &mut report).as_deref(), Some("a:7"));
        assert_eq!(literal("a:${NO:-1}$$", &place(), &mut report).as_deref(), Some("a:1$"));
        assert_eq!(literal("", &place(), &mut report).as_deref(), Some(""));
        assert!(report.notes.is_empty());
        assert_eq!(literal("a:${NO}", &place(), &mut report), None);
        assert_eq!(report.notes[0].verdict, Verdict::Refused);
    }

    proptest! {
        /// Whatever it is, what comes out is a template.
        #[test]
        fn what_comes_out_can_be_read(text in "[$ {}A1:?+-]{0,24}|\\PC{0,20}") {
            let (source, _) = made(&text);
            prop_assert!(Template::parse(&source).is_ok(), "{} → {}", text, source);
        }
    }
}
