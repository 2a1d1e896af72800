//! Runs of pipelines: what a deployment of a project with a pipeline is told to do.

use std::collections::BTreeMap;

use pierhead_model::assignment::{RegistryLogin, RunKeys, Source};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, SlotId};
use pierhead_model::limit::Limits;
use pierhead_model::name::SlotName;
use pierhead_model::pipeline::document::problem::has_errors;
use pierhead_model::pipeline::dry_run::wanted;
use pierhead_model::pipeline::inputs::{Inputs, choose};
use pierhead_model::pipeline::name::ParameterName;
use pierhead_model::pipeline::plugin::{PluginDeclaration, Plugins as _};
use pierhead_model::pipeline::{Pipeline, Problem, Severity, Step, StepName, with_sources};
use pierhead_model::run::{PipelineWork, PublicStep};
use pierhead_model::source::GitReference;
use pierhead_model::spread::Replicas;
use pierhead_store::{Environment, PipelineVersion, Project};
use secrecy::ExposeSecret as _;

use super::catalogue;
use super::pipelines::checking;
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::images::password_place;
use crate::work::WorkRecord;

/// What a run is told, and the room it takes.
pub(crate) struct Planned {
    pub(crate) work: PipelineWork,
    /// All of its steps together.
    pub(crate) limits: Limits,
}

/// What was chosen, from the words of whoever chose. Every name that cannot be one is told at once.
pub fn inputs(
    tags: &BTreeMap<String, String>,
    parameters: &BTreeMap<String, String>,
) -> Result<Inputs, Error> {
    let mut problems = Vec::new();
    let mut inputs = Inputs::default();
    for (name, tag) in tags {
        match StepName::parse(name) {
            Ok(name) => drop(inputs.tags.insert(name, tag.clone())),
            Err(error) => problems.push(FieldProblem::new(format!("/tags/{name}"), error)),
        }
    }
    for (name, value) in parameters {
        match ParameterName::parse(name) {
            Ok(name) => drop(inputs.parameters.insert(name, value.clone())),
            Err(error) => problems.push(FieldProblem::new(format!("/parameters/{name}"), error)),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(Error::Validation(problems)) }
}

/// Where a run is to go.
pub(crate) struct Place<'p> {
    pub(crate) project: &'p Project,
    pub(crate) environment: &'p Environment,
    pub(crate) slot: &'p SlotName,
}

/// The run of a version with everything chosen, checked against the world as it is now.
pub(crate) async fn plan(
    core: &Core,
    place: Place<'_>,
    version: PipelineVersion,
    inputs: Inputs,
    reference: Option<&GitReference>,
) -> Result<Planned, Error> {
    let chosen = choose(&version.pipeline, &inputs).map_err(|problems| Error::from_problems(&problems))?;
    let pipeline = with_sources(chosen.pipeline, place.project.settings.source.as_ref(), reference)
        .map_err(|problems| Error::from_problems(&problems))?;
    let authority = checking::authority_of(version.elevated);
    let project = Some(place.project);
    let at = (place.environment, Some(place.slot));
    let problems = checking::problems(core, project, &pipeline, authority, at, Severity::Error).await?;
    if has_errors(&problems) {
        return Err(Error::from_problems(&problems));
    }
    let public = public(core, &place, &pipeline)?;
    let plugins = used(&pipeline, &catalogue::all_plugins(core).await?);
    let work = PipelineWork {
        version: version.number,
        pipeline,
        inputs,
        parameters: chosen.parameters,
        plugins,
        public,
        here: Replicas::new(),
        share: None,
    };
    let limits = limits(&work, &place.project.settings.limits)?;
    Ok(Planned { work, limits })
}

/// What a node must have, and how long a run may take at most, as the lifecycle counts it.
fn limits(work: &PipelineWork, each: &Limits) -> Result<Limits, Error> {
    let plan = work.plan(each).map_err(|error| Error::invalid("/pipeline", error))?;
    let room = wanted(&work.pipeline, each).room;
    let memory_mb = u32::try_from(room.memory_mb).unwrap_or(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "cores are few")]
    let cpu = room.cpu_milli as f64 / 1000.0;
    Ok(Limits {
        memory_mb,
        cpu,
        build_memory_mb: memory_mb,
        build_timeout_s: plan.timeout_s,
        startup_timeout_s: plan.timeout_s,
        ..each.clone()
    })
}

