//! A plan as text for people: every value with its origin, then what to watch, what else it could be, what to do next.

use std::fmt::Write as _;

use pierhead_model::plan::{BuildPlan, Origin, Reason};

/// The words for an origin.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Flag => "flag",
        Origin::ProjectFile => "project file",
        Origin::Project => "project settings",
        Origin::ForeignFile => "another tool's file",
        Origin::Detected => "detected",
        Origin::Default => "default",
    }
}

/// The plan, one value per line.
pub fn explain(plan: &BuildPlan) -> String {
    let mut text = String::new();
    let port = plan.port.map(|port| port.to_string());
    let single_page = plan.single_page.then(|| "yes".to_owned());
    let kind = plan.kind.to_string();
    let fields = [
        ("framework", Some(&plan.name)),
        ("kind", Some(&kind)),
        ("root_directory", Some(&plan.root_directory)),
        ("runtime_version", plan.runtime_version.as_ref()),
        ("package_manager", plan.package_manager.as_ref()),
        ("install_command", plan.install_command.as_ref()),
        ("build_command", plan.build_command.as_ref()),
        ("start_command", plan.start_command.as_ref()),
        ("output_directory", plan.output_directory.as_ref()),
        ("document_root", plan.document_root.as_ref()),
        ("dockerfile", plan.dockerfile.as_ref()),
        ("port", port.as_ref()),
        ("single_page", single_page.as_ref()),
        ("release_command", plan.release_command.as_ref()),
    ];
    for (field, value) in fields {
        let Some(value) = value else { continue };
        let value = match field {
            "runtime_version" => format!("{} {value}", plan.runtime.as_str()),
            _ => value.clone(),
        };
        let label = label(field);
        let _ = writeln!(text, "{label:<10} {value}");
        if let Some(reason) = plan.reasons.iter().find(|reason| reason.field == field) {
            let _ = writeln!(text, "{:<10} └ {}", "", because(reason));
        }
    }
    for (name, command) in &plan.processes {
        let _ = writeln!(text, "{:<10} {name}: {command}", "process");
    }
    for (name, value) in &plan.variables {
        let _ = writeln!(text, "{:<10} {name}={value}", "variable");
    }
    for (title, entries) in
        [("warning", &plan.warnings), ("could be", &plan.alternatives), ("next", &plan.suggestions)]
    {
        for entry in entries {
            let _ = writeln!(text, "{title:<10} {entry}");
        }
    }
    text
}

fn because(reason: &Reason) -> String {
    let place = match (&reason.file, reason.line) {
        (Some(file), Some(line)) => format!(", {file}:{line}"),
        (Some(file), None) if !reason.because.contains(file.as_str()) => format!(", {file}"),
        _ => String::new(),
    };
    format!("{} ({}{place})", reason.because, origin(reason.origin))
}

fn label(field: &str) -> &str {
    match field {
        "root_directory" => "root",
        "runtime_version" => "runtime",
        "package_manager" => "packages",
        "install_command" => "install",
        "build_command" => "build",
        "start_command" => "start",
        "output_directory" => "output",
        "document_root" => "web root",
        "single_page" => "one page",
        "release_command" => "release",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryTree;

    #[test]
    fn every_value_has_its_origin() {
        let tree = MemoryTree::from_literal(
            r#"
            -- package.json
            {
              "scripts": {"build": "astro build"},
              "dependencies": {"astro": "^5.2"}
            }
            -- pierhead.yaml
            version: 1
            build:
              install_command: npm install --omit=optional
            -- Procfile
            worker: node worker.js
            "#
            .replace("\n            ", "\n")
            .as_str(),
        );
        let plan = crate::detect(&tree, &Default::default(), ".").unwrap();
        insta::assert_snapshot!(explain(&plan));
    }
}
