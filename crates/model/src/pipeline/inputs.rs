//! What a person chooses for one run: the tags of services, the values of parameters.
//!
//! Both are fixed into the deployment, and checked here against what the pipeline lets be chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::definition::{Pipeline, Step};
use super::document::Problem;
use super::document::problem::{closest, quoted};
use super::name::{ParameterName, StepName};

/// What was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inputs {
    /// By service step. A service that is not named runs its default.
    pub tags: BTreeMap<StepName, String>,
    pub parameters: BTreeMap<ParameterName, String>,
}

/// A pipeline with everything chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// With the chosen tags in place of the defaults.
    pub pipeline: Pipeline,
    /// Every parameter with its value.
    pub parameters: BTreeMap<ParameterName, String>,
}

/// Puts the choices in, or tells everything that cannot be chosen like this. Paths are those of the inputs: `tags.api`.
pub fn choose(pipeline: &Pipeline, inputs: &Inputs) -> Result<Chosen, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut chosen = pipeline.clone();
    for (name, tag) in &inputs.tags {
        if let Err(problem) = choose_tag(&mut chosen, name, tag) {
            problems.push(problem);
        }
    }
    let parameters = parameters(pipeline, inputs, &mut problems);
    if problems.is_empty() { Ok(Chosen { pipeline: chosen, parameters }) } else { Err(problems) }
}

fn choose_tag(pipeline: &mut Pipeline, name: &StepName, tag: &str) -> Result<(), Problem> {
    let path = format!("tags.{name}");
    let refused = |message: String| Err(Problem::error(path.clone(), message));
    let known: Vec<String> = pipeline.steps.keys().map(ToString::to_string).collect();
    let service = match pipeline.steps.get_mut(name) {
        Some(Step::Service(service)) => service,
        Some(other) => {
            return refused(format!("`{name}` is a {} step: only services have tags", other.kind()));
        }
        None => {
            let problem = Problem::error(path.clone(), format!("there is no step `{name}`"));
            return Err(problem.suggesting(closest(name.as_str(), known.iter().map(String::as_str))));
        }
    };
    let Some(image) = &service.image else {
        return refused(format!("`{name}` runs what is built for it, so there is no tag to choose"));
    };
    match &service.selectable_tags {
        None if image.tag() == Some(tag) => return Ok(()),
        None => {
            let pinned = image.tag().or(image.digest()).unwrap_or_default();
            return refused(format!("the tag of `{name}` is pinned to `{pinned}`"));
        }
        Some(pattern) if !pattern.matches(tag) => {
            return refused(format!("{} does not match `{pattern}`, the tags of `{name}`", quoted(tag)));
        }
        Some(_) => {}
    }
    match image.with_tag(tag) {
        Ok(image) => {
            service.image = Some(image);
            Ok(())
        }
        Err(why) => refused(why.to_string()),
    }
}

fn parameters(
    pipeline: &Pipeline,
    inputs: &Inputs,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ParameterName, String> {
    for name in inputs.parameters.keys().filter(|name| !pipeline.parameters.contains_key(*name)) {
        let known = pipeline.parameters.keys().map(ParameterName::as_str);
        let problem = Problem::error(format!("parameters.{name}"), format!("there is no parameter `{name}`"));
        problems.push(problem.suggesting(closest(name.as_str(), known)));
    }
    let mut values = BTreeMap::new();
    for (name, parameter) in &pipeline.parameters {
        let path = format!("parameters.{name}");
        let Some(value) = inputs.parameters.get(name).or(parameter.default.as_ref()) else {
            let about = parameter.description.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
            problems.push(Problem::error(path, format!("`{name}`{about} has no default: give a value")));
            continue;
        };
        if !parameter.options.is_empty() && !parameter.options.contains(value) {
            let options = parameter.options.join("`, `");
            problems.push(Problem::error(path, format!("{} is none of `{options}`", quoted(value))));
            continue;
        }
        values.insert(name.clone(), value.clone());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Format, read};

    fn shop() -> Pipeline {
        read(include_str!("../../tests/pipelines/shop.yaml"), Format::Yaml).unwrap().pipeline
    }

    fn inputs(tags: &[(&str, &str)], parameters: &[(&str, &str)]) -> Inputs {
        Inputs {
            tags: tags.iter().map(|(name, tag)| (StepName::parse(name).unwrap(), (*tag).into())).collect(),
            parameters: (parameters.iter())
                .map(|(name, value)| (ParameterName::parse(name).unwrap(), (*value).into()))
                .collect(),
        }
    }

    #[test]
    fn tags_and_parameters_are_put_in() {
        let chosen =
            choose(&shop(), &inputs(&[("api", "v7"), ("db", "16.4")], &[("mail_to", "a@b")])).unwrap();
        let Step::Service(api) = &chosen.pipeline.steps["api"] else { panic!() };
        assert_eq!(api.image.as_ref().unwrap().to_string(), "ghcr.io/acme/api:v7");
        let values: Vec<_> = chosen.parameters.values().map(String::as_str).collect();
        assert_eq!(values, ["a@b", "small"]);
    }

    #[test]
    fn what_cannot_be_chosen_is_told_all_at_once() {
        let wrong = inputs(
            &[("api", "feature-x"), ("db", "17"), ("seed", "1"), ("apo", "v1"), ("web", "v1")],
            &[("seed", "huge"), ("sed", "x")],
        );
        let told: Vec<_> =
            choose(&shop(), &wrong).unwrap_err().into_iter().map(|problem| problem.to_string()).collect();
        assert_eq!(
            told,
            [
                "tags.api: `feature-x` does not match `main|v*`, the tags of `api`",
                "tags.apo: there is no step `apo`; did you mean `api`?",
                "tags.db: the tag of `db` is pinned to `16.4`",
                "tags.seed: `seed` is a plugin step: only services have tags",
                "tags.web: `web` is a site step: only services have tags",
                "parameters.sed: there is no parameter `sed`; did you mean `seed`?",
                "parameters.mail_to: `mail_to` has no default: give a value",
                "parameters.seed: `huge` is none of `small`, `large`",
            ]
        );
    }
}
