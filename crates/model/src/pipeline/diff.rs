//! What is different between two pipelines, as a list that a person can read and a program can count on.
//!
//! Compared is the stored form, in which what is not set is not there: a default that is written out and one that is left out
//! are the same. Where a step stands in the editor is no difference.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::definition::{Pipeline, Step};
use super::name::StepName;

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// As in [`super::Problem`]: `steps.api.variables.LOG_LEVEL`.
    pub path: String,
    /// The step it belongs to; `None` for what belongs to the whole pipeline.
    pub step: Option<StepName>,
    /// `None` when it was added.
    pub before: Option<Value>,
    /// `None` when it was removed.
    pub after: Option<Value>,
}

/// Every change from one pipeline to another, by path.
pub fn diff(before: &Pipeline, after: &Pipeline) -> Vec<Change> {
    let mut changes = Vec::new();
    let whole = |pipeline: &Pipeline| {
        let mut value = to_map(pipeline);
        value.remove("steps");
        Value::Object(value)
    };
    compare("", None, &whole(before), &whole(after), &mut changes);
    let names: BTreeSet<&StepName> = before.steps.keys().chain(after.steps.keys()).collect();
    for name in names {
        let of = |pipeline: &Pipeline| pipeline.steps.get(name).map(comparable);
        let path = format!("steps.{name}");
        match (of(before), of(after)) {
            (Some(before), Some(after)) => compare(&path, Some(name), &before, &after, &mut changes),
            (before, after) => changes.push(Change { path, step: Some(name.clone()), before, after }),
        }
    }
    changes
}

fn comparable(step: &Step) -> Value {
    let mut value = to_map(step);
    value.remove("position");
    Value::Object(value)
}

fn to_map<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        // Pipelines and steps are maps with text keys, so they always become one.
        Ok(_) | Err(_) => Map::new(),
    }
}

fn compare(path: &str, step: Option<&StepName>, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                match (before.get(key), after.get(key)) {
                    (Some(before), Some(after)) => compare(&below(key), step, before, after, changes),
                    (before, after) => changes.push(Change {
                        path: below(key),
                        step: step.cloned(),
                        before: before.cloned(),
                        after: after.cloned(),
                    }),
                }
            }
        }
        (Value::Array(old), Value::Array(new))
            if old.len() == new.len() && old.iter().all(Value::is_object) =>
        {
            for (at, (before, after)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{at}]"), step, before, after, changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => changes.push(Change {
            path: path.to_owned(),
            step: step.cloned(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Format, read};

    fn parsed(steps: &str) -> Pipeline {
        read(&format!("version: 1\nsteps:\n{steps}"), Format::Yaml).unwrap().pipeline
    }

    fn told(before: &str, after: &str) -> Vec<String> {
        let show = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        diff(&parsed(before), &parsed(after))
            .into_iter()
            .map(|change| format!("{}: {} → {}", change.path, show(change.before), show(change.after)))
            .collect()
    }

    #[test]
    fn tells_the_smallest_thing_that_is_different() {
        let before = "  a: {kind: service, image: 'a:1', variables: {X: '1', Y: '2'}, ports: [80], position: {x: 1, y: 1}}\n  b: {kind: service, image: 'b:1'}";
        let after = "  a: {kind: service, image: 'a:2', variables: {X: '1', Z: '3'}, ports: [80, 81], replicas: 1}\n  c: {kind: service, image: 'c:1'}";
        assert_eq!(
            told(before, after),
            [
                r#"steps.a.image: "a:1" → "a:2""#,
                "steps.a.ports: [80] → [80,81]",
                r#"steps.a.variables.Y: "2" → -"#,
                r#"steps.a.variables.Z: - → "3""#,
                r#"steps.b: {"kind":"service","image":"b:1"} → -"#,
                r#"steps.c: - → {"kind":"service","image":"c:1"}"#,
            ]
        );
    }

    #[test]
    fn lists_of_maps_are_compared_place_by_place() {
        let step = |path: &str| {
            format!("  a: {{kind: service, image: 'a:1', volumes: [{{name: v, path: {path}}}]}}")
        };
        assert_eq!(told(&step("/d"), &step("/e")), [r#"steps.a.volumes[0].path: "/d" → "/e""#]);
    }

    #[test]
    fn what_is_the_same_has_no_difference() {
        let shop = include_str!("../../tests/pipelines/shop.yaml");
        let shop = read(shop, Format::Yaml).unwrap().pipeline;
        assert_eq!(diff(&shop, &shop), []);
        let stored: Pipeline = serde_json::from_value(serde_json::to_value(&shop).unwrap()).unwrap();
        assert_eq!(diff(&shop, &stored), []);
    }
}
