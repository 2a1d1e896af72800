//! Services and plugins that admins describe once, for everybody's pipelines.
//!
//! A step that names a service of the catalogue gets what it does not set itself from there, once, when the pipeline is saved
//! ([`expand`]). The saved version holds everything: an entry that is changed later changes new versions only, and the
//! difference between two versions shows it.

use std::collections::BTreeMap;

use super::definition::{NetworkAccess, Pipeline, Resources, Step};
use super::document::problem::{closest, has_errors};
use super::document::reader::{Cursor, Fields, Sink};
use super::document::{Format, Problem, parse};
use super::image::ImageReference;
use super::name::{CatalogueName, OutputName, StepName};
use super::plugin::{DEFAULT_TIMEOUT_S, PluginDeclaration};
use super::read::{resources, text};
use super::read_service::service;
use super::service::ServiceStep;

/// A service that pipelines may name.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceEntry {
    pub name: CatalogueName,
    /// What a step gets from it. It needs no steps and is built by none.
    pub step: ServiceStep,
}

/// Reads an entry: `name`, and the fields of a service step.
pub fn read_service(text: &str, format: Format) -> Result<ServiceEntry, Vec<Problem>> {
    read_entry(text, format, |mut fields| {
        let cursor = fields.cursor().clone();
        let name = fields.require("name").and_then(|it| it.parse(CatalogueName::parse));
        for (field, why) in [
            ("needs", "a service of the catalogue needs no steps: say it in the pipeline"),
            ("build", "a service of the catalogue is an image: build it in the pipeline"),
            ("service", "a service of the catalogue stands for itself"),
            ("position", "a service of the catalogue stands nowhere"),
        ] {
            if let Some(at) = fields.get(field) {
                at.problem(why);
            }
        }
        if fields.get("image").is_none() {
            cursor.problem("a service of the catalogue needs `image`");
        }
        let step = service(fields)?;
        let name = name?;
        let step_name = StepName::parse(name.as_str()).ok()?;
        for (path, reference) in super::graph::references(&step_name, &Step::Service(Box::new(step.clone())))
        {
            if let super::reference::Reference::StepOutput { .. }
            | super::reference::Reference::Parameter(_) = reference
            {
                let field = path.splitn(3, '.').nth(2).unwrap_or_default().to_owned();
                let message = format!("`{reference}` is known only in a pipeline: set this in its step");
                cursor.note(Problem::error(field, message));
            }
        }
        Some(ServiceEntry { name, step })
    })
}

/// Reads a plugin as it is registered.
pub fn read_plugin(document: &str, format: Format) -> Result<PluginDeclaration, Vec<Problem>> {
    read_entry(document, format, |mut fields| {
        let name = fields.require("name").and_then(|it| it.parse(CatalogueName::parse));
        let repository = fields.require("image").and_then(|image| {
            let parsed = image.parse(ImageReference::parse)?;
            if parsed.tag().is_some() || parsed.digest().is_some() {
                image.problem("without tag and digest: each pipeline pins its own");
                return None;
            }
            Some(parsed.repository().to_owned())
        });
        let description = text(&mut fields, "description", 1_000).unwrap_or_default();
        let schema = fields.get("schema").and_then(|it| parameter_schema(&it));
        let outputs = fields
            .get("outputs")
            .map(|it| it.list(|name| name.parse(OutputName::parse)).into_iter().collect());
        let networks = [
            ("none", NetworkAccess::None),
            ("deployment", NetworkAccess::Deployment),
            ("internet", NetworkAccess::Internet),
        ];
        let plugin = PluginDeclaration {
            outputs,
            destroys: fields.get("destroys").and_then(|it| it.boolean()).unwrap_or_default(),
            timeout_s: fields
                .get("timeout_s")
                .and_then(|it| it.integer(1..=3_600))
                .unwrap_or(DEFAULT_TIMEOUT_S),
            network: fields
                .get("network")
                .and_then(|it| it.choice(&networks))
                .unwrap_or(NetworkAccess::Deployment),
            resources: resources(&mut fields),
            description,
            schema: schema.unwrap_or_else(|| serde_json::json!({ "type": "object" })),
            name: String::new(),
            repository: String::new(),
        };
        fields.finish();
        Some(PluginDeclaration { name: name?.to_string(), repository: repository?, ..plugin })
    })
}

