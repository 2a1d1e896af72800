//! What steps mean to each other, to their plugins, and to the place they run in.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;

use pierhead_model::hostname::Hostname;
use pierhead_model::name::EnvironmentName;
use pierhead_model::pipeline::admission::{Authority, Ceiling};
use pierhead_model::pipeline::definition::NetworkAccess;
use pierhead_model::pipeline::name::OutputName;
use pierhead_model::pipeline::plugin::{Mismatch, PluginDeclaration, SchemaCheck};
use pierhead_model::pipeline::validate::{Context, Place};
use pierhead_model::pipeline::{Format, Severity, read, validate};
use serde_json::{Value, json};

fn plugins() -> Vec<PluginDeclaration> {
    let plugin = |name: &str, schema: Value, outputs: Option<&[&str]>, network| PluginDeclaration {
        name: name.into(),
        repository: format!("ghcr.io/pierhead/{name}"),
        description: String::new(),
        schema,
        outputs: outputs.map(|names| names.iter().map(|name| OutputName::parse(name).unwrap()).collect()),
        destroys: false,
        timeout_s: 300,
        network,
        resources: Default::default(),
    };
    let create = json!({
        "type": "object",
        "required": ["host", "name"],
        "properties": {
            "host": {"type": "string"},
            "name": {"type": "string", "description": "of the database"},
            "port": {"type": "integer"},
            "extensions": {"type": "array"},
            "owner": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
    });
    let run_sql = json!({"properties": {"url": {}, "file": {}}, "required": ["url"]});
    vec![
        plugin("create-postgres-database", create, Some(&["url", "name"]), NetworkAccess::Deployment),
        plugin("run-sql", run_sql, None, NetworkAccess::Deployment),
    ]
}

/// Knows nothing but `type` of the first level.
struct Types;

impl SchemaCheck for Types {
    fn mismatches(&self, schema: &Value, value: &Value) -> Vec<Mismatch> {
        let is_wrong = |(key, value): &(&String, &Value)| match schema["properties"][key]["type"].as_str() {
            Some("string") => !value.is_string(),
            Some("integer") => !value.is_i64(),
            _ => false,
        };
        let values = value.as_object().unwrap();
        let mismatch = |(key, _): (&String, &Value)| Mismatch {
            pointer: format!("/{key}"),
            message: "the type is wrong".into(),
        };
        values.iter().filter(is_wrong).map(mismatch).collect()
    }
}

fn problems_in(text: &str, place: Option<Place<'_>>) -> Vec<String> {
    let read = read(text, Format::Yaml).unwrap();
    let (plugins, ceiling) = (plugins(), Ceiling::default());
    let secrets = BTreeSet::from(["DB_PASSWORD".to_owned().try_into().unwrap()]);
    let context = Context {
        plugins: &plugins,
        schemas: &Types,
        authority: Authority::Member,
        ceiling: &ceiling,
        place,
        secrets: Some(&secrets),
        variables: None,
        unset: Severity::Error,
    };
    let mut problems = validate(&read.pipeline, context);
    read.lines.locate(&mut problems);
    assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
    problems.iter().map(|problem| format!("{:?} {problem}", problem.severity)).collect()
}

fn problems(steps: &str) -> Vec<String> {
    problems_in(&format!("version: 1\nsteps:\n{steps}\n"), None)
}

#[test]
fn a_good_pipeline_has_only_what_it_deserves() {
    let found = problems_in(include_str!("pipelines/shop.yaml"), None);
    assert_eq!(found, ["Warning line 8, parameters.mail_to: no step refers to this parameter"]);
}

#[test]
fn every_problem_of_the_whole_is_told_at_once() {
    let text = "\
version: 1
steps:
  a: {kind: plugin, image: ghcr.io/pierhead/run-sql:1, parameters: {url: x, fil: y}, needs: [c]}
  b: {kind: plugin, image: ghcr.io/pierhead/run-sql:1, parameters: {url: '${{ steps.a.outputs.anything }}'}}
  c: {kind: plugin, image: ghcr.io/pierhead/run-sql:1, needs: [b], network: internet}
  d: {kind: plugin, image: ghcr.io/pierhead/create-postgres-database:1, needs: [c], parameters: {host: 1, port: '${{ parameters.p }}', owner: {nme: x}}}
  e: {kind: service, image: 'e:latest', needs: [dd], variables: {X: '${{ slot.url.web }}', Y: '${{ steps.d.outputs.ulr }}', A_TOKEN: abc}}
  f: {kind: site, build: e}
  g: {kind: build, variables: {K: '${{ secrets.DB_PASWORD }}'}}
  h: {kind: plugin, image: evil/miner:1}
  i: {kind: service, image: 'i:1', health: {check: {kind: http}}, privileges: {privileged: true}}
  j: {kind: service, image: 'j:1', volumes: [{name: v, path: /d}, {name: w, path: /d}], replicas: 50}
  web: {kind: service, image: 'w:1', ports: [80], variables: {ME: '${{ steps.web.outputs.host }}'}}
";
    insta::assert_snapshot!(problems_in(text, None).join("\n"));
}

#[test]
fn a_reference_is_a_dependency_and_so_may_close_a_cycle() {
    let found = problems(
        "  a: {kind: service, image: 'a:1', needs: [b]}\n  b: {kind: service, image: 'b:1', variables: {A: '${{ steps.a.outputs.host }}'}}",
    );
    assert_eq!(
        found,
        [
            "Error line 3, steps.a: these steps wait for each other, so none can start: `a`, which needs `b`, which needs `a`"
        ]
    );
    let urls = "  a: {kind: service, image: 'a:1', public: 80, variables: {B: '${{ slot.url.b }}'}}\n  b: {kind: service, image: 'b:1', public: 80, variables: {A: '${{ slot.url.a }}'}}";
    assert_eq!(problems(urls), [""; 0], "URLs are known before anything runs");
    let own = problems("  a: {kind: service, image: 'a:1', needs: [a]}");
    assert_eq!(own, ["Error line 3, steps.a: this step needs itself, so it can never start"]);
}

#[test]
fn names_that_make_bad_hostnames() {
    let environment = EnvironmentName::parse(&"e".repeat(36)).unwrap();
    let domain = Hostname::parse(&format!("{0}.{0}.{0}.test", "d".repeat(50))).unwrap();
    let place = Some(Place { environment: &environment, domain: &domain, slot: None });
    let longest = 253 - (1 + 25 + 1 + 36 + 1 + domain.as_str().len());
    for (length, good) in [(longest.min(63), true), (63, longest >= 63)] {
        let text = format!(
            "version: 1\nsteps: {{{}: {{kind: service, image: 'a:1', public: 80}}}}",
            "s".repeat(length)
        );
        let found = problems_in(&text, place);
        assert_eq!(found.is_empty(), good, "{length}: {found:?}");
    }
    assert!(longest < 63, "or the test tests nothing");
    let localhost = problems("  localhost: {kind: service, image: 'a:1'}");
    assert!(localhost[0].contains("reached by nobody but itself"), "{localhost:?}");
}
