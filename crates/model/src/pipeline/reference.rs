//! References in texts: `${{ steps.db.outputs.url }}`, parsed once, resolved late.
//!
//! | reference | stands for |
//! | --- | --- |
//! | `steps.<step>.outputs.<output>` | what an earlier step left |
//! | `slot.url.<service>` | the public URL of a service, stable across recreation, known before anything runs |
//! | `slot.name`, `deployment.id` | where this runs |
//! | `secrets.<NAME>`, `vars.<NAME>` | of the project, its team or the slot |
//! | `parameters.<NAME>` | given when the pipeline is run |
//!
//! `$${{` is the text `${{`. Every other `$` is itself, so that shell commands need no care. What a reference resolves to is
//! never searched for references again: a value from outside stays a value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::document::problem::{closest, quoted};
use super::name::{OutputName, ParameterName, SecretName, StepName};
use crate::variable::VariableKey;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// What an earlier step of the same run left.
    StepOutput {
        step: StepName,
        output: OutputName,
    },
    /// The public URL of a service or site of this slot.
    SlotUrl {
        service: StepName,
    },
    SlotName,
    DeploymentId,
    Secret(SecretName),
    Variable(VariableKey),
    Parameter(ParameterName),
}

/// Why a text with references was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    #[error("`${{{{` is not closed by `}}}}`; for the text itself, write `$${{{{`")]
    Unclosed,
    #[error("`${{{{ }}}}` is empty: name what is meant, such as `secrets.NAME`")]
    Empty,
    #[error(
        "{text} refers to nothing that is known: use steps.<step>.outputs.<output>, slot.url.<service>, slot.name, \
         deployment.id, secrets.<NAME>, vars.<NAME> or parameters.<NAME>{hint}"
    )]
    Unknown { text: String, hint: String },
    #[error("in {text}: {why}")]
    Name { text: String, why: String },
}

impl Reference {
    /// Parses what stands between the braces.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        let bad_name =
            |why: &dyn std::fmt::Display| InvalidReference::Name { text: quoted(text), why: why.to_string() };
        let step = |name: &str| StepName::parse(name).map_err(|why| bad_name(&why));
        let parts: Vec<_> = text.splitn(6, '.').map(str::trim).collect();
        match parts.as_slice() {
            ["steps", name, "outputs", output] => Ok(Self::StepOutput {
                step: step(name)?,
                output: OutputName::parse(output).map_err(|why| bad_name(&why))?,
            }),
            ["slot", "url", service] => Ok(Self::SlotUrl { service: step(service)? }),
            ["slot", "name"] => Ok(Self::SlotName),
            ["deployment", "id"] => Ok(Self::DeploymentId),
            ["secrets", name] => SecretName::parse(name).map(Self::Secret).map_err(|why| bad_name(&why)),
            ["vars", name] => VariableKey::parse(name).map(Self::Variable).map_err(|why| bad_name(&why)),
            ["parameters", name] => {
                ParameterName::parse(name).map(Self::Parameter).map_err(|why| bad_name(&why))
            }
            [first, ..] => {
                let known = ["steps", "slot", "deployment", "secrets", "vars", "parameters"];
                let near = closest(first, known).filter(|near| near != first);
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                Err(InvalidReference::Unknown { text: quoted(text), hint })
            }
            [] => Err(InvalidReference::Empty),
        }
    }

    /// Whether what it resolves to must never be shown, whoever asks. Outputs of steps may hold a secret as well (a
    /// connection string with its password): the resolver says so for each.
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StepOutput { step, output } => write!(f, "steps.{step}.outputs.{output}"),
            Self::SlotUrl { service } => write!(f, "slot.url.{service}"),
            Self::SlotName => f.write_str("slot.name"),
            Self::DeploymentId => f.write_str("deployment.id"),
            Self::Secret(name) => write!(f, "secrets.{name}"),
            Self::Variable(name) => write!(f, "vars.{}", name.as_str()),
            Self::Parameter(name) => write!(f, "parameters.{name}"),
        }
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    Text(String),
    Reference(Reference),
}

