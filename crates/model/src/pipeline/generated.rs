//! The pipeline of a project that is a repository: build it, then run or serve it.
//!
//! Nobody wrote it, so it can be shown, exported, and be the beginning of an own one.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{BuildStep, Pipeline, Resources, SiteStep, Step, VERSION};
use super::name::StepName;
use super::reference::Template;
use super::service::{Check, Health, ServiceStep};
use crate::health::{HealthCheck, HealthKind};
use crate::plan::Kind;
use crate::project::ProjectSettings;

/// What a service is told to listen on when nothing else is known.
const DEFAULT_PORT: u16 = 8080;

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
        dockerfile: settings.build.dockerfile.clone(),
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
            needs: BTreeSet::new(),
            description: None,
            position: None,
            build: build.clone(),
            single_page: settings.build.single_page.unwrap_or_default(),
        }),
        Some(Kind::Service | Kind::Image) | None => {
            let shell = |word: &str| Template::literal(word);
            let start = settings.build.start_command.as_deref().filter(|line| !line.is_empty());
            let port = settings.build.port.unwrap_or(DEFAULT_PORT);
            Step::Service(Box::new(ServiceStep {
                build: Some(build.clone()),
                ports: [port].into(),
                public: Some(port),
                command: start.map(|line| vec![shell("/bin/sh"), shell("-c"), shell(line)]),
                health: Some(health(&settings.health)),
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

fn health(project: &HealthCheck) -> Health {
    let check = match project.kind {
        HealthKind::Http => Check::Http { path: project.path.clone(), port: None },
        HealthKind::Tcp => Check::Tcp { port: None },
        HealthKind::Process => Check::Process,
    };
    let seconds = |milliseconds: u32| milliseconds.div_ceil(1_000).max(1);
    Health {
        check,
        interval_s: seconds(project.interval_ms),
        timeout_s: seconds(project.timeout_ms),
        healthy_after: project.healthy_after,
        unhealthy_after: project.unhealthy_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Format, read};
    use crate::project::GitSource;

    #[test]
    fn it_is_a_pipeline_that_anybody_could_have_written() {
        let mut settings = ProjectSettings {
            source: Some(GitSource {
                repository: crate::source::RepositoryUrl::parse("https://example.com/acme/shop.git").unwrap(),
                branch: None,
                root_directory: crate::source::Folder::default(),
            }),
            ..ProjectSettings::default()
        };
        settings.build.start_command = Some("node server.js --price '$${{ x'".into());
        for (kind, last) in [(None, "service"), (Some(Kind::Image), "service"), (Some(Kind::Site), "site")] {
            let pipeline = generated(&settings, kind).unwrap();
            let text = serde_json::to_string(&pipeline).unwrap();
            assert_eq!(read(&text, Format::Json).unwrap().pipeline, pipeline, "{text}");
            assert_eq!(pipeline.steps["app"].kind().to_string(), last);
            assert_eq!(pipeline.steps["app"].build().unwrap().as_str(), "build");
        }
        assert_eq!(generated(&ProjectSettings::default(), None), None);
    }
}
