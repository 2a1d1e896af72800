//! The variables of workloads: the platform's, the framework's, the project's.
//!
//! Later ones win: the framework's suggestions, then the project's own variables as far as they are exposed at that
//! moment, then what the platform promises. A secret that is only for the running service is not there while building.

use std::collections::BTreeMap;

use pierhead_engine::spec::Mount;
use pierhead_model::assignment::platform_variables;
use pierhead_model::plan::{BuildPlan, Runtime};
use pierhead_model::release::StartSettings;

use super::Run;

/// Where the bundle of certificates is mounted.
const CA_BUNDLE: &str = "/etc/pierhead/ca-bundle.crt";
/// Who reads it, under which name.
const CA_VARIABLES: [&str; 6] = [
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
];
/// Where workloads of a service lie.
pub(super) const APP: &str = "/app";

/// The two parts of a build, which see different variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Without `NODE_ENV=production`: package managers would leave out what the build needs.
    Install,
    Build,
}

/// Variables of an install or build command.
pub(super) fn of_build(run: &Run, plan: &BuildPlan, part: Part) -> Vec<(String, String)> {
    let mut variables = plan.variables.clone();
    match part {
        Part::Install => variables.retain(|key, _| !matches!(key.as_str(), "NODE_ENV" | "APP_ENV")),
        Part::Build => {
            let production = match plan.runtime {
                Runtime::Node => Some("NODE_ENV"),
                Runtime::Php => Some("APP_ENV"),
                Runtime::Python | Runtime::Static | Runtime::Docker | Runtime::Other(_) => None,
            };
            if let Some(key) = production {
                variables.entry(key.to_owned()).or_insert_with(|| "production".to_owned());
            }
        }
    }
    variables.insert("CI".to_owned(), "true".to_owned());
    variables.extend(run.node.options.proxy_variables.clone());
    if run.node.options.ca_bundle.is_some() {
        variables.extend(CA_VARIABLES.map(|key| (key.to_owned(), CA_BUNDLE.to_owned())));
    }
    for variable in &run.held.assignment.work.variables {
        if variable.exposure.at_build() {
            variables.insert(variable.key.as_str().to_owned(), variable.value.clone());
        }
    }
    finish(run, variables)
}

/// Variables of a running service.
pub(super) fn of_service(run: &Run, start: &StartSettings) -> Vec<(String, String)> {
    let mut variables = start.variables.clone();
    for variable in &run.held.assignment.work.variables {
        if variable.exposure.at_runtime() {
            variables.insert(variable.key.as_str().to_owned(), variable.value.clone());
        }
    }
    variables.insert("PORT".to_owned(), start.port.to_string());
    for key in ["HOST", "HOSTNAME"] {
        variables.insert(key.to_owned(), "0.0.0.0".to_owned());
    }
    if let Some(root) = &start.document_root {
        variables.insert("PIERHEAD_DOCUMENT_ROOT".to_owned(), root.clone());
    }
    finish(run, variables)
}

fn finish(run: &Run, mut variables: BTreeMap<String, String>) -> Vec<(String, String)> {
    let commit = run.node.book.get(&run.id).and_then(|report| report.commit);
    variables.extend(platform_variables(&run.held.assignment, commit.as_ref()));
    variables.into_iter().collect()
}

/// The bundle of certificates, for whom it is set.
pub(super) fn ca_mount(run: &Run) -> Option<Mount> {
    let source = run.node.options.ca_bundle.clone()?;
    Some(Mount::Bind { source, target: CA_BUNDLE.to_owned(), read_only: true })
}

/// A path below the application's folder.
pub(super) fn in_app(path: &str) -> String {
    if path.is_empty() || path == "." { APP.to_owned() } else { format!("{APP}/{path}") }
}
