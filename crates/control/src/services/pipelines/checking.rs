//! A document against everything that is known: the catalogue, the plugins, the project's configuration, its place.

use std::collections::BTreeSet;

use pierhead_model::name::SlotName;
use pierhead_model::pipeline::admission::{Authority, Ceiling};
use pierhead_model::pipeline::catalogue::expand;
use pierhead_model::pipeline::document::problem::has_errors;
use pierhead_model::pipeline::name::SecretName;
use pierhead_model::pipeline::validate::{Context, Place};
use pierhead_model::pipeline::{Format, Graph, Pipeline, Problem, Severity, StepName, read, validate};
use pierhead_model::variable::VariableKey;
use pierhead_store::{Environment, Project};

use crate::InstanceRole;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::schemas::Schemas;
use crate::services::auth::Principal;
use crate::services::variables::stored_in_force;
use crate::services::{catalogue, projects};

/// What was found out about a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// With everything from the catalogue; `None` when it could not be read.
    pub pipeline: Option<Pipeline>,
    /// In the order of the text.
    pub problems: Vec<Problem>,
    /// The steps by the round in which they could start.
    pub rounds: Vec<Vec<StepName>>,
}

impl Validation {
    /// Whether it could be saved.
    pub fn is_valid(&self) -> bool {
        self.pipeline.is_some() && !has_errors(&self.problems)
    }
}

/// The names of what a project has.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    secrets: BTreeSet<SecretName>,
    variables: BTreeSet<VariableKey>,
}

/// Reads and validates. `unset` is how a missing secret or variable counts; without a project, none is looked for.
pub(super) async fn check(
    core: &Core,
    principal: &Principal,
    project: Option<&Project>,
    text: &str,
    format: Format,
    unset: Severity,
) -> Result<Validation, Error> {
    let unreadable = |problems| Validation { pipeline: None, problems, rounds: Vec::new() };
    let read = match read(text, format) {
        Ok(read) => read,
        Err(problems) => return Ok(unreadable(problems)),
    };
    let services = catalogue::all_services(core).await?;
    let pipeline = match expand(&read.pipeline, &services) {
        Ok(pipeline) => pipeline,
        Err(mut problems) => {
            read.lines.locate(&mut problems);
            return Ok(unreadable(problems));
        }
    };
    let authority = match principal.role {
        InstanceRole::Admin => Authority::Admin,
        InstanceRole::User => Authority::Member,
    };
    let environment = projects::local(core).await?;
    let mut problems = problems(core, project, &pipeline, authority, (&environment, None), unset).await?;
    read.lines.locate(&mut problems);
    problems.sort_by_key(|problem| problem.line.unwrap_or_default());
    let graph = Graph::of(&pipeline);
    let rounds = graph.rounds().into_iter().map(|round| round.into_iter().cloned().collect()).collect();
    Ok(Validation { pipeline: Some(pipeline), problems, rounds })
}

/// What is wrong with a pipeline that could be read, in an environment and a slot of it. Without a slot, what is configured for
/// any place counts as there.
pub(crate) async fn problems(
    core: &Core,
    project: Option<&Project>,
    pipeline: &Pipeline,
    authority: Authority,
    (environment, slot): (&Environment, Option<&SlotName>),
    unset: Severity,
) -> Result<Vec<Problem>, Error> {
    let plugins = catalogue::all_plugins(core).await?;
    let configuration = match project {
        Some(project) => Some(configuration(core, project, slot.map(|slot| (environment, slot))).await?),
        None => None,
    };
    let context = Context {
        plugins: &plugins,
        schemas: &Schemas,
        authority,
        ceiling: &Ceiling::default(),
        place: Some(Place { environment: &environment.name, domain: &environment.base_domain, slot: None }),
        secrets: configuration.as_ref().map(|it| &it.secrets),
        variables: configuration.as_ref().map(|it| &it.variables),
        unset,
    };
    Ok(validate(pipeline, context))
}

/// Who saved a version was allowed to: what is elevated stays so, whoever deploys it.
pub(crate) const fn authority_of(elevated: bool) -> Authority {
    if elevated { Authority::Admin } else { Authority::Member }
}

/// Names only: no value is opened to check a pipeline.
async fn configuration(
    core: &Core,
    project: &Project,
    place: Option<(&Environment, &SlotName)>,
) -> Result<Configuration, Error> {
    let stored = match place {
        Some((environment, slot)) => stored_in_force(core, project, environment, slot).await?,
        None => core.store.variables_get(&project.id).await.stored()?,
    };
    let mut configuration = Configuration::default();
    for variable in stored {
        match SecretName::parse(variable.key.as_str()) {
            Ok(name) if variable.secret => drop(configuration.secrets.insert(name)),
            // Names of variables that are too long for a reference cannot be referred to.
            Ok(_) | Err(_) => drop(configuration.variables.insert(variable.key)),
        }
    }
    Ok(configuration)
}
