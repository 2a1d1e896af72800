//! JSON into the tree. Keys that occur twice are refused: two readers would choose differently.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::problem::Problem;
use super::tree::{Entry, Node, Value};

pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    serde_json::from_str::<Node>(text).map_err(|error| {
        let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Problem::error("", format!("this is not JSON: {message}")).at_line(line)
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(TreeVisitor)?;
        Ok(Self { line: 0, value })
    }
}

struct TreeVisitor;

fn plain<E>(text: impl fmt::Display) -> Result<Value, E> {
    Ok(Value::Scalar { text: text.to_string(), plain: true })
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        plain(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        plain(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        plain(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        plain(format_args!("{value:?}"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Scalar { text: text.to_owned(), plain: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = access.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("the key `{key}` occurs twice")));
            }
            entries.push(Entry { key, line: 0, value: access.next_value()? });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let node = parse(r#"{"a": [1, "1", 1.0, null, true], "b": {"c": "\ud83d\ude00"}}"#).unwrap();
        let json = serde_json::json!({"a": [1, "1", 1.0, null, true], "b": {"c": "😀"}});
        assert_eq!(node.to_json(), json);
        let twice = parse("{\"a\": 1,\n\"a\": 2}").unwrap_err();
        assert_eq!((twice.line, twice.message.contains("`a` occurs twice")), (Some(2), true), "{twice}");
        for bad in ["{", "", "{'a': 1}", &"[".repeat(100_000)] {
            parse(bad).unwrap_err();
        }
    }
}
