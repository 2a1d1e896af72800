//! GitHub's own description of its REST API (`@octokit/openapi` 23.0.2, MIT), cut to the operations that are used here and
//! written as JSON Schema: what Pierhead asked, and what the stand-in answered, has to fit it.

use pierhead_testkit::Exchange;
use serde_json::{Value, json};

const DESCRIPTION: &[u8] = include_bytes!("../payloads/github_openapi.json.zst");

pub(crate) struct Description(Value);

impl Description {
    pub(crate) fn read() -> Self {
        let text = zstd::decode_all(DESCRIPTION).unwrap();
        Self(serde_json::from_slice(&text).unwrap())
    }

    /// The operation of a question.
    fn operation(&self, exchange: &Exchange) -> (&str, &Value) {
        let parts: Vec<&str> = exchange.path.split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            let same = |(want, part): (&&str, &&str)| want.starts_with('{') || want == part;
            // The name of a reference has slashes.
            let tail = wanted.last() == Some(&"{ref}") && parts.len() >= wanted.len();
            (wanted.len() == parts.len() || tail) && wanted.iter().zip(&parts).all(same)
        };
        let paths = self.0["paths"].as_object().unwrap();
        let (path, operations) = paths
            .iter()
            .filter(|(path, _)| fits(path))
            .min_by_key(|(path, _)| path.matches('{').count())
            .unwrap_or_else(|| panic!("GitHub describes no {}", exchange.path));
        let method = exchange.method.to_lowercase();
        let operation = operations.get(&method);
        (path, operation.unwrap_or_else(|| panic!("GitHub describes no {method} {path}")))
    }

    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let whole = json!({ "allOf": [schema], "schemas": self.0["schemas"] });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let problems: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{what}: {problems:#?}\n{value:#}");
    }

    /// Fails unless the question, and its answer, are what GitHub describes. Which operation it was.
    pub(crate) fn validate(&self, exchange: &Exchange) -> String {
        let (path, operation) = self.operation(exchange);
        let what = format!("{} {path} ({})", exchange.method, exchange.status);
        let parameters = operation["parameters"].as_array().unwrap();
        for (name, value) in &exchange.query {
            let known = parameters.iter().find(|it| it["in"] == "query" && it["name"] == **name);
            let known = known.unwrap_or_else(|| panic!("{what} has no parameter {name}"));
            let value = match known["schema"]["type"].as_str() {
                Some("integer") => value.parse::<u64>().unwrap().into(),
                _ => Value::from(value.clone()),
            };
            self.check(&known["schema"], &value, &format!("{what} ?{name}"));
        }
        match (&exchange.body, operation.get("body")) {
            (Some(body), Some(schema)) => self.check(schema, body, &format!("{what} asked")),
            (None, _) => assert_ne!(operation["body_required"], true, "{what} was asked nothing"),
            (Some(_), None) => {}
        }
        let answers = operation["answers"].as_object().unwrap();
        match answers.get(&exchange.status.to_string()) {
            Some(Value::Null) => {}
            Some(schema) => self.check(schema, &exchange.answer, &format!("{what} answered")),
            None => panic!("GitHub does not answer {what}"),
        }
        format!("{} {path}", exchange.method)
    }
}
