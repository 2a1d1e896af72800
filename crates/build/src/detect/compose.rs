//! Compose files: recognised and offered as a pipeline, never run as they are.

use serde_norway::Value;

use crate::facts::Facts;

const NAMES: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

pub(crate) fn find(facts: &Facts<'_>) -> Option<String> {
    facts.first(NAMES).map(str::to_owned)
}

pub(crate) fn is_name(file: &str) -> bool {
    NAMES.contains(&file)
}

/// The services' names, as far as the file can be read.
pub(crate) fn services(facts: &Facts<'_>, file: &str) -> Vec<String> {
    let Some(text) = facts.text(file) else { return Vec::new() };
    let Ok(Value::Mapping(root)) = serde_norway::from_str::<Value>(&text) else { return Vec::new() };
    let Some(Value::Mapping(services)) = root.get("services") else { return Vec::new() };
    services.keys().filter_map(|name| name.as_str().map(str::to_owned)).take(50).collect()
}