/// A text with references. Printing and serialising it gives the text as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

impl Template {
    pub fn parse(source: &str) -> Result<Self, InvalidReference> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(OPEN) {
            let (before, after) = (&rest[..at], &rest[at + OPEN.len()..]);
            if let Some(before) = before.strip_suffix('$') {
                text.push_str(before);
                text.push_str(OPEN);
                rest = after;
                continue;
            }
            text.push_str(before);
            let (inside, after) = after.split_once(CLOSE).ok_or(InvalidReference::Unclosed)?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Reference(Reference::parse(inside)?));
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { source: source.to_owned(), parts })
    }

    /// A template that means exactly this text, whatever it contains.
    pub fn literal(text: &str) -> Self {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] };
        Self { source: text.replace(OPEN, "$${{"), parts }
    }

    /// A template that is one reference.
    pub fn reference(reference: Reference) -> Self {
        Self { source: format!("${{{{ {reference} }}}}"), parts: vec![Part::Reference(reference)] }
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What it refers to, in the order of the text.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// The text, when nothing in it is a reference.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The reference, when it is nothing else.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Reference(reference)] => Some(reference),
            _ => None,
        }
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for Template {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.source
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Text that may hold references: ${{ steps.db.outputs.url }}, ${{ secrets.NAME }}",
        })
    }
}

/// Every text inside of a JSON value with its path below `path`, for references in a plugin's parameters.
pub(crate) fn texts_in<'a>(path: &str, value: &'a serde_json::Value, found: &mut Vec<(String, &'a str)>) {
    match value {
        serde_json::Value::String(text) => found.push((path.to_owned(), text)),
        serde_json::Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                texts_in(&format!("{path}[{at}]"), item, found);
            }
        }
        serde_json::Value::Object(map) => {
            for (key, item) in map {
                texts_in(&format!("{path}.{key}"), item, found);
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        let print = |part: &Part| match part {
            Part::Text(text) => format!("'{text}'"),
            Part::Reference(reference) => reference.to_string(),
        };
        template.parts().iter().map(print).collect()
    }

    #[test]
    fn parses() {
        for (text, parts) in [
            ("", &[][..]),
            ("plain $x ${y} {{z}}", &["'plain $x ${y} {{z}}'"]),
            ("${{ steps.db.outputs.url }}", &["steps.db.outputs.url"]),
            ("${{slot.url.web}}/x", &["slot.url.web", "'/x'"]),
            ("a${{ slot.name }}${{ deployment.id }}b", &["'a'", "slot.name", "deployment.id", "'b'"]),
            ("${{ secrets.KEY }}${{ vars.A }}", &["secrets.KEY", "vars.A"]),
            ("${{ parameters.seed-file }}", &["parameters.seed-file"]),
            ("$${{ secrets.KEY }}", &["'${{ secrets.KEY }}'"]),
            ("$$${{ x", &["'$${{ x'"]),
            ("$5 and $${{", &["'$5 and ${{'"]),
        ] {
            assert_eq!(printed(text), parts, "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, told) in [
            ("${{ slot.name", "is not closed"),
            ("${{ }}", "is empty"),
            ("${{ step.db.outputs.url }}", "did you mean `steps`?"),
            ("${{ steps.db.url }}", "refers to nothing that is known"),
            ("${{ steps.DB.outputs.url }}", "cannot name a step"),
            ("${{ secrets.a b }}", "cannot name a secret"),
            ("${{ vars.PORT }}", "is reserved"),
            ("${{ secrets.A.B }}", "refers to nothing"),
            ("${{ ${{ slot.name }} }}", "refers to nothing"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_means_itself(text in "[a${} ]{0,20}") {
            let template = Template::literal(&text);
            prop_assert_eq!(template.as_literal(), Some(text.as_str()));
        }

        #[test]
        fn never_panics_and_prints_what_it_read(text in "\\PC{0,40}|[${}a.]{0,30}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.as_str(), text.as_str());
            }
        }
    }
}
