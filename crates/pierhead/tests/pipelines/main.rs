//! Runs of pipelines, with real containers: side by side, apart, cancelled, killed in the middle.
#![expect(clippy::expect_used, reason = "a test may fail this way")]

mod killed;
mod privileges;
mod replicas;
mod repository;

use std::time::{Duration, Instant};

use pierhead_testkit::{Ended, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

/// An API, a plugin that waits for it, and a front that asks it.
const COPY: &str = r#"
version: 1
parameters:
  greeting: { default: hello }
steps:
  api:
    kind: service
    image: pierhead/node:22
    command:
      - node
      - -e
      - require('http').createServer((request, response) => response.end(process.env.GREETING)).listen(3000)
    ports: [3000]
    variables: { GREETING: "${{ parameters.greeting }}" }
    stop_grace_s: 1
  check:
    kind: plugin
    image: pierhead/plugin-wait-for:1.0.0
    needs: [api]
    parameters: { http: "http://api:3000/" }
  web:
    kind: service
    needs: [check]
    image: pierhead/node:22
    command:
      - node
      - -e
      - |
        require('http').createServer(async (request, response) => {
            const answer = await fetch('http://' + process.env.API + ':3000');
            response.end(process.env.SLOT + ' says ' + await answer.text());
        }).listen(8080)
    public: 8080
    variables: { SLOT: "${{ slot.name }}", API: "${{ steps.api.outputs.host }}" }
    stop_grace_s: 1
"#;

/// The last step fails after a service is up and a file lies in a volume.
const BROKEN: &str = r#"
version: 1
steps:
  store:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "require('net').createServer().listen(5000)"]
    ports: [5000]
    volumes: [{ name: data, path: /data }]
    stop_grace_s: 1
  check:
    kind: plugin
    image: pierhead/plugin-wait-for:1.0.0
    needs: [store]
    parameters: { tcp: "store:5001", wait_s: 0.5, interval_s: 0.1, timeout_s: 0.1 }
"#;

/// Keeps something in a volume.
const KEEPS: &str = r#"
version: 1
steps:
  store:
    kind: service
    image: pierhead/node:22
    user: "0:0"
    command: [node, -e, "require('fs').appendFileSync('/data/starts', 'x'); require('http').createServer((request, response) => response.end(require('fs').readFileSync('/data/starts'))).listen(5000)"]
    public: 5000
    volumes: [{ name: data, path: /data }]
    stop_grace_s: 1
"#;

/// Waits long enough to be cancelled.
const SLOW: &str = r#"
version: 1
steps:
  store:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "require('net').createServer().listen(5000)"]
    ports: [5000]
    stop_grace_s: 1
  check:
    kind: plugin
    image: pierhead/plugin-wait-for:1.0.0
    needs: [store]
    parameters: { tcp: "store:5001", wait_s: 300 }
"#;

async fn project(server: &Server, name: &str, pipeline: &str) {
    let (status, made) = server.call("POST", "/projects", Some(json!({ "name": name }))).await;
    assert_eq!(status, 201, "{made}");
    let (status, saved) =
        server.put_text(&format!("/projects/{name}/pipeline"), "application/yaml", pipeline).await;
    assert_eq!(status, 201, "{saved:#}");
}

async fn begin(server: &Server, project: &str, body: Value) -> String {
    let path = format!("/projects/{project}/deployments");
    let (status, accepted) = server.call("POST", &path, Some(body)).await;
    assert_eq!(status, 202, "{accepted:#}");
    accepted["id"].as_str().unwrap_or_default().to_owned()
}

async fn deploy(server: &Server, project: &str, body: Value) -> Ended {
    let id = begin(server, project, body).await;
    server.settled(&id).await
}

