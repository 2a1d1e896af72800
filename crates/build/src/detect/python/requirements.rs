//! What a Python project depends on, whichever file says it; names normalised as PEP 503 does, never matched by substring.

use std::collections::BTreeMap;

use crate::error::DetectError;
use crate::facts::Facts;
use crate::text;

/// A requirement as it stands in a file.
#[derive(Debug, Clone)]
struct Requirement {
    file: String,
    line: Option<u32>,
    extras: Vec<String>,
    specifier: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Requirements {
    /// The files that were found, the deciding one first.
    pub(crate) files: Vec<String>,
    packages: BTreeMap<String, Requirement>,
    /// The project's own name in `pyproject.toml`.
    pub(crate) project: Option<String>,
    /// `pyproject.toml` says how the project is built into a package.
    pub(crate) is_package: bool,
    pub(crate) is_poetry: bool,
    /// Poetry is told not to install the project itself.
    pub(crate) is_application: bool,
}

impl Requirements {
    pub(crate) fn has(&self, package: &str) -> bool {
        self.packages.contains_key(package)
    }

    pub(crate) fn has_extra(&self, package: &str, extra: &str) -> bool {
        self.packages.get(package).is_some_and(|found| found.extras.iter().any(|name| name == extra))
    }

    pub(crate) fn place(&self, package: &str) -> (String, Option<u32>) {
        self.packages.get(package).map_or_else(Default::default, |found| (found.file.clone(), found.line))
    }

    /// `5.1` from `==5.1.2`.
    pub(crate) fn major_minor(&self, package: &str) -> Option<String> {
        let specifier = &self.packages.get(package)?.specifier;
        let version = specifier.split(',').next()?.trim_start_matches(['=', '~', '>', '<', '^', ' ', 'v']);
        let mut parts = version.split('.').take_while(|part| {
            !part.is_empty() && part.len() < 6 && part.bytes().all(|b| b.is_ascii_digit())
        });
        let major = parts.next()?;
        Some(parts.next().map_or_else(|| major.to_owned(), |minor| format!("{major}.{minor}")))
    }

