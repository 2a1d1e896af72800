//! A plugin step against the plugin it uses.
//!
//! Missing and unknown parameters are found here, with a suggestion. Everything else a JSON Schema can say is asked of the
//! [`SchemaCheck`]. A value that holds a reference is not known yet: it is checked again when it is.

use serde_json::Value;

use super::definition::PluginStep;
use super::document::Problem;
use super::document::problem::{closest, quoted};
use super::name::StepName;
use super::plugin::{Mismatch, Plugins, SchemaCheck};
use super::reference::{Template, texts_in};

pub(super) fn check(
    name: &StepName,
    step: &PluginStep,
    plugins: &dyn Plugins,
    schemas: &dyn SchemaCheck,
    problems: &mut Vec<Problem>,
) {
    let Some(plugin) = plugins.plugin(&step.image) else {
        let message =
            format!("`{}` is no registered plugin: an admin registers plugins", step.image.repository());
        problems.push(Problem::error(format!("steps.{name}.image"), message));
        return;
    };
    if step.network.is_some_and(|asked| asked > plugin.network) {
        let message =
            format!("the plugin `{}` was not registered with that much network access", plugin.name);
        problems.push(Problem::error(format!("steps.{name}.network"), message));
    }
    let base = format!("steps.{name}.parameters");
    let value = Value::Object(step.parameters.clone());
    let before = problems.len();
    names(&base, &plugin.schema, &value, &plugin.name, problems);
    let names_are_wrong = problems.len() > before;
    for Mismatch { pointer, message } in schemas.mismatches(&plugin.schema, &value) {
        let told_already = pointer.is_empty() && names_are_wrong;
        let is_open = value.pointer(&pointer).is_none_or(holds_reference);
        if !told_already && !is_open {
            problems.push(Problem::error(format!("{base}{}", dotted(&pointer)), message));
        }
    }
}

/// Resolved parameters against the schema, just before a plugin runs. The values may be secret: no message repeats one.
pub fn check_resolved(schema: &Value, parameters: &Value, schemas: &dyn SchemaCheck) -> Vec<Problem> {
    let mut problems = Vec::new();
    names("parameters", schema, parameters, "the plugin", &mut problems);
    for Mismatch { pointer, .. } in schemas.mismatches(schema, parameters) {
        let path = format!("parameters{}", dotted(&pointer));
        if !problems.iter().any(|problem| problem.path == path) {
            problems.push(Problem::error(path, "the value does not fit what the plugin declares"));
        }
    }
    problems
}

/// Missing and unknown keys, for the object and the objects in it that the schema describes.
fn names(path: &str, schema: &Value, value: &Value, plugin: &str, problems: &mut Vec<Problem>) {
    let Some(given) = value.as_object() else { return };
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !given.contains_key(key) {
            let about = properties.and_then(|all| all.get(key)?.get("description")?.as_str());
            let about = about.map_or_else(String::new, |text| format!(" ({text})"));
            problems.push(Problem::error(path, format!("`{plugin}` needs the parameter `{key}`{about}")));
        }
    }
    // JSON Schema lets unknown keys pass unless it is told otherwise. A misspelt optional parameter would pass as well, so
    // here they pass only when the schema says so.
    let is_open = schema.get("additionalProperties").is_some_and(|open| *open != Value::Bool(false))
        || schema.get("patternProperties").is_some()
        || ["$ref", "allOf", "anyOf", "oneOf", "if"].iter().any(|key| schema.get(key).is_some());
    for (key, value) in given {
        match properties.and_then(|properties| properties.get(key)) {
            Some(schema) => names(&format!("{path}.{key}"), schema, value, plugin, problems),
            None if is_open || (properties.is_none() && schema.get("type").is_none()) => {}
            None => {
                let known = properties.into_iter().flatten().map(|(known, _)| known.as_str());
                let message = format!("`{plugin}` has no parameter {}", quoted(key));
                problems
                    .push(Problem::error(format!("{path}.{key}"), message).suggesting(closest(key, known)));
            }
        }
    }
}

fn holds_reference(value: &Value) -> bool {
    let mut texts = Vec::new();
    texts_in("", value, &mut texts);
    texts.iter().any(|(_, text)| Template::parse(text).is_ok_and(|template| template.as_literal().is_none()))
}

/// A JSON pointer as the path of a problem: `/a/0/b` is `.a[0].b`.
fn dotted(pointer: &str) -> String {
    let part = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{}", part.replace("~1", "/").replace("~0", "~")),
    };
    pointer.split('/').skip(1).map(part).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_become_paths() {
        assert_eq!(dotted(""), "");
        assert_eq!(dotted("/a/0/b~1c"), ".a[0].b/c");
    }

    #[test]
    fn resolved_values_are_never_repeated() {
        struct Telling;
        impl SchemaCheck for Telling {
            fn mismatches(&self, _: &Value, value: &Value) -> Vec<Mismatch> {
                vec![Mismatch { pointer: "/url".into(), message: format!("{value} is not a number") }]
            }
        }
        let schema =
            json!({"type": "object", "properties": {"url": {"type": "number"}}, "required": ["url", "x"]});
        let problems = check_resolved(&schema, &json!({"url": "postgres://u:hunter2@db"}), &Telling);
        assert_eq!(problems.len(), 2);
        assert!(!format!("{problems:?}").contains("hunter2"));
    }
}