async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < limit, "not {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_copies_live_side_by_side_and_apart() {
    let server = Server::start(BINARY).await;
    project(&server, "copy", COPY).await;
    let (one, two) = tokio::join!(
        deploy(&server, "copy", json!({ "slot": "one" })),
        deploy(&server, "copy", json!({ "slot": "two", "parameters": { "greeting": "good morning" } })),
    );
    for copy in [&one, &two] {
        assert_eq!(copy.state(), "PRODUCTION", "{:#}", copy.0);
        assert_eq!(copy.0["pipeline_version"], 1);
        let statuses: Vec<_> =
            copy.0["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
        assert_eq!(statuses, ["succeeded"; 3]);
    }
    // Nothing but the address tells them apart, and each meets its own API.
    assert_eq!(server.visit("web.one.local.localhost", "/").await, (200, "one says hello".to_owned()));
    assert_eq!(server.visit("web.two.local.localhost", "/").await, (200, "two says good morning".to_owned()));

    let slot = server.get("/projects/copy/slots/one").await;
    assert_eq!(slot["url"], one.0["url"], "{slot:#}");
    assert!(slot["url"].as_str().unwrap_or_default().contains("//web.one.local.localhost"), "{slot:#}");

    // One cannot reach the other, by address or by name.
    let other = server.address_of(two.id(), "api");
    let inside = server.container_of(one.id(), "web");
    let script = format!(
        "const socket = require('net').connect(3000, '{other}'); \
         socket.on('connect', () => process.exit(7)); socket.on('error', () => process.exit(0)); \
         setTimeout(() => process.exit(0), 2000)"
    );
    assert_eq!(server.exec(&inside, &["node", "-e", &script]), 0, "{other} can be reached");

    // One goes, the other does not notice.
    let (status, _) = server.call("DELETE", "/projects/copy/slots/one", None).await;
    assert_eq!(status, 202);
    server.until_engine_holds_only(&[two.id()]).await;
    assert_eq!(server.visit("web.two.local.localhost", "/").await.0, 200);
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_2_a_failed_step_rolls_everything_back_and_leaves_nothing() {
    let server = Server::start(BINARY).await;
    project(&server, "broken", BROKEN).await;
    let failed = deploy(&server, "broken", json!({ "slot": "qa" })).await;
    assert_eq!((failed.state(), failed.reason()), ("FAILED", "plugin_failed"), "{:#}", failed.0);
    let detail = failed.0["failure"]["detail"].as_str().unwrap();
    assert!(detail.contains("check") && detail.contains("store:5001"), "{detail}");
    let undone: Vec<_> = failed.0["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
    assert_eq!(undone, ["undone"; 2], "{:#}", failed.0);
    assert_eq!(server.engine_objects(), [""; 0], "containers, networks and volumes");
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_belongs_to_its_slot_and_goes_with_it() {
    let server = Server::start(BINARY).await;
    project(&server, "keeps", KEEPS).await;
    let live = deploy(&server, "keeps", json!({ "slot": "qa" })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    assert_eq!(server.visit("store.qa.local.localhost", "/").await, (200, "x".to_owned()));
    server.kill_container(&server.container_of(live.id(), "store"));
    until("started again on its volume", Duration::from_secs(60), async || {
        server.visit("store.qa.local.localhost", "/").await == (200, "xx".to_owned())
    })
    .await;
    server.verify().await;
    // A second run must not write it at the same time.
    let body = json!({ "slot": "qa" });
    let (status, refused) = server.call("POST", "/projects/keeps/deployments", Some(body)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    assert_eq!(server.call("DELETE", "/projects/keeps/slots/qa", None).await.0, 202);
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn env_5_a_visit_lets_a_slot_live_longer() {
    let server = Server::start(BINARY).await;
    project(&server, "copy", COPY).await;
    let (status, changed) = server.call("PATCH", "/projects/copy", Some(json!({ "lifetime_s": 3600 }))).await;
    assert_eq!(status, 200, "{changed}");
    let live = deploy(&server, "copy", json!({ "slot": "qa" })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    // Times of one form and zone are in the order of their text.
    let ends = async || {
        server.get("/projects/copy/slots/qa").await["expires_at"].as_str().unwrap_or_default().to_owned()
    };
    let before = ends().await;
    assert!(!before.is_empty(), "it has a lifetime");
    until("visited", Duration::from_secs(120), async || {
        assert_eq!(server.visit("web.qa.local.localhost", "/").await.0, 200);
        ends().await > before
    })
    .await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_ends_and_leaves_nothing() {
    let server = Server::start(BINARY).await;
    project(&server, "slow", SLOW).await;
    let id = begin(&server, "slow", json!({})).await;
    until("waiting", Duration::from_secs(60), async || {
        let steps = server.get(&format!("/deployments/{id}")).await["steps"].clone();
        steps.as_array().unwrap().iter().any(|step| step["name"] == "check" && step["status"] == "running")
    })
    .await;
    let (status, _) = server.call("POST", &format!("/deployments/{id}/cancel"), None).await;
    assert!(status < 300);
    let ended = server.settled(&id).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "cancelled"), "{:#}", ended.0);
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_dies_is_started_again() {
    let server = Server::start(BINARY).await;
    project(&server, "copy", COPY).await;
    let live = deploy(&server, "copy", json!({ "slot": "qa" })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    for step in ["api", "web"] {
        server.kill_container(&server.container_of(live.id(), step));
        let host = "web.qa.local.localhost";
        until("answered again", Duration::from_secs(60), async || {
            server.visit(host, "/").await == (200, "qa says hello".to_owned())
        })
        .await;
    }
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undoing_that_is_cut_goes_on_when_the_secrets_are_there_again() {
    let mut server = Server::start(BINARY).await;
    project(&server, "slow", SLOW).await;
    server.kill();
    server.boot_armed("agent.undo_begun").await;
    let id = begin(&server, "slow", json!({})).await;
    until("waiting", Duration::from_secs(60), async || {
        let steps = server.get(&format!("/deployments/{id}")).await["steps"].clone();
        steps.as_array().unwrap().iter().any(|step| step["name"] == "check" && step["status"] == "running")
    })
    .await;
    // The answer may be lost with the server.
    server.try_call("POST", &format!("/deployments/{id}/cancel"), &json!({})).await;
    assert!(server.died_within(Duration::from_secs(30)).await, "it undoes, and dies of it");
    server.boot(&[]).await;
    let ended = server.settled(&id).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "cancelled"), "{:#}", ended.0);
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

/// The control plane and the agent are one process here: it dies whenever a run writes down what is next.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_run_is_cut_it_ends_well_after_a_restart() {
    let mut server = Server::start(BINARY).await;
    project(&server, "copy", COPY).await;
    project(&server, "broken", BROKEN).await;
    for pass in [1, 2, 4, 6, 8] {
        let point = format!("agent.run_noted:{pass}");
        for (name, expected) in [("copy", "PRODUCTION"), ("broken", "FAILED")] {
            server.kill();
            server.boot_armed(&point).await;
            let path = format!("/projects/{name}/deployments");
            let slot = json!({ "slot": format!("{name}-{pass}") });
            let accepted = server.try_call("POST", &path, &slot).await;
            let died = server.died_within(Duration::from_secs(20)).await;
            server.kill();
            server.boot(&[]).await;
            let Some(id) = accepted.as_ref().and_then(|accepted| accepted["id"].as_str()) else {
                assert!(died, "it was refused: {accepted:?}");
                continue;
            };
            let ended = server.settled(id).await;
            assert_eq!(ended.state(), expected, "cut at {point}: {:#}\n{}", ended.0, server.log());
            let (status, _) = server
                .call(
                    "DELETE",
                    &format!("{}/slots/{name}-{pass}", path.trim_end_matches("/deployments")),
                    None,
                )
                .await;
            assert_eq!(status, 202);
            server.until_engine_holds_only(&[]).await;
        }
    }
    server.verify().await;
}
