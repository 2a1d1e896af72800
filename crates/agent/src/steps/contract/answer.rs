//! What a plugin writes to its standard output: exactly one JSON object, of bounded size and depth.
//!
//! Outputs are data for later steps and for a database: a text that some store could not keep (a NUL) is refused here, where
//! it can still be said whose mistake it is.

use serde::Deserialize as _;
use serde_json::{Map, Value};

/// What a plugin may print on standard output.
pub const MAX_STDOUT_BYTES: usize = 1 << 20;
/// Objects and arrays within each other.
pub const MAX_DEPTH: usize = 32;
/// Longest name of an output: it stands in references.
const MAX_NAME: usize = 64;

/// A plugin's own word on how it went.
#[derive(Clone, PartialEq)]
pub struct Answer {
    pub success: bool,
    /// For people; empty when the plugin has nothing to say.
    pub output: String,
    /// For later steps. Values may be secret.
    pub outputs: Map<String, Value>,
}

/// Names of outputs only.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("success", &self.success)
            .field("outputs", &self.outputs.keys())
            .finish_non_exhaustive()
    }
}

/// How an answer breaks the contract. The texts name places, never content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("it printed nothing on standard output")]
    Empty,
    #[error("it printed more than {MAX_STDOUT_BYTES} bytes on standard output")]
    TooLarge,
    #[error("its standard output is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("it printed more than one JSON value, or something after it (line {line}, column {column})")]
    Several { line: usize, column: usize },
    #[error("it printed {0} instead of a JSON object")]
    NotAnObject(&'static str),
    #[error("its answer is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("its answer holds the character U+0000")]
    Nul,
    #[error("the field `{field}` of its answer is missing, or is not {expected}")]
    Field { field: &'static str, expected: &'static str },
    #[error(
        "it named an output `{0}`: use letters, digits, `_` and `-`, starting with a letter or `_`, at most 64 characters"
    )]
    OutputName(String),
}

/// Reads what a plugin printed on standard output.
pub fn parse(stdout: &[u8]) -> Result<Answer, Violation> {
    if stdout.len() > MAX_STDOUT_BYTES {
        return Err(Violation::TooLarge);
    }
    if stdout.iter().all(u8::is_ascii_whitespace) {
        return Err(Violation::Empty);
    }
    if depth(stdout) > MAX_DEPTH {
        return Err(Violation::TooDeep);
    }
    let mut reader = serde_json::Deserializer::from_slice(stdout);
    let value = Value::deserialize(&mut reader)
        .map_err(|error| Violation::NotJson { line: error.line(), column: error.column() })?;
    reader.end().map_err(|error| Violation::Several { line: error.line(), column: error.column() })?;
    if holds_nul(&value) {
        return Err(Violation::Nul);
    }
    let mut object = match value {
        Value::Object(object) => object,
        other => return Err(Violation::NotAnObject(kind(&other))),
    };
    let Some(Value::Bool(success)) = object.remove("success") else {
        return Err(Violation::Field { field: "success", expected: "true or false" });
    };
    let output = match object.remove("output") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Violation::Field { field: "output", expected: "a text" }),
    };
    let outputs = match object.remove("outputs") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(outputs)) => outputs,
        Some(_) => return Err(Violation::Field { field: "outputs", expected: "an object" }),
    };
    if let Some(name) = outputs.keys().find(|name| !is_name(name)) {
        return Err(Violation::OutputName(
            name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect(),
        ));
    }
    Ok(Answer { success, output, outputs })
}

/// The deepest nesting, found before anything is made of the text. Exact for JSON; whatever for anything else.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        let inner = format!("{}{}", "[".repeat(levels - 2), "]".repeat(levels - 2));
        format!(r#"{{"success":true,"outputs":{{"a":{inner}}}}}"#)
    }

    #[test]
    fn good_answers() {
        let bare = Answer { success: true, output: String::new(), outputs: Map::new() };
        for text in
            [r#"{"success":true}"#, " \n{\"success\":true,\"output\":null}\n\n", r#"{"success":true,"x":1}"#]
        {
            assert_eq!(parse(text.as_bytes()), Ok(bare.clone()), "{text}");
        }
        let full =
            parse(br#"{"success":false,"output":"no","outputs":{"url":"x","n":[1,{"a":"}{\""}]}}"#).unwrap();
        assert_eq!((full.success, full.output.as_str()), (false, "no"));
        assert_eq!(full.outputs["n"], json!([1, {"a": "}{\""}]));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    }

    #[test]
    fn everything_else_is_told_apart() {
        use Violation::{Empty, Field, NotAnObject, NotJson, Nul, OutputName, Several, TooDeep, TooLarge};
        let large = format!(r#"{{"success":true,"output":"{}"}}"#, "x".repeat(MAX_STDOUT_BYTES));
        let (deep, deeper) = (nested(MAX_DEPTH + 1), "[".repeat(10_000));
        type Case<'c> = (&'c str, fn(&Violation) -> bool);
        let table: &[Case<'_>] = &[
            ("", |v| *v == Empty),
            (" \n", |v| *v == Empty),
            ("created", |v| matches!(v, NotJson { line: 1, .. })),
            (r#"{"success":true"#, |v| matches!(v, NotJson { .. })),
            (r#"{"success":NaN}"#, |v| matches!(v, NotJson { .. })),
            ("{\"success\":true}\n{\"success\":true}", |v| matches!(v, Several { line: 2, .. })),
            (r#"{"success":true} done"#, |v| matches!(v, Several { .. })),
            ("[true]", |v| *v == NotAnObject("an array")),
            ("{}", |v| matches!(v, Field { field: "success", .. })),
            (r#"{"success":"true"}"#, |v| matches!(v, Field { field: "success", .. })),
            (r#"{"success":true,"output":7}"#, |v| matches!(v, Field { field: "output", .. })),
            (r#"{"success":true,"outputs":[]}"#, |v| matches!(v, Field { field: "outputs", .. })),
            (r#"{"success":true,"outputs":{"a b":1}}"#, |v| *v == OutputName("a b".into())),
            (r#"{"success":true,"outputs":{"":1}}"#, |v| matches!(v, OutputName(_))),
            (r#"{"success":true,"outputs":{"a":"x\u0000"}}"#, |v| *v == Nul),
            (&large, |v| *v == TooLarge),
            (&deep, |v| *v == TooDeep),
            (&deeper, |v| *v == TooDeep),
        ];
        for (text, expected) in table {
            let violation = parse(text.as_bytes()).unwrap_err();
            assert!(expected(&violation), "{violation:?} for {}", &text[..text.len().min(80)]);
        }
        assert!(matches!(parse(b"{\"success\":true,\"output\":\"\xff\"}"), Err(NotJson { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn whatever_json_is_written_is_read_back_or_refused(output in "\\PC*", name in "[a-z]{1,5}", value in "\\PC*") {
            let text = json!({"success": true, "output": output, "outputs": {name.clone(): value.clone()}}).to_string();
            let answer = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(answer.output, output);
            prop_assert_eq!(&answer.outputs[&name], &Value::from(value));
        }
    }
}
