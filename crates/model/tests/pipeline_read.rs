//! Pipelines as people write them: what is taken over, and that every mistake is told, with its place.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use pierhead_model::pipeline::definition::Step;
use pierhead_model::pipeline::service::{Check, TagMode};
use pierhead_model::pipeline::{Format, Pipeline, read};
use proptest::prelude::*;

const SHOP: &str = include_str!("pipelines/shop.yaml");

fn problems(text: &str) -> Vec<String> {
    read(text, Format::Yaml).unwrap_err().iter().map(ToString::to_string).collect()
}

/// The problems of one step, given its fields.
fn step_problems(fields: &str) -> Vec<String> {
    problems(&format!("version: 1\nsteps:\n  a: {{{fields}}}\n"))
        .into_iter()
        .map(|problem| problem.trim_start_matches("line 3, ").to_owned())
        .collect()
}

#[test]
fn a_whole_pipeline() {
    let shop = read(SHOP, Format::Yaml).unwrap();
    assert_eq!(shop.lines.of("steps.create-db.parameters.name"), Some(28));
    assert_eq!(shop.lines.of("steps.create-db.parameters.unheard.of"), Some(26), "the nearest around it");
    let Step::Service(api) = &shop.pipeline.steps["api"] else { panic!() };
    assert!(api.ports.contains(&9090) && api.ports.contains(&8080));
    assert_eq!(api.variables.iter().find(|(key, _)| key.as_str() == "WORKERS").unwrap().1.as_str(), "4");
    assert!(matches!(api.tag_mode(), TagMode::Selectable(tags) if tags.matches("v1")));
    let Step::Service(db) = &shop.pipeline.steps["db"] else { panic!() };
    assert!(matches!(&db.effective_health().check, Check::Command { command } if command.len() == 3));
}

#[test]
fn json_and_yaml_and_the_stored_form_are_one() {
    let shop = read(SHOP, Format::Yaml).unwrap().pipeline;
    let json = serde_json::to_string_pretty(&shop).unwrap();
    assert_eq!(Format::guess(&json), Format::Json);
    assert_eq!(read(&json, Format::Json).unwrap().pipeline, shop);
    assert_eq!(read(&json, Format::Yaml).unwrap().pipeline, shop, "JSON is YAML");
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap(), shop);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "\
version: 2
step: {}
parameters:
  1x: {default: a, options: [b]}
steps:
  Db:
    kind: service
    imge: postgres
    replicas: 0
  create:
    kind: plugin
    image: run-sql
    parameters:
      name: ${{ step.x }}
      deep: {list: [ok, '${{ secrets.X']}
    retry: {attempts: many}
  web:
    kind: sevice
  deaf:
    kind: service
    image: a:1
    health: {check: {kind: http, path: nope, prt: 1}}
    variables: {PATH: x, OK: 1, LIST: [1]}
";
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn what_is_said_of_single_fields() {
    for (fields, told) in [
        ("kind: service", "steps.a: a service step needs `image`, `build`, or a `service` of the catalogue"),
        (
            "kind: service, image: 'a:1', build: b",
            "steps.a.build: a service has an `image` or a `build`, not both",
        ),
        ("kind: service, image: a", "without a tag, what runs would change by itself"),
        ("kind: service, image: 'a:1', selectable_tags: 'v*'", "the default tag `1` does not match"),
        (
            "kind: service, build: b, selectable_tags: 'v*'",
            "steps.a.selectable_tags: tags are selectable only for",
        ),
        ("kind: service, image: 'a:1', ports: [0]", "steps.a.ports[0]: 0 is out of range"),
        ("kind: service, image: 'a:1', ports: [99999]", "steps.a.ports[0]: 99999 is out of range"),
        ("kind: service, image: 'a:1', ports: http", "steps.a.ports: a list is expected here, not text"),
        (
            "kind: service, image: 'a:1', resources: {cpu: .nan}",
            "steps.a.resources.cpu: a number is expected",
        ),
        ("kind: service, image: 'a:1', resources: {cpu: 1e9}", "1000000000 is out of range: 0.05 to 256"),
        (
            "kind: service, image: 'a:1', volumes: [{name: d, path: /}]",
            "steps.a.volumes[0].path: a mount cannot",
        ),
        ("kind: service, image: 'a:1', volumes: [{name: d, path: /a/../b}]", "an absolute path without `..`"),
        ("kind: service, image: 'a:1', volumes: [{name: ../d, path: /a}]", "`../d` cannot name a volume"),
        ("kind: service, image: 'a:1', health: {check: {kind: command}}", "a health check needs `command`"),
        ("kind: service, image: 'a:1', privileges: {priviliged: true}", "did you mean `privileged`?"),
        ("kind: plugin, image: 'a'", "steps.a.image: a plugin is pinned"),
        (
            "kind: plugin, image: 'a:1', network: host",
            "`host` is not known: `none`, `deployment`, `internet`",
        ),
        ("kind: site", "steps.a: a site step needs `build`"),
        ("kind: build, repository: '-oProxyCommand=x'", "steps.a.repository:"),
        ("kind: build, dockerfile: ../Dockerfile", "steps.a.dockerfile:"),
        ("kind: build, position: {x: 1.5, y: 2}", "steps.a.position.x: a whole number is expected"),
        ("needs: [b]", "steps.a: a step needs `kind`"),
        ("kind: build, needs: [A]", "steps.a.needs[0]: `A` cannot name a step"),
    ] {
        let problems = step_problems(fields);
        assert!(problems.len() == 1 && problems[0].contains(told), "{fields}: {problems:#?}");
    }
    for (text, told) in [
        ("", "a map is expected here, not nothing"),
        ("[]", "a map is expected here, not a list"),
        ("version: 1\nsteps: {}", "a pipeline needs at least one step"),
        ("version: 1", "a pipeline needs `steps`"),
        ("version: '1'\nsteps: {a: {kind: build}}", "a whole number is expected here, not text"),
        ("version: 1\nsteps:\n a: {kind: build}\n a: {kind: build}", "line 4: the key `a` occurs twice"),
    ] {
        let problems = problems(text);
        assert!(problems.len() == 1 && problems[0].contains(told), "{text}: {problems:#?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = read(&text, Format::Yaml);
        let _ = read(&text, Format::Json);
    }

    /// Damage somewhere in a good document: an error or another document, never a panic.
    #[test]
    fn no_damage_panics(at in 0..SHOP.len(), length in 0_usize..40, with in "[-a:{}\\[\\]&*!|> \n\"'$]{0,4}") {
        let end = (at + length).min(SHOP.len());
        let text = format!("{}{with}{}", &SHOP[..at], &SHOP[end..]);
        if let Ok(found) = read(&text, Format::Yaml) {
            let json = serde_json::to_string(&found.pipeline).unwrap();
            prop_assert_eq!(read(&json, Format::Json).unwrap().pipeline, found.pipeline);
        }
    }
}

/// What people copy from the documentation works.
#[test]
fn the_example_of_the_documentation_is_a_pipeline() {
    let page = include_str!("../../../docs/pipelines.md");
    let (_, rest) = page.split_once("```yaml pipeline.yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let pipeline = read(example, Format::Yaml).unwrap().pipeline;
    assert_eq!(pipeline.steps.len(), 5);
    assert_eq!(pierhead_model::pipeline::Graph::of(&pipeline).rounds().len(), 3);
}
