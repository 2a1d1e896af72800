//! What steps mean to each other, to the plugins they use, and to the place they will run in.
//!
//! Everything is checked and told at once. A warning is for what runs, but hardly as meant.

use std::collections::{BTreeMap, BTreeSet};

use super::admission::{Authority, Ceiling, judge};
use super::definition::{Pipeline, Step};
use super::document::problem::closest;
use super::document::{Problem, Severity};
use super::graph::{Graph, references};
use super::name::{ParameterName, SecretName, StepName};
use super::parameters;
use super::plugin::{Plugins, SchemaCheck};
use super::reference::Reference;
use super::service::{Check, ServiceStep};
use crate::hostname::Hostname;
use crate::name::{EnvironmentName, SlotName};
use crate::variable::{VariableKey, is_secretive};

/// What a pipeline is validated against. What is `None` is not known yet and not checked.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub plugins: &'a dyn Plugins,
    pub schemas: &'a dyn SchemaCheck,
    pub authority: Authority,
    pub ceiling: &'a Ceiling,
    pub place: Option<Place<'a>>,
    pub secrets: Option<&'a BTreeSet<SecretName>>,
    pub variables: Option<&'a BTreeSet<VariableKey>>,
    /// How a secret or variable that is not there counts: it can still be added, or it is about to be needed.
    pub unset: Severity,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("authority", &self.authority).field("place", &self.place).finish()
    }
}

/// Where its services get their hostnames.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub environment: &'a EnvironmentName,
    pub domain: &'a Hostname,
    /// `None` for any: then the longest is assumed.
    pub slot: Option<&'a SlotName>,
}

/// Everything that is wrong with a pipeline, or hardly meant. Sorted by path.
pub fn validate(pipeline: &Pipeline, context: Context<'_>) -> Vec<Problem> {
    let mut problems = judge(pipeline, context.authority, context.ceiling);
    let graph = Graph::of(pipeline);
    cycles(&graph, &mut problems);
    for (name, step) in &pipeline.steps {
        let check = StepCheck { pipeline, context, name, step };
        check.all(&mut problems);
    }
    unused(pipeline, &graph, &mut problems);
    problems.sort_by(|a, b| (&a.path, a.severity).cmp(&(&b.path, b.severity)));
    problems
}

fn cycles(graph: &Graph, problems: &mut Vec<Problem>) {
    let stuck = graph.stuck();
    for cycle in &stuck.cycles {
        let Some(first) = cycle.first() else { continue };
        let rest: String = cycle.iter().skip(1).map(|name| format!(", which needs `{name}`")).collect();
        let message = match cycle.len() {
            1 => "this step needs itself, so it can never start".to_owned(),
            _ => format!(
                "these steps wait for each other, so none can start: `{first}`{rest}, which needs `{first}`"
            ),
        };
        problems.push(Problem::error(format!("steps.{first}"), message));
    }
    for name in &stuck.behind {
        let message = "can never start: it waits for steps that wait for each other";
        problems.push(Problem::error(format!("steps.{name}"), message));
    }
}

/// What nobody uses.
fn unused(pipeline: &Pipeline, graph: &Graph, problems: &mut Vec<Problem>) {
    let all: Vec<Reference> =
        pipeline.steps.iter().flat_map(|(name, step)| references(name, step)).map(|(_, it)| it).collect();
    let used: BTreeSet<&ParameterName> = all
        .iter()
        .filter_map(|reference| match reference {
            Reference::Parameter(name) => Some(name),
            _ => None,
        })
        .collect();
    for name in pipeline.parameters.keys().filter(|name| !used.contains(name)) {
        problems.push(Problem::warning(format!("parameters.{name}"), "no step refers to this parameter"));
    }
    let needed: BTreeSet<&StepName> =
        graph.steps().flat_map(|name| graph.needs(name)).map(|(other, _)| other).collect();
    for (name, step) in &pipeline.steps {
        if matches!(step, Step::Build(_)) && !needed.contains(name) {
            problems.push(Problem::warning(format!("steps.{name}"), "nothing uses what this step builds"));
        }
    }
}

struct StepCheck<'a> {
    pipeline: &'a Pipeline,
    context: Context<'a>,
    name: &'a StepName,
    step: &'a Step,
}

