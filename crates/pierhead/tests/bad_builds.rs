//! Builds and services that fail, hang, eat, fork, fill, shout or never listen: each ends FAILED with its own reason, what is
//! live keeps serving, and nothing is left.

use pierhead_testkit::{GitServer, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

/// A project whose build is a line of shell.
async fn build(
    server: &Server,
    git: &GitServer,
    name: &str,
    command: &str,
    limits: Value,
) -> pierhead_testkit::Ended {
    let settings = json!({
        "name": name,
        "source": { "repository": git.url("node") },
        "build": { "build_command": command, "start_command": "node server.js" },
        "limits": limits,
    });
    let (status, made) = server.call("POST", "/projects", Some(settings)).await;
    assert_eq!(status, 201, "{made}");
    server.deploy_project(name).await
}

const SERVER_JS: &str =
    "require('http').createServer((_, response) => response.end('ok')).listen(process.env.PORT, '0.0.0.0')";

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_build_has_its_own_reason_and_hurts_nobody() {
    let package = r#"{ "scripts": { "start": "node server.js" } }"#;
    let git = GitServer::start(&[
        ("node", &[("package.json", package), ("server.js", SERVER_JS)]),
        ("site", &[("index.html", "live")]),
        ("linked", &[("index.html", "x"), ("passwd@", "/etc/passwd")]),
    ]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("site") })).await;
    assert_eq!(live.state(), "PRODUCTION");
    let fork = "node -e \"const { spawn } = require('child_process'); for (let i = 0; i < 200; i++) \
                spawn('sleep', ['60']).on('error', () => {}); setTimeout(() => process.exit(1), 1500)\"";
    let cases = [
        ("exit", "echo it is broken; exit 7", json!({}), "build_failed"),
        ("hang", "trap '' TERM; sleep 1000", json!({ "build_timeout_s": 3 }), "build_timeout"),
        (
            "memory",
            "node -e \"let a=[]; for(;;) a.push(Buffer.alloc(1<<22, 1))\"",
            json!({ "build_memory_mb": 96 }),
            "out_of_memory",
        ),
        ("fork", fork, json!({ "build_pids": 24 }), "process_limit"),
        (
            "disk",
            "dd if=/dev/zero of=/app/big bs=1M count=4000; sleep 60",
            json!({ "build_disk_mb": 64 }),
            "disk_limit",
        ),
        (
            "temp",
            "dd if=/dev/zero of=/tmp/big bs=1M count=4000; sleep 60",
            json!({ "build_disk_mb": 64 }),
            "disk_limit",
        ),
        (
            "shout",
            "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            json!({}),
            "log_limit",
        ),
        ("missing", "not-a-command", json!({}), "build_failed"),
    ];
    for (name, command, limits, reason) in cases {
        let ended = build(&server, &git, name, command, limits).await;
        assert_eq!((ended.state(), ended.reason()), ("FAILED", reason), "{name}: {:#}", ended.0);
        assert_eq!(server.visit("site.localhost", "/").await, (200, "live".into()), "{name}");
        if name == "exit" {
            assert_eq!(ended.0["failure"]["exit_code"], 7);
            assert!(server.log_of(ended.id()).await.iter().any(|line| line == "it is broken"));
        }
    }
    let refused = server.deploy(json!({ "repository": git.url("linked") })).await;
    assert_eq!(refused.reason(), "output_refused", "{:#}", refused.0);
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_come_up_says_why_and_the_live_one_stays() {
    let package = r#"{ "scripts": { "start": "node server.js" } }"#;
    let git = GitServer::start(&[("shop", &[("package.json", package), ("server.js", SERVER_JS)])]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    let (status, _) =
        server.call("PATCH", "/projects/shop", Some(json!({ "limits": { "startup_timeout_s": 8 } }))).await;
    assert_eq!(status, 200);
    for (script, reason, told) in [
        ("process.exit(3)", "start_failed", "exit code 3"),
        ("setInterval(() => {}, 1000)", "startup_timeout", "listens on no port"),
        (
            "require('http').createServer((_, r) => r.end('x')).listen(9999, '127.0.0.1')",
            "startup_timeout",
            "127.0.0.1:9999",
        ),
        (
            "require('http').createServer((_, r) => { r.statusCode = 500; r.end() }).listen(process.env.PORT, '0.0.0.0')",
            "startup_timeout",
            "answered 500",
        ),
    ] {
        git.change("shop", &[("server.js", script)]);
        let ended = server.deploy_project("shop").await;
        assert_eq!((ended.state(), ended.reason()), ("FAILED", reason), "{script}: {:#}", ended.0);
        let detail = ended.0["failure"]["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{script}: {detail}");
        assert_eq!(
            server.visit("shop.localhost", "/").await,
            (200, "ok".into()),
            "the live one keeps serving"
        );
    }
    server.until_engine_holds_only(&[live.id()]).await;

    // Cancelled while it builds: it ends when everything of it is gone.
    let (_, _) = server
        .call("PATCH", "/projects/shop", Some(json!({ "build": { "build_command": "sleep 100" } })))
        .await;
    let (_, accepted) = server.call("POST", "/projects/shop/deployments", Some(json!({}))).await;
    let id = accepted["id"].as_str().unwrap();
    let (status, _) = server.call("POST", &format!("/deployments/{id}/cancel"), None).await;
    assert_eq!(status, 202);
    let ended = server.settled(id).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "cancelled"), "{:#}", ended.0);
    server.until_engine_holds_only(&[live.id()]).await;
    server.verify().await;
}
