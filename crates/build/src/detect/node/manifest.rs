//! `package.json`, read tolerantly: a field of the wrong type counts as absent, broken JSON is an error with its line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::DetectError;
use crate::facts::Facts;
use crate::text;

pub(crate) const FILE: &str = "package.json";

#[derive(Debug, Clone, Default)]
pub(crate) struct PackageJson {
    text: String,
    root: Map<String, Value>,
    dependencies: BTreeMap<String, String>,
}

impl PackageJson {
    pub(crate) fn read(facts: &Facts<'_>) -> Result<Option<Self>, DetectError> {
        let Some(text) = facts.manifest(FILE)? else { return Ok(None) };
        Self::parse(&text).map(Some)
    }

    fn parse(text: &str) -> Result<Self, DetectError> {
        let invalid =
            |line, message: String| DetectError::InvalidManifest { file: FILE.to_owned(), line, message };
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            invalid(u32::try_from(error.line()).unwrap_or(u32::MAX).max(1), message)
        })?;
        let Value::Object(root) = value else {
            return Err(invalid(1, "it must hold an object".to_owned()));
        };
        let mut dependencies = BTreeMap::new();
        for section in ["optionalDependencies", "devDependencies", "dependencies"] {
            for (name, range) in root.get(section).and_then(Value::as_object).into_iter().flatten() {
                dependencies.insert(name.clone(), range.as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(Self { text: text.to_owned(), root, dependencies })
    }

    /// Whether there is anything to install.
    pub(crate) fn needs_install(&self) -> bool {
        let hooks = ["preinstall", "install", "postinstall", "prepare"];
        !self.dependencies.is_empty()
            || self.root.contains_key("workspaces")
            || hooks.iter().any(|hook| self.script(hook).is_some())
    }

    pub(crate) fn has(&self, package: &str) -> bool {
        self.dependencies.contains_key(package)
    }

    /// The first of these that is a dependency of any kind.
    pub(crate) fn first<'p>(&self, packages: &[&'p str]) -> Option<&'p str> {
        packages.iter().copied().find(|package| self.has(package))
    }

    pub(crate) fn range(&self, package: &str) -> Option<&str> {
        self.dependencies.get(package).map(String::as_str)
    }

    /// `15.3` from `^15.3.1`; nothing when the range does not begin with a number.
    pub(crate) fn major_minor(&self, package: &str) -> Option<String> {
        let range = self.range(package)?.trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
        let digits: String = range.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut parts = digits.split('.').filter(|part| !part.is_empty() && part.len() < 6);
        let major = parts.next()?;
        Some(parts.next().map_or_else(|| major.to_owned(), |minor| format!("{major}.{minor}")))
    }

    pub(crate) fn major(&self, package: &str) -> Option<u32> {
        self.major_minor(package)?.split('.').next()?.parse().ok()
    }

    pub(crate) fn script(&self, name: &str) -> Option<&str> {
        self.nested("scripts", name).filter(|script| !script.trim().is_empty())
    }

    pub(crate) fn scripts(&self) -> impl Iterator<Item = (&str, &str)> {
        let scripts = self.root.get("scripts").and_then(Value::as_object);
        scripts.into_iter().flatten().filter_map(|(name, script)| Some((name.as_str(), script.as_str()?)))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.root.get(name)?.as_str()
    }

    pub(crate) fn nested(&self, section: &str, name: &str) -> Option<&str> {
        self.root.get(section)?.get(name)?.as_str()
    }

    /// The patterns of `workspaces`, in both spellings.
    pub(crate) fn workspaces(&self) -> Vec<String> {
        let list = match self.root.get("workspaces") {
            Some(Value::Array(list)) => list,
            Some(Value::Object(map)) => match map.get("packages") {
                Some(Value::Array(list)) => list,
                _ => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        list.iter().filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
    }

    /// Where a key stands, to point a person there.
    pub(crate) fn line(&self, section: &str, key: &str) -> Option<u32> {
        text::json_line(&self.text, section, key)
    }

    pub(crate) fn dependency_line(&self, package: &str) -> Option<u32> {
        ["dependencies", "devDependencies", "optionalDependencies"]
            .into_iter()
            .filter(|section| self.root.get(*section).is_some_and(|packages| packages.get(package).is_some()))
            .find_map(|section| self.line(section, package))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_count_as_absent_and_broken_json_has_a_line() {
        let manifest =
            PackageJson::parse(r#"{"scripts": [], "dependencies": {"next": "^15.3.1", "x": 5}, "main": 3}"#)
                .unwrap();
        assert_eq!(manifest.script("build"), None);
        assert_eq!(manifest.field("main"), None);
        assert_eq!(manifest.major_minor("next").as_deref(), Some("15.3"));
        assert_eq!(manifest.major_minor("x"), None);
        assert!(matches!(
            PackageJson::parse("{\n\"a\": }"),
            Err(DetectError::InvalidManifest { line: 2, .. })
        ));
        assert!(matches!(PackageJson::parse("[]"), Err(DetectError::InvalidManifest { line: 1, .. })));
        let deep = "{\"a\":".repeat(10_000);
        assert!(matches!(PackageJson::parse(&deep), Err(DetectError::InvalidManifest { .. })));
    }
}
