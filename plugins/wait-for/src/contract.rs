//! The plugin contract: what is read, and how a failure ends the program.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Exit codes of `sysexits.h`.
pub(crate) const BAD_INPUT: u8 = 64;
pub(crate) const UNREACHABLE: u8 = 69;
pub(crate) const PLUGIN_MISTAKE: u8 = 70;

/// An exit code and a sentence for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// The parameters of a `create`: this plugin makes nothing, so there is nothing to undo.
#[derive(Debug)]
pub(crate) struct Input {
    parameters: Map<String, Value>,
}

impl Input {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let broken =
            || Failure::new(BAD_INPUT, "the input is not one JSON object of version 1 of the contract");
        let value: Value = serde_json::from_str(text).map_err(|_| broken())?;
        if value["version"] != 1 {
            return Err(broken());
        }
        if value["action"] != "create" {
            return Err(Failure::new(BAD_INPUT, "this plugin knows no action but `create`"));
        }
        match &value["parameters"] {
            Value::Object(parameters) => Ok(Self { parameters: parameters.clone() }),
            Value::Null => Ok(Self { parameters: Map::new() }),
            _ => Err(broken()),
        }
    }

    /// A text; `None` when it is absent or null.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.parameters.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::new(BAD_INPUT, format!("the parameter `{name}` is not a text"))),
        }
    }

    pub(crate) fn number(
        &self,
        name: &str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, Failure> {
        let number = match self.parameters.get(name) {
            None | Some(Value::Null) => default,
            Some(value) => value.as_f64().unwrap_or(f64::NAN),
        };
        if range.contains(&number) {
            return Ok(number);
        }
        let (from, to) = (range.start(), range.end());
        Err(Failure::new(BAD_INPUT, format!("the parameter `{name}` is not a number from {from} to {to}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_the_inputs_fault() {
        for text in
            ["", "x", "[]", "{}", r#"{"version":2,"action":"create"}"#, r#"{"version":1,"action":"destroy"}"#]
        {
            assert_eq!(
                Input::parse(text).map(drop).map_err(|failure| failure.code),
                Err(BAD_INPUT),
                "{text}"
            );
        }
        let input = Input::parse(r#"{"version":1,"action":"create","parameters":{"a":"x","n":2}}"#)
            .map_err(|f| f.text);
        let input = input.unwrap_or_else(|text| panic!("{text}"));
        assert_eq!(input.text("a"), Ok(Some("x")));
        assert_eq!(input.text("b"), Ok(None));
        assert!(input.text("n").is_err());
        assert_eq!(input.number("n", 1.0, 0.0..=3.0), Ok(2.0));
        assert_eq!(input.number("m", 1.0, 0.0..=3.0), Ok(1.0));
        assert!(input.number("a", 1.0, 0.0..=3.0).is_err());
        assert!(input.number("n", 1.0, 0.0..=1.0).is_err());
    }
}
