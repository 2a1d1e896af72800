//! A document as a tree of values that know their line.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Counted from 1; 0 when the notation does not tell.
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// `plain`: without quotes, so that it may also be a number or a truth. The text is kept as written: a tag `3.10` must
    /// not become `3.1`.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map. Keys are unique.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) value: Node,
}

impl Node {
    #[cfg(test)]
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { text, plain: true } => match as_json_scalar(text) {
                serde_json::Value::Bool(_) => "true or false",
                serde_json::Value::Number(_) => "a number",
                _ => "text",
            },
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value as JSON, plain scalars by YAML's core schema.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, plain: true } => as_json_scalar(text),
            Value::Scalar { text, plain: false } => serde_json::Value::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }
}

/// A plain scalar by YAML 1.2's core schema: `yes` and `on` are text, as they look.
fn as_json_scalar(text: &str) -> serde_json::Value {
    match text {
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let numeric = text.strip_prefix(['+', '-']).unwrap_or(text);
    if numeric.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !has_leading_zero(numeric) {
        if let Ok(integer) = text.parse::<i64>() {
            return integer.into();
        }
        if let Some(number) = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            return serde_json::Value::Number(number);
        }
    }
    serde_json::Value::String(text.to_owned())
}

/// `0123` is an octal number to one reader and 123 to another: it stays text.
fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.as_bytes()[1].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_by_the_core_schema() {
        for (text, expected) in [
            ("1", json!(1)),
            ("-7", json!(-7)),
            ("3.10", json!(3.1)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("0123", json!("0123")),
            ("0", json!(0)),
            ("1.2.3", json!("1.2.3")),
            (".inf", json!(".inf")),
            ("infinity", json!("infinity")),
            ("nan", json!("nan")),
            ("12:30", json!("12:30")),
        ] {
            assert_eq!(as_json_scalar(text), expected, "{text}");
        }
    }
}
