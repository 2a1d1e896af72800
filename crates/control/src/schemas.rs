//! JSON Schemas of plugins' parameters: checked when a plugin is registered, and used on parameters.
//!
//! What a schema refers to is never fetched, and its patterns are of the kind that takes linear time: an admin's schema runs on
//! what members send.

use jsonschema::{PatternOptions, Validator};
use pierhead_model::pipeline::Problem;
use pierhead_model::pipeline::plugin::{Mismatch, SchemaCheck};
use serde_json::Value;

/// Problems of one value that are told.
const TOLD: usize = 20;

/// The complete checker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schemas;

impl SchemaCheck for Schemas {
    fn mismatches(&self, schema: &Value, value: &Value) -> Vec<Mismatch> {
        match compile(schema) {
            Ok(validator) => validator
                .iter_errors(value)
                .take(TOLD)
                .map(|error| Mismatch {
                    pointer: error.instance_path().to_string(),
                    message: error.to_string().chars().take(300).collect(),
                })
                .collect(),
            Err(why) => {
                vec![Mismatch { pointer: String::new(), message: format!("the plugin's schema {why}") }]
            }
        }
    }
}

/// Whether a plugin can be registered with this schema.
pub(crate) fn problem(schema: &Value) -> Option<Problem> {
    compile(schema).err().map(|why| Problem::error("schema", format!("the schema {why}")))
}

fn compile(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| {
        let error: String = error.to_string().chars().take(300).collect();
        format!("cannot be used: {error}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_checked_with_the_place_of_each_mismatch() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$"},
                "size": {"$ref": "#/$defs/size"},
            },
            "$defs": {"size": {"enum": ["small", "large"]}},
        });
        assert_eq!(problem(&schema), None);
        assert_eq!(Schemas.mismatches(&schema, &json!({"name": "a", "size": "small"})), []);
        let found = Schemas.mismatches(&schema, &json!({"name": "A", "size": 7}));
        let places: Vec<_> = found.iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(places, ["/name", "/size"]);
    }

    #[test]
    fn what_is_no_schema_or_lies_elsewhere_is_refused() {
        for schema in [
            json!({"type": "objekt"}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"$ref": "http://127.0.0.1:9/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!(7),
        ] {
            assert!(problem(&schema).is_some(), "{schema}");
        }
    }
}
