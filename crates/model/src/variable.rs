//! Variables: configuration a workload gets, and who may see it when.

mod scope;

use serde::{Deserialize, Serialize};

pub use scope::{SlotPattern, VariableScope, in_force};

/// Longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// One variable. Debug output never shows a secret's value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub key: VariableKey,
    pub value: String,
    pub secret: bool,
    pub exposure: Exposure,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.secret { "[secret]" } else { &self.value };
        write!(f, "{}={value} ({:?})", self.key.as_str(), self.exposure)
    }
}

/// When a variable is there. A secret is never there while building unless its exposure says `build` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    Build,
    Runtime,
    Plugin,
    /// While building and while running.
    All,
}

impl Exposure {
    pub const fn at_build(self) -> bool {
        matches!(self, Self::Build | Self::All)
    }

    pub const fn at_runtime(self) -> bool {
        matches!(self, Self::Runtime | Self::All)
    }
}

/// A name that every shell and engine accepts, and that is not Pierhead's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableKey(String);

/// Why a variable's name or value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariable {
    #[error("`{0}` is not a variable name: letters, digits and `_`, not starting with a digit, at most 128")]
    Name(String),
    #[error("`{0}` is reserved: Pierhead sets it itself, so a workload can rely on it")]
    Reserved(String),
    #[error("the value of `{0}` is longer than 64 KiB")]
    TooLong(String),
    #[error("the value of `{0}` contains a NUL byte, which no process environment can hold")]
    Nul(String),
}

/// Set by the platform for every workload. `PATH` and the loader's variables would let a variable replace the entry point.
const RESERVED: [&str; 6] = ["PORT", "HOST", "HOSTNAME", "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH"];

impl VariableKey {
    pub fn parse(text: &str) -> Result<Self, InvalidVariable> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        let goes_on_well = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !starts_well || !goes_on_well || text.len() > 128 {
            return Err(InvalidVariable::Name(text.chars().take(140).collect()));
        }
        if text.starts_with("PIERHEAD_") || text == "PIERHEAD" || RESERVED.contains(&text) {
            return Err(InvalidVariable::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VariableKey {
    type Error = InvalidVariable;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<VariableKey> for String {
    fn from(key: VariableKey) -> Self {
        key.0
    }
}

/// Whether a name says that its value is a secret: `DB_PASSWORD`, `api_token`.
pub fn is_secretive(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "PRIVATE_KEY", "API_KEY"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// Checks a value: short enough, and nothing that a process environment cannot carry.
pub fn check_value(key: &VariableKey, value: &str) -> Result<(), InvalidVariable> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(InvalidVariable::TooLong(key.0.clone()));
    }
    if value.contains('\0') {
        return Err(InvalidVariable::Nul(key.0.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["A", "_x", "DATABASE_URL", "a1"] {
            assert!(VariableKey::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "A=B", "é", &"A".repeat(129), "A\n"] {
            assert!(matches!(VariableKey::parse(bad), Err(InvalidVariable::Name(_))), "{bad}");
        }
        for reserved in ["PORT", "PIERHEAD_URL", "LD_PRELOAD", "PATH"] {
            assert!(matches!(VariableKey::parse(reserved), Err(InvalidVariable::Reserved(_))), "{reserved}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let variable = Variable {
            key: VariableKey::parse("TOKEN").unwrap(),
            value: "hunter2".into(),
            secret: true,
            exposure: Exposure::Runtime,
        };
        assert!(!format!("{variable:?}").contains("hunter2"));
    }
}
