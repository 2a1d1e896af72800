//! Names inside of a pipeline: of steps, volumes, parameters, outputs, secrets.
//!
//! A step's name is a host label, because a service is reached by it, inside of the deployment's network and from outside.
//! The others are identifiers, because they stand in references such as `${{ steps.db.outputs.url }}`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::document::problem::quoted;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} cannot name a {what}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    rule: &'static str,
}

const LABEL_RULE: &str =
    "use a-z, 0-9 and single `-`, starting and ending with a letter or digit, at most 63 characters";
const LABEL_PATTERN: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";
const IDENTIFIER_RULE: &str =
    "use letters, digits, `_` and `-`, starting with a letter or `_`, at most 64 characters";
const IDENTIFIER_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($what:literal, $check:ident, $rule:ident, $pattern:ident, $maximum:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                if $check(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(InvalidName { what: $what, name: quoted(text), rule: $rule })
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "maxLength": $maximum })
            }
        }
    )*};
}

names! {
    /// The name of a step, unique in its pipeline.
    StepName("step", is_label, LABEL_RULE, LABEL_PATTERN, 63);
    /// The name of an entry of the catalogue: a service, a plugin, a registry, a template.
    CatalogueName("catalogue entry", is_label, LABEL_RULE, LABEL_PATTERN, 63);
    /// The name of a volume; it belongs to the slot, and steps that name the same volume share it.
    VolumeName("volume", is_label, LABEL_RULE, LABEL_PATTERN, 63);
    /// A parameter of the pipeline, given when it is run.
    ParameterName("parameter", is_identifier, IDENTIFIER_RULE, IDENTIFIER_PATTERN, 64);
    /// One value that a step leaves for later ones.
    OutputName("output", is_identifier, IDENTIFIER_RULE, IDENTIFIER_PATTERN, 64);
    /// A secret of the project or its team.
    SecretName("secret", is_identifier, IDENTIFIER_RULE, IDENTIFIER_PATTERN, 64);
}

impl StepName {
    /// Called like its kind, as the steps of a pipeline that nobody drew are.
    pub(super) fn of_kind(kind: super::definition::Kind) -> Self {
        Self(kind.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_identifiers() {
        for good in ["db", "3d", "a-b-c", &"a".repeat(63)] {
            StepName::parse(good).unwrap();
        }
        for bad in ["", "Db", "a--b", "-a", "a-", "a.b", "a_b", "é", &"a".repeat(64), "a\n"] {
            StepName::parse(bad).unwrap_err();
        }
        for good in ["url", "DATABASE_URL", "_x", "a-b"] {
            OutputName::parse(good).unwrap();
        }
        for bad in ["", "1a", "a.b", "a b", "a}}", &"a".repeat(65)] {
            OutputName::parse(bad).unwrap_err();
        }
    }
}
