//! The pipeline of a project that is a repository: build it, then run or serve it.
//!
//! Nobody wrote it, so it can be shown, exported, and be the beginning of an own one. Nodes run the same two steps with the same
//! executor as any other pipeline.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{BuildStep, Kind as StepKind, Pipeline, Resources, SiteStep, Step, VERSION};
use super::name::{SecretName, StepName};
use super::reference::{Reference, Template};
use super::service::{Check, Health, ServiceStep};
use crate::health::{HealthCheck, HealthKind};
use crate::limit::Limits;
use crate::plan::{BuildSettings, Kind};
use crate::project::{GitSource, ProjectSettings};
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

/// What a project says of its application.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// `None` when its files, or an image, are handed over.
    pub source: Option<&'a GitSource>,
    pub build: &'a BuildSettings,
    pub limits: &'a Limits,
    pub health: &'a HealthCheck,
}

/// The pipeline of a project with these settings and variables, as anybody could have written it. `kind` is what its last build
/// made; without one, a service is assumed. `None` for a project without a repository.
pub fn generated(
    settings: &ProjectSettings,
    kind: Option<Kind>,
    variables: &[Configured],
) -> Option<Pipeline> {
    let source = Some(settings.source.as_ref()?);
    let ProjectSettings { build, limits, health, .. } = settings;
    Some(pipeline(App { source, build, limits, health }, kind, variables))
}

/// The same pipeline as a node runs it: what only the build can know (its kind, where it listens, how it is started) is not said
/// before, and variables are there because they are the project's, without being named.
pub fn as_run(app: App<'_>) -> Pipeline {
    let mut pipeline = pipeline(app, None, &[]);
    for step in pipeline.steps.values_mut() {
        if let Step::Service(service) = step {
            service.ports = app.build.port.into_iter().collect();
            service.public = app.build.port;
            service.command = None;
        }
    }
    pipeline
}

fn pipeline(app: App<'_>, kind: Option<Kind>, variables: &[Configured]) -> Pipeline {
    let build = StepName::of_kind(StepKind::Build);
    let App { source, build: settings, limits, .. } = app;
    let first = BuildStep {
        repository: source.map(|source| source.repository.clone()),
        reference: source.and_then(|source| source.branch.clone()),
        root_directory: source.map(|source| source.root_directory.clone()).filter(|folder| !folder.is_root()),
        dockerfile: settings.dockerfile.clone(),
        target: settings.dockerfile_target.clone(),
        framework: settings.framework.clone(),
        install_command: settings.install_command.clone(),
        build_command: settings.build_command.clone(),
        output_directory: settings.output_directory.clone(),
        variables: references(variables, Exposure::at_build),
        resources: Resources {
            memory_mb: Some(limits.build_memory_mb),
            cpu: Some(limits.build_cpu),
            pids: Some(limits.build_pids),
        },
        timeout_s: Some(limits.build_timeout_s),
        ..BuildStep::default()
    };
    let app = match kind {
        Some(Kind::Site) => Step::Site(SiteStep {
            needs: BTreeSet::new(),
            description: None,
            position: None,
            build: build.clone(),
            single_page: settings.single_page.unwrap_or_default(),
        }),
        Some(Kind::Service | Kind::Image) | None => {
            Step::Service(Box::new(service(app, build.clone(), variables)))
        }
    };
    Pipeline {
        version: VERSION,
        description: None,
        parameters: BTreeMap::new(),
        steps: [(build, Step::Build(first)), (StepName::of_kind(app.kind()), app)].into(),
    }
}

fn service(app: App<'_>, build: StepName, variables: &[Configured]) -> ServiceStep {
    let App { build: settings, limits, .. } = app;
    let shell = |word: &str| Template::literal(word);
    let start = settings.start_command.as_deref().filter(|line| !line.is_empty());
    let port = settings.port.unwrap_or(DEFAULT_PORT);
    ServiceStep {
        build: Some(build),
        ports: [port].into(),
        public: Some(port),
        command: start.map(|line| vec![shell("/bin/sh"), shell("-c"), shell(line)]),
        health: Some(health(app.health)),
        variables: references(variables, Exposure::at_runtime),
        resources: Resources {
            memory_mb: Some(limits.memory_mb),
            cpu: Some(limits.cpu),
            pids: Some(limits.pids),
        },
        startup_timeout_s: Some(limits.startup_timeout_s),
        stop_grace_s: Some(limits.stop_grace_s),
        ..ServiceStep::default()
    }
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
            assert_eq!(pipeline.steps[last].kind().to_string(), last);
            assert_eq!(pipeline.steps[last].build().unwrap().as_str(), "build");
            let told = |step: &Step| match step {
                Step::Build(build) => build.variables.values().map(|it| it.as_str().to_owned()).collect(),
                Step::Service(service) => {
                    service.variables.values().map(|it| it.as_str().to_owned()).collect()
                }
                Step::Plugin(_) | Step::Site(_) => Vec::new(),
            };
            assert_eq!(told(&pipeline.steps["build"]), ["${{ vars.MODE }}", "${{ secrets.NPM_TOKEN }}"]);
            if last == "service" {
                assert_eq!(told(&pipeline.steps["service"]), ["${{ vars.MODE }}", "${{ secrets.TOKEN }}"]);
            }
        }
        assert_eq!(generated(&ProjectSettings::default(), None, &variables), None);
    }

    #[test]
    fn a_node_runs_the_same_steps_and_lets_the_build_say_what_it_knows() {
        let settings = ProjectSettings {
            source: Some(GitSource {
                repository: crate::source::RepositoryUrl::parse("https://example.com/acme/shop.git").unwrap(),
                branch: None,
                root_directory: crate::source::Folder::default(),
            }),
            ..ProjectSettings::default()
        };
        let shown = generated(&settings, None, &[]).unwrap();
        let ProjectSettings { source, build, limits, health, .. } = &settings;
        let mut run = as_run(App { source: source.as_ref(), build, limits, health });
        assert_eq!(shown.steps.keys().collect::<Vec<_>>(), run.steps.keys().collect::<Vec<_>>());
        let Some(Step::Service(service)) = run.steps.values_mut().last() else { panic!("{run:?}") };
        assert_eq!((service.public, service.ports.len()), (None, 0));
        (service.public, service.ports) = (Some(DEFAULT_PORT), [DEFAULT_PORT].into());
        assert_eq!(shown, run);
    }
}
