//! Whatever container of a run is killed, at whatever step: the run ends as it should, and nothing is left of it.
//!
//! What happens when the agent is killed at every step is in the main file: it dies wherever a run is noted.

use std::process::Stdio;
use std::time::Duration;

use pierhead_testkit::Server;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{BINARY, begin, project};

/// A volume with files (made, and taken away again), a service that reads them, a check, and a front.
const RUN: &str = r#"
version: 1
parameters:
  port: { default: "5000" }
steps:
  seed:
    kind: plugin
    image: pierhead/plugin-seed-files:1.0.0
    volumes: [{ name: data, path: /data }]
    parameters: { files: FILES }
  store:
    kind: service
    needs: [seed]
    image: pierhead/node:22
    command: [node, -e, "setTimeout(() => require('net').createServer().listen(5000), 1000)"]
    ports: [5000]
    volumes: [{ name: data, path: /data, read_only: true }]
    stop_grace_s: 1
  check:
    kind: plugin
    image: pierhead/plugin-wait-for:1.0.0
    needs: [store]
    parameters: { tcp: "store:${{ parameters.port }}", wait_s: 2, interval_s: 0.1, timeout_s: 0.1 }
  web:
    kind: service
    needs: [check]
    image: pierhead/node:22
    command: [node, -e, "setTimeout(() => require('http').createServer((request, response) => response.end('ok')).listen(8080), 1000)"]
    public: 8080
    stop_grace_s: 1
"#;

/// So many that writing them takes longer than it takes to kill who writes.
fn run() -> String {
    let files: serde_json::Map<String, Value> =
        (0..20).map(|number| (format!("{number}.txt"), json!("x"))).collect();
    RUN.replace("FILES", &Value::Object(files).to_string())
}

/// Kills the first container that starts and has this in its name. Returns its name.
async fn kill_when_started(server: &Server, part: &str) -> String {
    let mut events = Command::new("docker")
        .args(["events", "--filter", "event=start", "--format", "{{.Actor.Attributes.name}}"])
        .args(["--filter", &format!("label=pierhead.node={}", server.node())])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the engine's command line");
    let mut lines = BufReader::new(events.stdout.take().expect("its output")).lines();
    loop {
        let name = lines.next_line().await.expect("an event").expect("events until the container starts");
        if name.contains(part) {
            server.kill_container(&name);
            return name;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_container_is_killed_the_run_ends_and_leaves_nothing() {
    let server = Server::start(BINARY).await;
    project(&server, "kills", &run()).await;
    // Who is killed, whether the check fails anyway, and how it ends.
    for (step, action, port, expected) in [
        ("seed", "create", "5000", ("FAILED", "plugin_failed")),
        ("store", "run", "5000", ("PRODUCTION", "")),
        ("check", "create", "5001", ("FAILED", "plugin_failed")),
        ("web", "run", "5000", ("PRODUCTION", "")),
        ("seed", "destroy", "5001", ("FAILED", "plugin_failed")),
    ] {
        let part = format!("-{step}-{action}-");
        let killing = kill_when_started(&server, &part);
        let deploying = async {
            let body = json!({ "slot": format!("{step}{port}"), "parameters": { "port": port } });
            let id = begin(&server, "kills", body).await;
            server.settled(&id).await
        };
        let both = async { tokio::join!(killing, deploying) };
        let ended = tokio::time::timeout(Duration::from_secs(120), both).await;
        let (killed, ended) = ended.unwrap_or_else(|_| panic!("no end after `{part}`\n{}", server.log()));
        assert_eq!((ended.state(), ended.reason()), expected, "killed {killed}: {:#}", ended.0);
        let path = format!("/projects/kills/slots/{step}{port}");
        assert_eq!(server.call("DELETE", &path, None).await.0, 202);
        server.until_engine_holds_only(&[]).await;
        server.verify().await;
    }
}
