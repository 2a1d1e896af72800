//! The pipeline of a project that is a repository: build it, then run or serve it.
//!
//! Nobody wrote it, so it can be shown, exported, and be the beginning of an own one.

use std::collections::BTreeMap;

use super::definition::{BuildStep, Pipeline, Resources, SiteStep, Step, VERSION};
use super::name::StepName;
use super::service::{Check, Health, ServiceStep};
use crate::plan::Kind;
use crate::project::ProjectSettings;

/// What would be run for a project with these settings. `kind` is what its last build made; without one, a service is
/// assumed. `None` for a project without a repository.
pub fn generated(settings: &ProjectSettings, kind: Option<Kind>) -> Option<Pipeline> {
    let source = settings.source.as_ref()?;
    let name = |text: &str| StepName::parse(text).ok();
    let (build, app) = (name("build")?, name("app")?);
    let limits = &settings.limits;
    let first = BuildStep {
        repository: Some(source.repository.clone()),
        reference: source.branch.clone(),
        root_directory: Some(source.root_directory.clone()).filter(|folder| !folder.is_root()),
        framework: settings.build.framework.clone(),
        install_command: settings.build.install_command.clone(),
        build_command: settings.build.build_command.clone(),
        output_directory: settings.build.output_directory.clone(),
        resources: Resources {
            memory_mb: Some(limits.build_memory_mb),
            cpu: Some(limits.build_cpu),
            pids: Some(limits.build_pids),
        },
        timeout_s: Some(limits.build_timeout_s),
        ..BuildStep::default()
    };
    let last = match kind {
        Some(Kind::Site) => Step::Site(SiteStep {
            needs: std::collections::BTreeSet::new(),
            description: None,
            position: None,
            build: build.clone(),
            single_page: false,
        }),
        Some(Kind::Service | Kind::Image) | None => {
            let port = settings.build.port.unwrap_or(crate::plan::DEFAULT_PORT);
            Step::Service(Box::new(ServiceStep {
                build: Some(build.clone()),
                ports: [port].into(),
                public: Some(port),
                health: Some(Health {
                    check: Check::Http { path: settings.health.path.clone(), port: None },
                    ..Health::default()
                }),
                resources: Resources {
                    memory_mb: Some(limits.memory_mb),
                    cpu: Some(limits.cpu),
                    pids: Some(limits.pids),
                },
                startup_timeout_s: Some(limits.startup_timeout_s),
                stop_grace_s: Some(limits.stop_grace_s),
                ..ServiceStep::default()
            }))
        }
    };
    Some(Pipeline {
        version: VERSION,
        description: None,
        parameters: BTreeMap::new(),
        steps: [(build, Step::Build(first)), (app, last)].into(),
    })
}
