//! The pipeline of a project that is a repository: build it, then run or serve it.
//!
//! Nobody wrote it, so it can be shown, exported, and be the beginning of an own one.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{BuildStep, Pipeline, Resources, SiteStep, Step, VERSION};
use super::name::{SecretName, StepName};
use super::reference::{Reference, Template};
use super::service::{Check, Health, ServiceStep};
use crate::health::{HealthCheck, HealthKind};
use crate::plan::Kind;
use crate::project::ProjectSettings;
use crate::variable::{Exposure, VariableKey};

/// What a service is told to listen on when nothing else is known.
const DEFAULT_PORT: u16 = 8080;

/// A variable of the project, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    pub key: VariableKey,
    pub secret: bool,
    pub exposure: Exposure,
}

/// What would be run for a project with these settings and variables. `kind` is what its last build made; without one, a
/// service is assumed. `None` for a project without a repository.
pub fn generated(
    settings: &ProjectSettings,
    kind: Option<Kind>,
    variables: &[Configured],
) -> Option<Pipeline> {
    let source = settings.source.as_ref()?;
    let name = |text: &str| StepName::parse(text).ok();
    let (build, app) = (name("build")?, name("app")?);
    let limits = &settings.limits;
    let first = BuildStep {
        repository: Some(source.repository.clone()),
        reference: source.branch.clone(),
        root_directory: Some(source.root_directory.clone()).filter(|folder| !folder.is_root()),
        dockerfile: settings.build.dockerfile.clone(),
        target: settings.build.dockerfile_target.clone(),
        framework: settings.build.framework.clone(),
        install_command: settings.build.install_command.clone(),
        build_command: settings.build.build_command.clone(),
        output_directory: settings.build.output_directory.clone(),
        variables: references(variables, Exposure::at_build),
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
                variables: references(variables, Exposure::at_runtime),
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

/// Each under its own name. One whose name is too long to be referred to as a secret cannot be carried over.
fn references(variables: &[Configured], there: impl Fn(Exposure) -> bool) -> BTreeMap<VariableKey, Template> {
    let reference = |variable: &Configured| match variable.secret {
        true => SecretName::parse(variable.key.as_str()).ok().map(Reference::Secret),
        false => Some(Reference::Variable(variable.key.clone())),
    };
    variables
        .iter()
        .filter(|variable| there(variable.exposure))
        .filter_map(|variable| Some((variable.key.clone(), Template::reference(reference(variable)?))))
        .collect()
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
        let variable = |key: &str, secret, exposure| Configured {
            key: VariableKey::parse(key).unwrap(),
            secret,
            exposure,
        };
        let variables = [
            variable("MODE", false, Exposure::All),
            variable("TOKEN", true, Exposure::Runtime),
            variable("NPM_TOKEN", true, Exposure::Build),
        ];
        for (kind, last) in [(None, "service"), (Some(Kind::Image), "service"), (Some(Kind::Site), "site")] {
            let pipeline = generated(&settings, kind, &variables).unwrap();
            let text = serde_json::to_string(&pipeline).unwrap();
            assert_eq!(read(&text, Format::Json).unwrap().pipeline, pipeline, "{text}");
            assert_eq!(pipeline.steps["app"].kind().to_string(), last);
            assert_eq!(pipeline.steps["app"].build().unwrap().as_str(), "build");
            let told = |step: &Step| match step {
                Step::Build(build) => build.variables.values().map(|it| it.as_str().to_owned()).collect(),
                Step::Service(service) => {
                    service.variables.values().map(|it| it.as_str().to_owned()).collect()
                }
                Step::Plugin(_) | Step::Site(_) => Vec::new(),
            };
            assert_eq!(told(&pipeline.steps["build"]), ["${{ vars.MODE }}", "${{ secrets.NPM_TOKEN }}"]);
            if last == "service" {
                assert_eq!(told(&pipeline.steps["app"]), ["${{ vars.MODE }}", "${{ secrets.TOKEN }}"]);
            }
        }
        assert_eq!(generated(&ProjectSettings::default(), None, &variables), None);
    }
}
