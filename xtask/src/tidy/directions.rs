//! Which crate may use which: the boundaries are only worth something while they hold.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// What each crate of ours may use of ours, without the prefix. Tests may use more.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("build", &["model"]),
    ("engine", &[]),
    ("registry", &["model"]),
    ("store", &["model"]),
    ("agent", &["model", "wire", "build", "engine"]),
    ("ingress", &["model", "wire"]),
    ("control", &["model", "wire", "store", "registry"]),
    ("api", &["model", "control"]),
];

/// Crates whose appearance would mean that a boundary has been crossed.
const NEVER: &[(&str, &[&str])] = &[
    ("model", &["tokio", "reqwest", "fs-err", "rand"]),
    ("build", &["tokio", "reqwest", "hyper"]),
    ("agent", &["sea-orm", "axum"]),
    ("ingress", &["sea-orm", "bollard"]),
    ("registry", &["sea-orm", "axum", "bollard"]),
    ("store", &["axum", "bollard"]),
    ("control", &["axum", "bollard", "sea-orm"]),
    ("api", &["sea-orm", "bollard"]),
];

pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo metadata cannot be run")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(name) = package["name"].as_str().and_then(|name| name.strip_prefix("pierhead-")) else {
            continue;
        };
        let used: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .collect();
        if let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) {
            for ours in used.iter().filter_map(|used| used.strip_prefix("pierhead-")) {
                if !allowed.contains(&ours) {
                    problems.push(format!("pierhead-{name} must not use pierhead-{ours}"));
                }
            }
        }
        let never = NEVER.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, never)| never);
        problems.extend(never.iter().filter(|never| used.contains(**never)).map(|never| {
            format!("pierhead-{name} must not use {never}: that belongs on the other side of a boundary")
        }));
    }
    Ok(problems)
}