    fn add(&mut self, file: &str, line: Option<u32>, requirement: &str) {
        let requirement = requirement.split([';', '#']).next().unwrap_or_default().trim();
        let name_end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let (name, rest) = requirement.split_at(name_end.unwrap_or(requirement.len()));
        let (extras, specifier) =
            match rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((extras, rest)) => (extras, rest),
                None => ("", rest),
            };
        let name = normalised(name);
        if name.is_empty() || name.len() > 100 {
            return;
        }
        self.packages.entry(name).or_insert_with(|| Requirement {
            file: file.to_owned(),
            line,
            extras: extras.split(',').map(|extra| extra.trim().to_ascii_lowercase()).collect(),
            specifier: specifier.trim().to_owned(),
        });
    }
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, case does not matter.
pub(crate) fn normalised(name: &str) -> String {
    let lower = name.to_ascii_lowercase().replace(['_', '.'], "-");
    lower.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

pub(crate) const REQUIREMENT_FILES: &[&str] = &[
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements.in",
];

pub(crate) fn read(facts: &Facts<'_>) -> Result<Requirements, DetectError> {
    let mut requirements = Requirements::default();
    pyproject(facts, &mut requirements)?;
    for file in REQUIREMENT_FILES {
        if let Some(contents) = facts.manifest(file)? {
            requirements.files.push((*file).to_owned());
            lines(facts, file, &contents, &mut requirements, 4);
        }
    }
    if let Some(contents) = facts.manifest("Pipfile")? {
        requirements.files.push("Pipfile".to_owned());
        if let Ok(table) = contents.parse::<toml::Table>() {
            for (name, value) in table.get("packages").and_then(toml::Value::as_table).into_iter().flatten() {
                let specifier = value.as_str().filter(|specifier| *specifier != "*").unwrap_or_default();
                requirements.add("Pipfile", text::line_of(&contents, name), &format!("{name}{specifier}"));
            }
        }
    }
    if let Some(contents) = facts.text("setup.py") {
        requirements.files.push("setup.py".to_owned());
        let literal =
            regex::Regex::new(r#"["']([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]"']*\])?[^"'\n]{0,60})["']"#);
        let list = contents.find("install_requires").map(|at| &contents[at..]);
        let list = list.and_then(|list| list.split(']').next());
        for found in literal.iter().flat_map(|literal| literal.captures_iter(list.unwrap_or_default())) {
            requirements.add("setup.py", None, &found[1]);
        }
    }
    Ok(requirements)
}

/// One requirement per line; `-r` includes another file of the project.
fn lines(facts: &Facts<'_>, file: &str, contents: &str, requirements: &mut Requirements, depth: u8) {
    for (number, line) in (1u32..).zip(contents.lines()).take(5000) {
        let line = line.trim();
        if let Some(included) = line.strip_prefix("-r ").or_else(|| line.strip_prefix("--requirement ")) {
            let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
            let path = crate::source::path::normalise(&format!("{folder}/{}", included.trim()));
            if let Some((path, text)) = path.and_then(|path| Some((path.clone(), facts.text(&path)?)))
                && depth > 0
            {
                lines(facts, &path, &text, requirements, depth - 1);
            }
        } else if !line.starts_with(['-', '#', '.', '/']) {
            requirements.add(file, Some(number), line);
        }
    }
}

fn pyproject(facts: &Facts<'_>, requirements: &mut Requirements) -> Result<(), DetectError> {
    const FILE: &str = "pyproject.toml";
    let Some(contents) = facts.manifest(FILE)? else { return Ok(()) };
    let table: toml::Table =
        contents.parse().map_err(|error: toml::de::Error| DetectError::InvalidManifest {
            file: FILE.to_owned(),
            line: error.span().map_or(1, |span| text::line_at(&contents, span.start)),
            message: error.message().to_owned(),
        })?;
    let project = table.get("project").and_then(toml::Value::as_table);
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(toml::Value::as_table);
    // A file that only configures tools says nothing about dependencies.
    if project.is_none() && poetry.is_none() {
        return Ok(());
    }
    requirements.files.push(FILE.to_owned());
    requirements.is_package = table.contains_key("build-system");
    requirements.is_poetry = poetry.is_some();
    let mode = poetry.and_then(|poetry| poetry.get("package-mode")).and_then(toml::Value::as_bool);
    requirements.is_application = mode == Some(false);
    let name = |table: &toml::Table| Some(table.get("name")?.as_str()?.to_owned());
    requirements.project = project.and_then(name).or_else(|| poetry.and_then(name));
    let list = project.and_then(|project| project.get("dependencies")).and_then(toml::Value::as_array);
    for requirement in list.into_iter().flatten().filter_map(toml::Value::as_str) {
        requirements.add(FILE, text::line_of(&contents, requirement), requirement);
    }
    let packages = poetry.and_then(|poetry| poetry.get("dependencies")).and_then(toml::Value::as_table);
    for (name, value) in packages.into_iter().flatten() {
        let specifier = value.as_str().or_else(|| value.get("version")?.as_str()).unwrap_or_default();
        let extras: Vec<&str> = value
            .get("extras")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        requirements.add(FILE, text::line_of(&contents, name), &format!("{name}{extras}{specifier}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemoryTree, SourceTree};

    fn of(literal: &str) -> Requirements {
        let tree = MemoryTree::from_literal(literal);
        read(&Facts::new(&tree, &tree.list(), ".")).unwrap()
    }

    #[test]
    fn names_are_whole_and_normalised() {
        let found = of(
            "-- requirements.txt\nFlask_Cors==1\n# flask\nDjango>=5.1,<6 ; python_version > '3'\n-r more.txt\n-- more.txt\nfastapi[standard, all]\n-r requirements.txt\n",
        );
        assert!(found.has("flask-cors") && found.has("django") && !found.has("flask"));
        assert!(found.has_extra("fastapi", "standard"));
        assert_eq!(found.major_minor("django").as_deref(), Some("5.1"));
        assert_eq!(found.place("django"), ("requirements.txt".to_owned(), Some(3)));
    }

    #[test]
    fn every_manifest_is_read() {
        assert!(of("-- pyproject.toml\n[project]\nname='x'\ndependencies=['flask>=3']\n").has("flask"));
        assert!(of("-- pyproject.toml\n[tool.poetry.dependencies]\nflask='^3'\n").has("flask"));
        assert!(of("-- Pipfile\n[packages]\nflask='*'\n").has("flask"));
        assert!(of("-- setup.py\nsetup(install_requires=['flask>=3'])\n").has("flask"));
        assert!(of("-- pyproject.toml\n[tool.ruff]\n").files.is_empty());
    }
}
