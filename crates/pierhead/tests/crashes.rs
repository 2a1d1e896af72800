//! `kill -9` at every crash point and at random moments, and a start after it: the deployment ends live or failed with a reason,
//! one is live, nothing is left over, and every invariant holds.

use std::collections::BTreeSet;
use std::time::Duration;

use pierhead_testkit::{GitServer, Server, repository_root};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

/// Those that a deployment of a service with a build passes; the number says at which pass to die.
const POINTS: [&str; 25] = [
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
    "agent.clone_done",
    "agent.build_container_created",
    "agent.build_container_started",
    "agent.build_container_exited",
    "agent.dependencies_kept",
    "agent.layer_kept",
    "agent.release_stored",
    "agent.container_created",
    "agent.container_started",
    "agent.healthy_reported",
    "agent.stopped_process",
    "agent.undo_begun",
    "agent.undo_done",
];

/// Passed by a start on an empty data directory.
const AT_FIRST_START: [&str; 1] = ["store.migrate.before_commit"];

/// Driven by the tests of nodes, of pipelines, of webhooks, of sleep, of secrets and of figures.
const ELSEWHERE: [&str; 10] = [
    "control.data_key_wrapped_again",
    "control.master_key_exchanged",
    "control.rotate_token.before_disconnect",
    "agent.run_noted",
    "control.shares_planned",
    "store.delivery.before_commit",
    "store.delivery.after_commit",
    "agent.frozen",
    "agent.asleep",
    "store.figures.before_commit",
];

/// Deaths at moments that nobody chose.
const RANDOM_DEATHS: usize = 12;
/// A deployment of the shop takes less, so that deaths fall into every part of it.
const LONGEST_LIFE_MS: u64 = 4_000;

/// Each version is installed anew.
fn package(version: usize) -> String {
    json!({
        "version": format!("0.0.{version}"),
        "scripts": { "start": "node server.js", "build": "echo built > built.txt" },
        "dependencies": { "left": "file:left" },
    })
    .to_string()
}

const LEFT: &str = r#"{ "name": "left", "version": "1.0.0" }"#;
const SCRIPT: &str = "const text = require('fs').readFileSync('built.txt', 'utf8'); \
                      require('http').createServer((_, r) => r.end(text)).listen(process.env.PORT, '0.0.0.0')";

/// A server with the shop live.
async fn shop() -> (GitServer, Server) {
    let git = GitServer::start(&[(
        "shop",
        &[("package.json", &package(0)), ("server.js", SCRIPT), ("left/package.json", LEFT)],
    )]);
    let server = Server::start(BINARY).await;
    let first = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    (git, server)
}

/// Asks for a deployment of a new commit; the answer may be lost together with the server.
async fn push(git: &GitServer, server: &Server, round: usize) -> Option<serde_json::Value> {
    git.change("shop", &[("package.json", &package(round + 1))]);
    let body = json!({});
    let asked = server.try_call("POST", "/projects/shop/deployments", &body);
    tokio::time::timeout(Duration::from_secs(5), asked).await.ok().flatten()
}

/// What holds after every start, whatever came before it.
async fn ends_well(server: &Server, accepted: Option<&serde_json::Value>, moment: &str) {
    let newest = server.get("/deployments?project=shop&limit=1").await["items"][0].clone();
    if let Some(accepted) = accepted {
        assert_eq!(newest["id"], accepted["id"], "{moment}: what was accepted is there");
    }
    let ended = server.settled(newest["id"].as_str().unwrap_or_default()).await;
    assert!(matches!(ended.state(), "PRODUCTION"), "{moment}: {:#}\n{}", ended.0, server.log());
    server.until_visit("shop.localhost", |status, text| (status, text) == (200, "built\n")).await;
    server.until_engine_holds_only(&[ended.id()]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_was_doing_it_ends_well_after_a_restart() {
    let (git, mut server) = shop().await;
    for (round, point) in POINTS.into_iter().enumerate() {
        server.kill();
        server.boot_armed(point).await;
        let accepted = push(&git, &server, round).await;
        let died = server.died_within(Duration::from_secs(60)).await;
        assert!(died, "{point} was not passed\n{}", server.log());
        server.boot(&[]).await;
        ends_well(&server, accepted.as_ref(), point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_dies_it_ends_well_after_a_restart() {
    let seed = std::env::var("PIERHEAD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u64>);
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let (git, mut server) = shop().await;
    for death in 0..RANDOM_DEATHS {
        let life = Duration::from_millis(random.random_range(0..LONGEST_LIFE_MS));
        let accepted = push(&git, &server, death).await;
        // The moment is what is tested: nothing is waited for.
        tokio::time::sleep(life).await;
        server.kill();
        // Now and then it dies again while it finds its way back.
        if random.random_bool(0.3) {
            server.boot(&[]).await;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..1_000))).await;
            server.kill();
        }
        server.boot(&[]).await;
        ends_well(
            &server,
            accepted.as_ref(),
            &format!("PIERHEAD_TEST_SEED={seed}, death {death} after {life:?}"),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_cut_off_is_repeated() {
    for point in AT_FIRST_START {
        let mut server = Server::unstarted(BINARY);
        server.boot_armed(point).await;
        assert!(
            server.died_within(Duration::from_secs(60)).await,
            "{point} was not passed\n{}",
            server.log()
        );
        server.boot(&[]).await;
        server.verify().await;
    }
}

/// A crash point that nobody dies at proves nothing.
#[test]
fn every_crash_point_is_driven() {
    let mut written = BTreeSet::new();
    let mut folders = vec![repository_root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs_err::read_to_string(&path).unwrap();
                let calls =
                    text.split("crash_point!(\"").skip(1).filter(|_| !path.ends_with("model/src/crash.rs"));
                written.extend(calls.filter_map(|call| Some(call.split_once("\");")?.0.to_owned())));
            }
        }
    }
    let driven = POINTS.iter().chain(&AT_FIRST_START).chain(&ELSEWHERE);
    let driven: BTreeSet<_> =
        driven.map(|point| point.split_once(':').map_or(*point, |(name, _)| name).to_owned()).collect();
    assert_eq!(written, driven);
}
