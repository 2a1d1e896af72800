//! From a build's folders to what can be made live: blobs and manifests.

use pierhead_model::deployment::Reason;
use pierhead_model::plan::{BuildPlan, Kind};
use pierhead_model::release::{Release, ServiceRelease, StartSettings};

use super::compile::{Built, runtime_image};
use super::{Run, StepError, root_of, site};

/// Where services are asked when the plan names no port.
const DEFAULT_PORT: u16 = 3000;

pub(super) async fn release(run: &Run, plan: &BuildPlan, built: Built) -> Result<Release, StepError> {
    match plan.kind {
        Kind::Site => site::release(run, plan, &built).await.map(Release::Site),
        Kind::Service | Kind::Image => service(run, plan, built).await.map(Release::Service),
    }
}

/// Three layers, lowest first: dependencies, checkout, what the build wrote. They stay on the node as they lie, so the
/// service starts without a copy.
async fn service(run: &Run, plan: &BuildPlan, built: Built) -> Result<ServiceRelease, StepError> {
    const DOING: &str = "storing the release";
    let image = match built.image {
        Some(image) => image,
        None => runtime_image(run, plan).await?,
    };
    let mut layers = Vec::new();
    if let Some(dependencies) = &built.dependencies {
        layers.extend(
            run.node.layers.store_dependencies(&dependencies.key).await.map_err(StepError::layers(DOING))?,
        );
    }
    for tree in [Some(built.checkout), built.written].into_iter().flatten() {
        let Some((digest, skipped)) = run.node.layers.keep(tree).await.map_err(StepError::layers(DOING))?
        else {
            continue;
        };
        layers.push(digest);
        if let Some(first) = skipped.first() {
            run.log
                .say("release", &format!("left out {} sockets or pipes, such as `{first}`", skipped.len()));
        }
    }
    run.log.say("release", &format!("stored as {} layers", layers.len()));
    Ok(ServiceRelease {
        runtime: plan.runtime.as_str().to_owned(),
        runtime_version: image.version,
        layers,
        start: start_settings(plan),
    })
}

pub(super) fn start_settings(plan: &BuildPlan) -> StartSettings {
    StartSettings {
        command: plan.start_command.clone(),
        working_directory: plan.root_directory.clone(),
        port: plan.port.unwrap_or(DEFAULT_PORT),
        variables: plan.variables.clone(),
        document_root: plan.document_root.as_ref().map(|root| match root_of(plan) {
            "" => root.clone(),
            folder => format!("{folder}/{root}"),
        }),
    }
}

/// A refusal that names what is wrong.
pub(super) fn refuse(detail: impl Into<String>) -> StepError {
    StepError::failed(Reason::OutputRefused, detail)
}