/// Parameters are an object, so its schema is one of objects. Whether it is a schema at all is for a complete checker.
fn parameter_schema(cursor: &Cursor<'_>) -> Option<serde_json::Value> {
    cursor.entries()?;
    let schema = cursor.node().to_json();
    let schema = if schema.is_null() { serde_json::json!({}) } else { schema };
    if schema.get("type").is_some_and(|kind| kind != "object") {
        cursor.problem("parameters are a map of names to values: the schema's `type` must be `object`");
        return None;
    }
    Some(schema)
}

fn read_entry<T>(
    text: &str,
    format: Format,
    read: impl FnOnce(Fields<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let node = parse(text, format).map_err(|problem| vec![problem])?;
    let sink = Sink::default();
    let entry = Cursor::top(&node, &sink).fields("a catalogue entry").and_then(read);
    let (mut problems, _) = sink.into_parts();
    problems.sort_by_key(|problem| problem.line);
    match entry {
        Some(entry) if !has_errors(&problems) => Ok(entry),
        _ => Err(problems),
    }
}

/// Puts into every step that names a service of the catalogue what it does not set itself.
pub fn expand(
    pipeline: &Pipeline,
    catalogue: &BTreeMap<CatalogueName, ServiceStep>,
) -> Result<Pipeline, Vec<Problem>> {
    let mut expanded = pipeline.clone();
    let mut problems = Vec::new();
    for (name, step) in &mut expanded.steps {
        let Step::Service(step) = step else { continue };
        let Some(entry) = &step.service else { continue };
        let Some(found) = catalogue.get(entry) else {
            let message = format!("there is no service `{entry}` in the catalogue");
            let known = catalogue.keys().map(CatalogueName::as_str);
            let problem = Problem::error(format!("steps.{name}.service"), message);
            problems.push(problem.suggesting(closest(entry.as_str(), known)));
            continue;
        };
        **step = merged(step, found);
        if let (Some(tag), Some(pattern)) =
            (step.image.as_ref().and_then(|it| it.tag()), &step.selectable_tags)
            && !pattern.matches(tag)
        {
            let message = format!("the default tag `{tag}` does not match the selectable tags `{pattern}`");
            problems.push(Problem::error(format!("steps.{name}.image"), message));
        }
    }
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

/// What the step sets, and the rest from the entry. One replica is what is not set.
fn merged(step: &ServiceStep, entry: &ServiceStep) -> ServiceStep {
    let own = step.clone();
    let from = entry.clone();
    let has_origin = own.image.is_some() || own.build.is_some();
    let public = own.public.or(from.public);
    let ports = if own.ports.is_empty() { from.ports } else { own.ports };
    ServiceStep {
        needs: own.needs,
        description: own.description.or(from.description),
        position: own.position,
        service: own.service,
        image: if has_origin { own.image } else { from.image },
        selectable_tags: if has_origin {
            own.selectable_tags
        } else {
            own.selectable_tags.or(from.selectable_tags)
        },
        build: own.build,
        entrypoint: own.entrypoint.or(from.entrypoint),
        command: own.command.or(from.command),
        working_directory: own.working_directory.or(from.working_directory),
        user: own.user.or(from.user),
        ports: ports.into_iter().chain(public).collect(),
        public,
        health: own.health.or(from.health),
        volumes: if own.volumes.is_empty() { from.volumes } else { own.volumes },
        variables: from.variables.into_iter().chain(own.variables).collect(),
        resources: Resources {
            memory_mb: own.resources.memory_mb.or(from.resources.memory_mb),
            cpu: own.resources.cpu.or(from.resources.cpu),
            pids: own.resources.pids.or(from.resources.pids),
        },
        replicas: if own.replicas == 1 { from.replicas } else { own.replicas },
        startup_timeout_s: own.startup_timeout_s.or(from.startup_timeout_s),
        stop_grace_s: own.stop_grace_s.or(from.stop_grace_s),
        privileges: if own.privileges.is_none() { from.privileges } else { own.privileges },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::read;

    const API: &str = "
name: api
description: Orders
image: ghcr.io/acme/api:main
selectable_tags: main|v*
ports: [9090]
public: 8080
health: {check: {kind: http, path: /healthz}}
variables: {LOG: info, URL: '${{ slot.url.web }}'}
resources: {memory_mb: 256}
replicas: 2
";

    fn catalogue() -> BTreeMap<CatalogueName, ServiceStep> {
        let entry = read_service(API, Format::Yaml).unwrap();
        [(entry.name, entry.step)].into()
    }

    fn expanded(step: &str) -> Result<ServiceStep, Vec<String>> {
        let text = format!("version: 1\nsteps:\n  orders: {{kind: service, {step}}}");
        let pipeline = read(&text, Format::Yaml).map_err(shown)?.pipeline;
        let pipeline = expand(&pipeline, &catalogue()).map_err(shown)?;
        let Some(Step::Service(step)) = pipeline.steps.into_values().next() else { panic!() };
        Ok(*step)
    }

    fn shown(problems: Vec<Problem>) -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_step_gets_what_it_does_not_set() {
        let step = expanded("service: api").unwrap();
        let entry = catalogue().into_values().next().unwrap();
        assert_eq!(ServiceStep { service: None, ..step }, entry);
        let step =
            expanded("service: api, variables: {LOG: debug}, ports: [1], public: 2, resources: {cpu: 2}")
                .unwrap();
        assert_eq!(step.image.unwrap().to_string(), "ghcr.io/acme/api:main");
        assert_eq!(step.ports.into_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((step.resources.memory_mb, step.resources.cpu), (Some(256), Some(2.0)));
        let values: Vec<_> = step.variables.values().map(|value| value.as_str()).collect();
        assert_eq!(values, ["debug", "${{ slot.url.web }}"]);
    }

    #[test]
    fn its_own_image_stays_its_own() {
        let step = expanded("service: api, image: 'ghcr.io/acme/api:old'").unwrap();
        assert_eq!(
            (step.image.unwrap().to_string().as_str(), step.selectable_tags),
            ("ghcr.io/acme/api:old", None)
        );
    }

    #[test]
    fn what_is_not_there_is_told_with_the_step() {
        assert_eq!(
            expanded("service: apii").unwrap_err(),
            ["steps.orders.service: there is no service `apii` in the catalogue; did you mean `api`?"]
        );
        assert_eq!(
            expanded("service: api, selectable_tags: 'x*'").unwrap_err(),
            ["steps.orders.image: the default tag `main` does not match the selectable tags `x*`"]
        );
    }

    #[test]
    fn entries_are_refused_with_reasons() {
        let bad = "name: A\nneeds: [b]\nvariables: {X: '${{ steps.db.outputs.url }}'}\nimagge: a";
        let problems = shown(read_service(bad, Format::Yaml).unwrap_err()).join("\n");
        for told in
            ["cannot name a catalogue entry", "needs no steps", "needs `image`", "did you mean `image`"]
        {
            assert!(problems.contains(told), "{told}: {problems}");
        }
        let bad = "name: a\nimage: 'a:1'\nvariables: {X: '${{ steps.db.outputs.url }}'}";
        let problems = shown(read_service(bad, Format::Yaml).unwrap_err()).join("\n");
        assert!(
            problems.contains("variables.X: `steps.db.outputs.url` is known only in a pipeline"),
            "{problems}"
        );
    }

    #[test]
    fn plugins_are_read_with_their_defaults() {
        let plugin =
            read_plugin(r#"{"name": "run-sql", "image": "ghcr.io/pierhead/run-sql"}"#, Format::Json).unwrap();
        assert_eq!((plugin.timeout_s, plugin.network), (300, NetworkAccess::Deployment));
        let all = "
name: create-db
image: ghcr.io/pierhead/create-db
description: Creates a database
schema: {type: object, required: [name], properties: {name: {type: string}}}
outputs: [url]
destroys: true
timeout_s: 60
network: internet
resources: {memory_mb: 64}
";
        let plugin = read_plugin(all, Format::Yaml).unwrap();
        assert!(plugin.destroys && plugin.outputs.unwrap().len() == 1);
        let bad = "name: x\nimage: a:1\nschema: {type: array}\nnetwork: lan\ntimeout_s: 0";
        let problems = shown(read_plugin(bad, Format::Yaml).unwrap_err());
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
