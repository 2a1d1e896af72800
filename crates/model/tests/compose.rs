//! Compose files as people write them, and as nobody should.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pierhead_model::pipeline::compose::{Verdict, import};
use pierhead_model::pipeline::{Format, read};
use proptest::prelude::*;

const SHOP: &str = include_str!("pipelines/compose.yaml");

fn shown(text: &str, values: &[(&str, &str)]) -> String {
    let values: BTreeMap<String, String> =
        values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let import = import(text, &values).unwrap();
    let mut shown = serde_json::to_string_pretty(&import.pipeline).unwrap();
    shown.push('\n');
    for note in import.notes {
        let line = note.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        let result = note.result.unwrap_or_else(|| "-".to_owned());
        writeln!(shown, "{line:>3} {:<10} {} → {result}: {}", note.verdict, note.path, note.reason).unwrap();
    }
    shown
}

#[test]
fn a_shop_comes_over_and_every_key_is_accounted_for() {
    insta::assert_snapshot!(shown(SHOP, &[("TAG", "v3"), ("LOG_LEVEL", "debug")]));
}

/// Every key of a service, and every item of a list of ports, mounts and dependencies, is in the report.
#[test]
fn nothing_is_dropped_in_silence() {
    let import = import(SHOP, &BTreeMap::new()).unwrap();
    let told: Vec<&str> = import.notes.iter().map(|note| note.path.as_str()).collect();
    let compose: serde_json::Value = read_any(SHOP);
    for (service, fields) in compose["services"].as_object().unwrap() {
        for field in fields.as_object().unwrap().keys() {
            let path = format!("services.{service}.{field}");
            let whole = format!("services.{service}");
            let is_told = told.iter().any(|told| told.starts_with(&path) || *told == whole);
            assert!(is_told, "{path}: {told:?}");
        }
    }
    for key in compose.as_object().unwrap().keys() {
        assert!(told.iter().any(|told| told.starts_with(key.as_str())), "{key}");
    }
}

/// The compose file as JSON; it uses nothing that the notation of pipelines lacks.
fn read_any(text: &str) -> serde_json::Value {
    let wrapped = format!(
        "version: 1\nsteps:\n  x:\n    kind: plugin\n    image: a:1\n    parameters:\n{}",
        text.lines().fold(String::new(), |all, line| all + "      " + line + "\n")
    )
    .replace('$', "");
    let pipeline = read(&wrapped, Format::Yaml).unwrap().pipeline;
    serde_json::to_value(&pipeline).unwrap()["steps"]["x"]["parameters"].clone()
}

#[test]
fn what_cannot_come_over_says_why() {
    for (text, told) in [
        ("services:\n", "no service of the file can be a step"),
        ("services: {a: {}}", "neither an image nor a build"),
        ("services: {a: {image: 'A B'}}", "is not an image"),
        ("[1]", "a compose file is a map"),
        ("services: {a: {image: a, extends: b}", "this is not YAML"),
    ] {
        let problems = import(text, &BTreeMap::new()).unwrap_err();
        let all = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(all.contains(told), "{text}: {all}");
    }
}

#[test]
fn what_reaches_out_of_a_container_is_refused() {
    let text = "
services:
  bad:
    image: a:1
    privileged: true
    network_mode: host
    pid: host
    cap_add: [ALL]
    devices: [/dev/kvm]
    security_opt: ['seccomp:unconfined']
    volumes: ['/:/host', '/var/run/docker.sock:/var/run/docker.sock', './x:/x', {type: bind, source: /etc, target: /e}]
";
    let import = import(text, &BTreeMap::new()).unwrap();
    let refused = import.notes.iter().filter(|note| note.verdict == Verdict::Refused).count();
    assert_eq!(refused, 10, "{:#?}", import.notes);
    let json = serde_json::to_value(&import.pipeline.steps).unwrap();
    assert_eq!(json, serde_json::json!({"bad": {"kind": "service", "image": "a:1"}}));
}

#[test]
fn what_the_reader_refuses_is_taken_out_and_told() {
    let text = "
services:
  a:
    image: a:1
    environment: {PORT: '80', OK: '1', 'NOT OK': x}
    volumes: ['v:/', 'w:/w']
    user: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'
";
    let import = import(text, &BTreeMap::new()).unwrap();
    let json = serde_json::to_value(&import.pipeline.steps).unwrap();
    let kept = serde_json::json!({"a": {
        "kind": "service", "image": "a:1", "variables": {"OK": "1"}, "volumes": [{"name": "w", "path": "/w"}],
    }});
    assert_eq!(json, kept);
    let refused = import.notes.iter().filter(|note| note.verdict == Verdict::Refused).count();
    assert_eq!(refused, 4, "{:#?}", import.notes);
}

/// Text that looks like a compose file from afar.
fn nearly() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "image",
        "build",
        "command",
        "environment",
        "ports",
        "volumes",
        "depends_on",
        "healthcheck",
        "deploy",
        "links",
        "profiles",
        "user",
        "cpus",
        "mem_limit",
        "scale",
        "network_mode",
        "x-y",
        "nonsense",
        "stop_grace_period",
    ]);
    let value = prop_oneof![
        Just("a:${T:-1}".to_owned()),
        Just("[1, 'b:2/udp', {target: 3}, '/a:/b', a]".to_owned()),
        Just(
            "{a: {condition: service_healthy}, test: [CMD, x], context: ., args: {A: 1}, interval: 3s}"
                .to_owned()
        ),
        Just("{resources: {limits: {memory: 1g, cpus: '0.5'}}, replicas: 2}".to_owned()),
        "[a-zA-Z0-9$:/. {}\\[\\]'\"-]{0,16}",
    ];
    prop::collection::vec(("[a-c_]{1,3}", prop::collection::vec((key, value), 0..6)), 1..4).prop_map(
        |services| {
            let mut text = "services:\n".to_owned();
            for (name, fields) in services {
                writeln!(text, "  {name}:").unwrap();
                for (key, value) in fields {
                    writeln!(text, "    {key}: {value}").unwrap();
                }
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes in, it does not panic, and what comes out can be read and saved as it is.
    #[test]
    fn what_comes_out_is_a_pipeline(text in prop_oneof![nearly(), "\\PC{0,60}"]) {
        if let Ok(import) = import(&text, &BTreeMap::new()) {
            let json = serde_json::to_string(&import.pipeline).unwrap();
            prop_assert_eq!(read(&json, Format::Json).unwrap().pipeline, import.pipeline);
        }
    }
}