fn used(pipeline: &Pipeline, all: &Vec<PluginDeclaration>) -> Vec<PluginDeclaration> {
    let mut used: BTreeMap<&str, &PluginDeclaration> = BTreeMap::new();
    for step in pipeline.steps.values() {
        if let Step::Plugin(step) = step
            && let Some(plugin) = all.plugin(&step.image)
        {
            used.insert(&plugin.repository, plugin);
        }
    }
    used.into_values().cloned().collect()
}

fn public(
    core: &Core,
    place: &Place<'_>,
    pipeline: &Pipeline,
) -> Result<BTreeMap<StepName, PublicStep>, Error> {
    let Environment { name: environment, base_domain, .. } = place.environment;
    let mut public = BTreeMap::new();
    for (name, _) in pipeline.steps.iter().filter(|(_, step)| step.is_public()) {
        let host = Hostname::of_service(name, place.slot, environment, base_domain).map_err(|why| {
            Error::from_problems(&[Problem::error(
                format!("steps.{name}"),
                format!("its hostname cannot be: {why}"),
            )])
        })?;
        let url = core.public.url(&host);
        public.insert(name.clone(), PublicStep { host, url });
    }
    Ok(public)
}

/// A hostname belongs to one slot: two projects with slots of the same name must not have public steps of the same name. A
/// volume is written by one run at a time.
pub(crate) async fn check_slot(
    core: &Core,
    place: &Place<'_>,
    slot: &SlotId,
    work: &PipelineWork,
) -> Result<(), Error> {
    for other in core.store.slots_named(&place.environment.id, place.slot).await.stored()? {
        if other.id == *slot {
            continue;
        }
        let Some(taken) = live_work(core, &other.id).await? else { continue };
        if let Some((_, step)) = taken.public.iter().find(|(name, _)| work.public.contains_key(*name)) {
            return Err(Error::NameTaken { what: "hostname", name: step.host.to_string() });
        }
    }
    let volumes = |work: &PipelineWork| -> Vec<String> {
        let volumes = work.pipeline.steps.values().flat_map(Step::volumes);
        volumes.map(|volume| volume.name.to_string()).collect()
    };
    let wanted = volumes(work);
    if let Some(live) = live_work(core, slot).await?
        && let Some(shared) = volumes(&live).into_iter().find(|volume| wanted.contains(volume))
    {
        return Err(Error::Conflict {
            detail: format!(
                "The slot `{}` runs with the volume `{shared}`, which two runs must not write at once: delete the slot first, or \
                 deploy into another one.",
                place.slot
            ),
        });
    }
    Ok(())
}

/// What the deployment of a slot that is live, or on its way, was told.
async fn live_work(core: &Core, slot: &SlotId) -> Result<Option<PipelineWork>, Error> {
    for record in core.store.deployments_of_slot(slot).await.stored()? {
        if !record.deployment.state.is_ended()
            && let Source::Pipeline { work } = WorkRecord::from_text(&record.work)?.source
        {
            return Ok(Some(*work));
        }
    }
    Ok(None)
}

/// The logins of every registry that has one.
pub(crate) async fn logins(core: &Core) -> Result<Vec<RegistryLogin>, Error> {
    let mut logins = Vec::new();
    for registry in core.store.registry_list().await.stored()? {
        let Some(credentials) = registry.credentials else { continue };
        let place = password_place(&registry.name);
        let password = core.key.open(&place, &credentials.password).map_err(Error::internal)?;
        logins.push(RegistryLogin {
            host: registry.host,
            username: credentials.username,
            password: password.expose_secret().to_owned(),
        });
    }
    Ok(logins)
}

/// What a run may use and not write down. The key is derived, so that it is the same whenever it is told.
pub(crate) fn keys(core: &Core, id: &DeploymentId, logins: &[RegistryLogin]) -> RunKeys {
    RunKeys { outputs: core.key.derive(&format!("run/{id}")), registries: logins.to_vec() }
}
