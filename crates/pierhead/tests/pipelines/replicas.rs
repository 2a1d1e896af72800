//! A service with several replicas: all of them meet visitors, and one that dies is missed by nobody.

use std::collections::BTreeSet;
use std::time::Duration;

use pierhead_testkit::Server;
use serde_json::json;

use super::{BINARY, deploy, project, until};

const THREE: &str = r#"
version: 1
steps:
  web:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "require('http').createServer((request, response) => response.end(require('os').hostname())).listen(8080)"]
    public: 8080
    replicas: 3
    stop_grace_s: 1
"#;
const HOST: &str = "web.qa.local.localhost";
const VISITS: usize = 12;

/// Who answers a few visits. Every one of them is answered.
async fn answering(server: &Server) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..VISITS {
        let (status, name) = server.visit(HOST, "/").await;
        assert_eq!(status, 200, "{name}");
        names.insert(name);
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn run_6_every_replica_answers_and_one_that_dies_is_replaced() {
    let server = Server::start(BINARY).await;
    project(&server, "three", THREE).await;
    let live = deploy(&server, "three", json!({ "slot": "qa" })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    until("answered by all", Duration::from_secs(30), async || answering(&server).await.len() == 3).await;

    let second = server.engine_objects().into_iter().find(|name| name.ends_with("-web-run-1-2"));
    server.kill_container(&second.unwrap_or_default());
    // The others answer in the meantime; in the end there are three again.
    until("answered by two", Duration::from_secs(30), async || answering(&server).await.len() == 2).await;
    until("answered by three again", Duration::from_secs(60), async || answering(&server).await.len() == 3)
        .await;
    let (status, _) = server.call("DELETE", "/projects/three/slots/qa", None).await;
    assert_eq!(status, 202);
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}