impl StepCheck<'_> {
    fn all(&self, problems: &mut Vec<Problem>) {
        self.needs(problems);
        for (path, reference) in references(self.name, self.step) {
            if let Some(problem) = self.reference(&path, &reference) {
                problems.push(problem);
            }
        }
        self.mounts(problems);
        if self.step.is_public() {
            problems.extend(self.hostname());
        }
        match self.step {
            Step::Service(service) => self.service(service, problems),
            Step::Plugin(plugin) => {
                let (plugins, schemas) = (self.context.plugins, self.context.schemas);
                parameters::check(self.name, plugin, plugins, schemas, problems);
            }
            Step::Build(_) | Step::Site(_) => {}
        }
    }

    fn path(&self, field: &str) -> String {
        format!("steps.{}.{field}", self.name)
    }

    fn unset(&self, path: &str, message: String) -> Problem {
        Problem { severity: self.context.unset, ..Problem::error(path, message) }
    }

    fn no_such_step(&self, path: String, name: &StepName) -> Problem {
        let known = self.pipeline.steps.keys().filter(|known| *known != self.name).map(StepName::as_str);
        Problem::error(path, format!("there is no step `{name}`")).suggesting(closest(name.as_str(), known))
    }

    fn needs(&self, problems: &mut Vec<Problem>) {
        for (at, need) in self.step.needs().iter().enumerate() {
            if !self.pipeline.steps.contains_key(need) {
                problems.push(self.no_such_step(self.path(&format!("needs[{at}]")), need));
            }
        }
        if let Some(build) = self.step.build() {
            match self.pipeline.steps.get(build) {
                None => problems.push(self.no_such_step(self.path("build"), build)),
                Some(Step::Build(_)) => {}
                Some(other) => {
                    let message = format!("`{build}` is a {} step, not a build", other.kind());
                    problems.push(Problem::error(self.path("build"), message));
                }
            }
        }
    }

    fn reference(&self, path: &str, reference: &Reference) -> Option<Problem> {
        let refused = |message: String| Some(Problem::error(path, message));
        match reference {
            Reference::StepOutput { step, .. } if step == self.name => {
                refused(format!("`{reference}`: a step cannot use its own outputs"))
            }
            Reference::StepOutput { step, output } => {
                let Some(from) = self.pipeline.steps.get(step) else {
                    return Some(self.no_such_step(path.to_owned(), step));
                };
                let known: Vec<&str> = match from {
                    Step::Plugin(plugin) => {
                        let declared = self.context.plugins.plugin(&plugin.image)?;
                        declared.outputs.as_ref()?.iter().map(|name| name.as_str()).collect()
                    }
                    other => other.outputs().unwrap_or_default().to_vec(),
                };
                if known.contains(&output.as_str()) {
                    return None;
                }
                let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let message = format!("`{step}` leaves no output `{output}`; it leaves: {list}");
                Some(Problem::error(path, message).suggesting(closest(output.as_str(), known)))
            }
            Reference::SlotUrl { service } => match self.pipeline.steps.get(service) {
                None => Some(self.no_such_step(path.to_owned(), service)),
                Some(step) if step.is_public() => None,
                Some(Step::Service(_)) => {
                    refused(format!("`{service}` has no public URL: set its `public` port"))
                }
                Some(step) => refused(format!("`{service}` is a {} step and has no URL", step.kind())),
            },
            Reference::Parameter(name) if !self.pipeline.parameters.contains_key(name) => {
                let known = self.pipeline.parameters.keys().map(ParameterName::as_str);
                let problem = Problem::error(path, format!("there is no parameter `{name}`"));
                Some(problem.suggesting(closest(name.as_str(), known)))
            }
            Reference::Secret(name) => {
                let known = self.context.secrets.filter(|known| !known.contains(name))?;
                let problem =
                    self.unset(path, format!("there is no secret `{name}` here: add it to the project"));
                Some(problem.suggesting(closest(name.as_str(), known.iter().map(SecretName::as_str))))
            }
            Reference::Variable(name) => {
                let known = self.context.variables.filter(|known| !known.contains(name))?;
                let message = format!("there is no variable `{}` here: add it to the project", name.as_str());
                let problem = self.unset(path, message);
                Some(problem.suggesting(closest(name.as_str(), known.iter().map(VariableKey::as_str))))
            }
            Reference::Parameter(_) | Reference::SlotName | Reference::DeploymentId => None,
        }
    }

    fn mounts(&self, problems: &mut Vec<Problem>) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, volume) in self.step.volumes().iter().enumerate() {
            if let Some(first) = seen.insert(&volume.path, at) {
                let message = format!("`{}` is mounted already, by volumes[{first}]", volume.path);
                problems.push(Problem::error(self.path(&format!("volumes[{at}].path")), message));
            }
        }
    }

    fn hostname(&self) -> Option<Problem> {
        let place = self.context.place?;
        // 25 is the longest a slot's name can be.
        let longest = SlotName::parse(&"x".repeat(SlotName::MAXIMUM)).ok()?;
        let slot = place.slot.unwrap_or(&longest);
        let why = Hostname::of_service(self.name, slot, place.environment, place.domain).err()?;
        let path = format!("steps.{}", self.name);
        Some(Problem::error(
            path,
            format!("its hostname would be invalid, so the name must be shorter: {why}"),
        ))
    }

    fn service(&self, service: &ServiceStep, problems: &mut Vec<Problem>) {
        if self.name.as_str() == "localhost" {
            let message = "a service named `localhost` would be reached by nobody but itself";
            problems.push(Problem::error(format!("steps.{}", self.name), message));
        }
        let health = service.effective_health();
        if let Check::Http { port: None, .. } | Check::Tcp { port: None } = health.check
            && service.ports.is_empty()
        {
            let message = "the check needs a port: name one here, or in the service's `ports`";
            problems.push(Problem::error(self.path("health.check"), message));
        }
        let tag = service.image.as_ref().and_then(|image| image.tag());
        if tag == Some("latest") && service.selectable_tags.is_none() {
            let message = "`latest` is another image tomorrow: pin a version, or make tags selectable";
            problems.push(Problem::warning(self.path("image"), message));
        }
        for (key, value) in &service.variables {
            if is_secretive(key.as_str()) && value.as_literal().is_some_and(|text| !text.is_empty()) {
                let message = format!(
                    "a secret in the pipeline is seen by everyone who may read it: use ${{{{ secrets.{} }}}}",
                    key.as_str()
                );
                problems.push(Problem::warning(self.path(&format!("variables.{}", key.as_str())), message));
            }
        }
    }
}
