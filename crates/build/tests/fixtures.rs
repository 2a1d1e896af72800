//! One small source tree per rule, with the plan that must come out.
//!
//! A fixture file holds sections: `=== name`, then `-- path` and contents for each file, then `>> field value` for each
//! expectation. Only the fields that are named are compared; `>> field` without a value means that there is none.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails its test")]

use pierhead_build::source::MemoryTree;
use pierhead_build::{DetectError, detect};
use pierhead_model::plan::{BuildPlan, BuildSettings};

#[derive(Debug)]
struct Fixture {
    name: String,
    files: String,
    expected: Vec<(String, String)>,
    settings: String,
    root: String,
}

fn parse(text: &str) -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            fixtures.push(Fixture {
                name: name.to_owned(),
                files: String::new(),
                expected: Vec::new(),
                settings: "{}".to_owned(),
                root: ".".to_owned(),
            });
            continue;
        }
        let Some(fixture) = fixtures.last_mut() else { continue };
        if let Some(expected) = line.strip_prefix(">> ") {
            let (field, value) = expected.split_once(' ').unwrap_or((expected, ""));
            fixture.expected.push((field.to_owned(), value.trim().to_owned()));
        } else if let Some(settings) = line.strip_prefix("<< settings ") {
            settings.clone_into(&mut fixture.settings);
        } else if let Some(root) = line.strip_prefix("<< root ") {
            root.clone_into(&mut fixture.root);
        } else {
            fixture.files.push_str(line);
            fixture.files.push('\n');
        }
    }
    fixtures
}

fn actual(plan: &BuildPlan, field: &str) -> Vec<String> {
    let text = |value: &Option<String>| vec![value.clone().unwrap_or_default()];
    match field {
        "framework" => vec![plan.framework.clone()],
        "name" => vec![plan.name.clone()],
        "kind" => vec![plan.kind.to_string()],
        "runtime" => vec![plan.runtime.as_str().to_owned()],
        "version" => text(&plan.runtime_version),
        "pm" => text(&plan.package_manager),
        "root" => vec![plan.root_directory.clone()],
        "install" => text(&plan.install_command),
        "build" => text(&plan.build_command),
        "start" => text(&plan.start_command),
        "output" => text(&plan.output_directory),
        "docroot" => text(&plan.document_root),
        "dockerfile" => text(&plan.dockerfile),
        "port" => vec![plan.port.map(|port| port.to_string()).unwrap_or_default()],
        "spa" => vec![plan.single_page.to_string()],
        "release" => text(&plan.release_command),
        "var" => plan.variables.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        "process" => plan.processes.iter().map(|(name, command)| format!("{name}: {command}")).collect(),
        "input" => plan.dependency_inputs.clone(),
        "cache" => plan.caches.clone(),
        "alternative" => plan.alternatives.clone(),
        "warning" => plan.warnings.clone(),
        "suggestion" => plan.suggestions.clone(),
        "reason" => plan
            .reasons
            .iter()
            .map(|reason| {
                let origin = serde_json::to_value(reason.origin).unwrap();
                let place = match (&reason.file, reason.line) {
                    (Some(file), Some(line)) => format!(" {file}:{line}"),
                    (Some(file), None) => format!(" {file}"),
                    _ => String::new(),
                };
                format!("{} {}{place}", reason.field, origin.as_str().unwrap())
            })
            .collect(),
        other => panic!("no such field in a fixture: {other}"),
    }
}

fn variant(error: &DetectError) -> String {
    format!("{error:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn check(text: &str, at_least: usize) {
    let fixtures = parse(text);
    assert!(fixtures.len() >= at_least, "only {} fixtures", fixtures.len());
    let mut failures = String::new();
    for fixture in &fixtures {
        let tree = MemoryTree::from_literal(&fixture.files);
        let settings: BuildSettings = serde_json::from_str(&fixture.settings).unwrap();
        let result = detect(&tree, &settings, &fixture.root);
        let mut wrong = |field: &str, expected: &str, found: &str| {
            failures += &format!("{}: {field}\n  expected {expected}\n  found    {found}\n", fixture.name);
        };
        for (field, expected) in &fixture.expected {
            match (&result, field.as_str()) {
                (Err(error), "error") if variant(error) == *expected => {}
                (Err(error), "message") if error.to_string().contains(expected) => {}
                (Err(error), _) => wrong(field, expected, &format!("{error:?}")),
                (Ok(plan), "error" | "message") => {
                    wrong(field, expected, &format!("a plan for {}", plan.framework))
                }
                (Ok(plan), field) => {
                    let found = actual(plan, field);
                    let is_partial = matches!(field, "warning" | "suggestion");
                    let fits = if expected.is_empty() {
                        found.iter().all(String::is_empty)
                    } else {
                        found
                            .iter()
                            .any(|found| found == expected || (is_partial && found.contains(expected)))
                    };
                    if !fits {
                        wrong(field, expected, &found.join(" | "));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn javascript() {
    check(include_str!("fixtures/javascript.txt"), 60);
}

#[test]
fn python() {
    check(include_str!("fixtures/python.txt"), 20);
}

#[test]
fn php() {
    check(include_str!("fixtures/php.txt"), 12);
}

#[test]
fn others() {
    check(include_str!("fixtures/others.txt"), 20);
}

#[test]
fn choices_and_foreign_files() {
    check(include_str!("fixtures/choices.txt"), 20);
}

#[test]
fn traps() {
    check(include_str!("fixtures/traps.txt"), 20);
}
