//! The build plan as the API shows it: the same fields as `pierhead detect --json`.

use std::collections::BTreeMap;

use pierhead_model::plan::{self, BuildPlan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::mirrored;

mirrored! {
    /// What comes out of a build: files, a process, or an image from a Dockerfile.
    #[serde(rename_all = "snake_case")]
    PlanKind = plan::Kind { Site, Service, Image }

    /// Who decided a value; earlier ones win over later ones.
    #[serde(rename_all = "snake_case")]
    PlanOrigin = plan::Origin { Flag, ProjectFile, Project, ForeignFile, Detected, Default }
}

/// What a build would do, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    /// The usual slug: `nextjs`, `vite`, `fastapi`, `dockerfile`, `static`, …
    framework: String,
    kind: PlanKind,
    /// `node`, `python`, `php`, `static`, `docker` or the toolchain's name.
    runtime: String,
    runtime_version: Option<String>,
    package_manager: Option<String>,
    /// Relative to the repository; every other path is relative to this one.
    root_directory: String,
    install_command: Option<String>,
    build_command: Option<String>,
    start_command: Option<String>,
    output_directory: Option<String>,
    port: Option<u16>,
    reasons: Vec<PlanReason>,
    /// For people: `Next.js 15.3`.
    name: String,
    variables: BTreeMap<String, String>,
    dependency_inputs: Vec<String>,
    caches: Vec<String>,
    dockerfile: Option<String>,
    document_root: Option<String>,
    single_page: bool,
    processes: BTreeMap<String, String>,
    release_command: Option<String>,
    warnings: Vec<String>,
    alternatives: Vec<String>,
    suggestions: Vec<String>,
}

/// One value of a plan and where it came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanReason {
    field: String,
    because: String,
    origin: PlanOrigin,
    file: Option<String>,
    line: Option<u32>,
}

impl From<BuildPlan> for Plan {
    fn from(plan: BuildPlan) -> Self {
        let reason = |it: plan::Reason| PlanReason {
            field: it.field,
            because: it.because,
            origin: it.origin.into(),
            file: it.file,
            line: it.line,
        };
        Self {
            framework: plan.framework,
            kind: plan.kind.into(),
            runtime: plan.runtime.as_str().to_owned(),
            runtime_version: plan.runtime_version,
            package_manager: plan.package_manager,
            root_directory: plan.root_directory,
            install_command: plan.install_command,
            build_command: plan.build_command,
            start_command: plan.start_command,
            output_directory: plan.output_directory,
            port: plan.port,
            reasons: plan.reasons.into_iter().map(reason).collect(),
            name: plan.name,
            variables: plan.variables,
            dependency_inputs: plan.dependency_inputs,
            caches: plan.caches,
            dockerfile: plan.dockerfile,
            document_root: plan.document_root,
            single_page: plan.single_page,
            processes: plan.processes,
            release_command: plan.release_command,
            warnings: plan.warnings,
            alternatives: plan.alternatives,
            suggestions: plan.suggestions,
        }
    }
}
