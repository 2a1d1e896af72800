//! The one published JSON Schema of pipelines, made from the types that hold them.
//!
//! It is checked in as `schema/pipeline.json` and served by the control plane, for editors and for the console's forms. The
//! reader ([`super::read()`]) is the authority: a schema cannot say everything.

use serde_json::{Value, json};

use super::definition::Pipeline;

/// Where it is served.
pub const PATH: &str = "/schema/pipeline.json";

/// The schema of a pipeline document, JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Pipeline).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("$id".into(), json!(format!("https://pierhead.dev{PATH}")));
        map.insert("title".into(), json!("A Pierhead pipeline"));
    }
    schema
}

/// The schema as text, the same every time.
pub fn text() -> String {
    let mut schema = schema();
    schema.sort_all_objects();
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prints the difference when the checked-in file is not what the types say; `UPDATE_SCHEMA=1` writes it.
    #[test]
    fn the_published_schema_is_the_one_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/pipeline.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == text(),
            "schema/pipeline.json is not up to date: run the test with UPDATE_SCHEMA=1"
        );
    }

    #[test]
    fn every_kind_of_step_is_in_it() {
        let text = text();
        for word in ["\"build\"", "\"service\"", "\"site\"", "\"plugin\"", "selectable_tags", "privileges"] {
            assert!(text.contains(word), "{word}");
        }
    }
}
