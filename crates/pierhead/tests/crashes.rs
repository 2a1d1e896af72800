//! `kill -9` at every crash point, and a start after it: the deployment ends live or failed with a reason, one is live, nothing
//! is left over, and every invariant holds.

use std::time::Duration;

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

/// Those that a deployment of a service with a build passes; the number says at which pass to die.
const POINTS: [&str; 22] = [
    "store.deployment_create.before_commit",
    "store.deployment_create.after_commit",
    "store.advance.before_commit",
    "store.advance.before_commit:3",
    "store.advance.before_commit:4",
    "store.advance.after_commit",
    "store.advance.after_commit:2",
    "store.advance.after_commit:3",
    "store.advance.after_commit:4",
    "store.blob.before_put",
    "store.log.before_sync",
    "agent.accepted",
    "agent.building",
    "agent.cloned",
    "agent.container_created",
    "agent.container_started",
    "agent.container_exited",
    "agent.layer.before_rename",
    "agent.layer.after_rename",
    "agent.released",
    "agent.service_started",
    "agent.healthy",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_was_doing_it_ends_well_after_a_restart() {
    let package = r#"{ "scripts": { "start": "node server.js", "build": "echo built > built.txt" } }"#;
    let script = "const text = require('fs').readFileSync('built.txt', 'utf8'); \
                  require('http').createServer((_, r) => r.end(text)).listen(process.env.PORT, '0.0.0.0')";
    let git = GitServer::start(&[("shop", &[("package.json", package), ("server.js", script)])]);
    let mut server = Server::start(BINARY).await;
    let first = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    for (round, point) in POINTS.into_iter().enumerate() {
        git.change("shop", &[("round.txt", &round.to_string())]);
        server.kill();
        server.boot_armed(point).await;
        // The answer may be lost together with the server.
        let body = json!({});
        let asked = tokio::time::timeout(Duration::from_secs(5), async {
            let client = &server;
            client.try_call("POST", "/projects/shop/deployments", &body).await
        });
        let accepted = asked.await.ok().flatten();
        assert!(
            server.died_within(Duration::from_secs(60)).await,
            "{point} was not passed\n{}",
            server.log()
        );
        server.boot(&[]).await;
        let newest = server.get("/deployments?project=shop&limit=1").await["items"][0].clone();
        if let Some(accepted) = &accepted {
            assert_eq!(newest["id"], accepted["id"], "{point}: what was accepted is there");
        }
        let ended = server.settled(newest["id"].as_str().unwrap()).await;
        assert!(matches!(ended.state(), "PRODUCTION"), "{point}: {:#}\n{}", ended.0, server.log());
        server.until_visit("shop.localhost", |status, text| (status, text) == (200, "built\n")).await;
        server.until_engine_holds_only(&[ended.id()]).await;
        server.verify().await;
    }
}
