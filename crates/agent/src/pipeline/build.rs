//! Build steps, with the same builds as a project's own, and what runs what they made.

use pierhead_model::assignment::{Source, Work};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::definition::BuildStep;
use pierhead_model::plan::{BuildSettings, Builder};
use pierhead_model::release::Release;
use pierhead_model::variable::{Exposure, Variable};
use serde_json::{Map, Value, json};

use super::describe::Base;
use super::notes::Notes;
use super::orders::Orders;
use super::values::Values;
use crate::executor::{self, StepError};

/// Builds the step's sources; what it leaves, and the release.
pub(super) async fn build(
    orders: &Orders<'_>,
    name: &StepName,
    step: &BuildStep,
    notes: &Notes,
) -> Result<(Map<String, Value>, Release), Failure> {
    let internal = |why: String| Failure::new(Reason::Internal, format!("the build `{name}`: {why}"));
    let repository = step.repository.clone().ok_or_else(|| {
        internal(
            "it names no repository, and the deployment has no sources of its own: set `repository`"
                .to_owned(),
        )
    })?;
    let assignment = &orders.run.held.assignment;
    let values = Values { assignment, work: orders.work, notes, unknown: false };
    let mut variables = Vec::new();
    for (key, template) in &step.variables {
        let value = template.resolve(&values).map_err(|why| internal(why.to_string()))?;
        variables.push(Variable {
            key: key.clone(),
            value: value.expose_text(),
            secret: value.is_secret(),
            exposure: Exposure::Build,
        });
    }
    let mut limits = assignment.work.limits.clone();
    limits.build_memory_mb = step.resources.memory_mb.unwrap_or(limits.build_memory_mb);
    limits.build_cpu = step.resources.cpu.unwrap_or(limits.build_cpu);
    limits.build_timeout_s = step.timeout_s.unwrap_or(limits.build_timeout_s);
    let work = Work {
        source: Source::Git {
            repository,
            reference: step.reference.clone(),
            root_directory: step.root_directory.clone().unwrap_or_default(),
        },
        settings: BuildSettings {
            framework: step.framework.clone(),
            install_command: step.install_command.clone(),
            build_command: step.build_command.clone(),
            output_directory: step.output_directory.clone(),
            dockerfile: step.dockerfile.clone(),
            dockerfile_target: step.target.clone(),
            builder: (step.dockerfile.is_some() || step.target.is_some()).then_some(Builder::Dockerfile),
            ..BuildSettings::default()
        },
        limits,
        variables,
        ..assignment.work.clone()
    };
    let _turn = orders.building.lock().await;
    let building = Box::pin(executor::build_part(orders.run, work));
    let release = building.await.map_err(StepError::into_failure)?;
    Ok((outputs_of(orders, &release), release))
}

/// What later steps may want to know of a build.
pub(super) fn outputs_of(orders: &Orders<'_>, release: &Release) -> Map<String, Value> {
    let mut outputs = Map::new();
    match release {
        Release::Site(site) => outputs.insert("site".to_owned(), json!(site.manifest.to_hex())),
        Release::Service(_) | Release::Run(_) => {
            outputs.insert("image".to_owned(), json!(release.digest().to_hex()))
        }
        Release::Image(image) => outputs.insert("image".to_owned(), json!(image.image)),
    };
    let commit = orders.run.node.book.get(&orders.run.id).and_then(|report| report.commit);
    if let Some(commit) = commit {
        outputs.insert("commit".to_owned(), json!(commit.hash));
    }
    outputs
}

/// What runs a release that a build step made.
pub(super) async fn base(
    orders: &Orders<'_>,
    name: &StepName,
    replica: u32,
    release: &Release,
) -> Result<Base, Failure> {
    let failed = |why: String| {
        Failure::new(Reason::StartFailed { exit_code: None }, format!("the service `{name}`: {why}"))
    };
    match release {
        Release::Image(image) => {
            executor::image_base(orders.run, image).await.map_err(StepError::into_failure)
        }
        Release::Service(service) => {
            let part = format!("{name}-{replica}");
            executor::app_base(orders.run, service, &part).await.map_err(StepError::into_failure)
        }
        Release::Site(_) | Release::Run(_) => Err(failed(
            "what was built for it is a site, which has nothing to run: use a site step".to_owned(),
        )),
    }
}
