//! A repository becomes a live URL: the built program, real Docker, real git.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const INDEX: &str = "<!doctype html><h1>one</h1>";

fn blobs(server: &Server) -> usize {
    let folders = std::fs::read_dir(server.data_dir().join("blobs")).unwrap().flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_folder_goes_live_changes_and_goes_back() {
    let git =
        GitServer::start(&[("site", &[("index.html", INDEX), ("a.txt", "a"), ("404.html", "nothing here")])]);
    let server = Server::start(BINARY).await;
    let first = server.deploy(json!({ "repository": git.url("site") })).await;
    assert_eq!((first.state(), first.reason()), ("PRODUCTION", ""), "{:#}", first.0);
    assert_eq!(first.0["commit"]["message"], "Add site");
    server.until_visit("site.localhost", |status, text| (status, text) == (200, INDEX)).await;
    assert_eq!(server.visit("site.localhost", "/nope").await, (404, "nothing here".into()));
    for path in ["/.git/config", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/.env"] {
        let (status, _) = server.visit("site.localhost", path).await;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }

    let before = blobs(&server);
    git.change("site", &[("index.html", "two")]);
    let second = server.deploy(json!({ "repository": git.url("site") })).await;
    assert_eq!(second.0["project"], first.0["project"], "the same repository is the same project");
    assert_eq!(second.0["number"], 2);
    server.until_visit("site.localhost", |_, text| text == "two").await;
    assert_eq!(blobs(&server) - before, 2, "one changed file is one new blob, and the manifest");
    let own_host = format!("{}.localhost", first.id());
    assert_eq!(server.visit(&own_host, "/").await, (200, INDEX.into()), "the first keeps its own address");

    let (status, accepted) =
        server.call("POST", &format!("/deployments/{}/rollback", first.id()), None).await;
    assert_eq!(status, 202, "{accepted}");
    let back = server.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!((back.state(), &back.0["trigger"]), ("PRODUCTION", &json!("rollback")));
    assert_eq!(back.0["commit"], first.0["commit"], "what is live again says which commit it is");
    server.until_visit("site.localhost", |_, text| text == INDEX).await;

    let (status, problem) = server.call("DELETE", &format!("/deployments/{}", back.id()), None).await;
    assert_eq!((status, &problem["code"]), (409, &json!("deployment_state")), "what is live is protected");
    let (status, _) = server.call("DELETE", &format!("/deployments/{}", second.id()), None).await;
    assert!(matches!(status, 204 | 409), "{status}");
    server.verify().await;

    let (status, _) = server.call("DELETE", "/projects/site", None).await;
    assert_eq!(status, 202);
    server.until_visit("site.localhost", |status, _| status == 404).await;
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

const SERVER_JS: &str = r#"
const answer = process.env.ANSWER ?? "one";
console.log("listening, secret is " + (process.env.TOKEN ? "there" : "missing"));
require("http").createServer((request, response) => {
  let bytes = 0;
  request.on("data", (piece) => (bytes += piece.length));
  request.on("end", () => response.end(request.method === "POST" ? String(bytes) : answer));
}).listen(process.env.PORT, "0.0.0.0");
"#;
const PACKAGE: &str = r#"{ "scripts": { "start": "node server.js" } }"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_goes_live_with_its_variables_and_survives_its_server() {
    let git = GitServer::start(&[("service", &[("server.js", SERVER_JS), ("package.json", PACKAGE)])]);
    let mut server = Server::start(BINARY).await;
    let first = server.deploy(json!({ "repository": git.url("service") })).await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    server.until_visit("service.localhost", |status, text| (status, text) == (200, "one")).await;

    let variables = json!([
        { "key": "ANSWER", "value": "two", "exposure": "runtime" },
        { "key": "TOKEN", "value": "hunter2-hunter2", "secret": true, "exposure": "runtime" },
    ]);
    let (status, stored) = server.call("PUT", "/projects/service/variables", Some(variables)).await;
    assert_eq!(status, 200, "{stored}");
    assert!(!stored.to_string().contains("hunter2"), "a secret does not come back");
    let second = server.deploy_project("service").await;
    assert_eq!(second.state(), "PRODUCTION", "{:#}", second.0);
    server.until_visit("service.localhost", |_, text| text == "two").await;
    server.until_engine_holds_only(&[second.id()]).await;
    assert!(server.log_of(second.id()).await.iter().any(|line| line == "listening, secret is there"));

    server.kill();
    server.boot(&[]).await;
    server.until_visit("service.localhost", |_, text| text == "two").await;
    server.verify().await;

    let (_, accepted) = server.call("POST", &format!("/deployments/{}/rollback", first.id()), None).await;
    let back = server.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!(back.state(), "PRODUCTION", "{:#}", back.0);
    server.until_visit("service.localhost", |_, text| text == "one").await;
    server.until_engine_holds_only(&[back.id()]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_clear_error() {
    let git = GitServer::start(&[("site", &[("index.html", INDEX)]), ("nothing", &[("notes.md", "x")])]);
    let server = Server::start(BINARY).await;
    for (body, status, code) in [
        (json!({ "repository": "file:///etc" }), 422, "validation"),
        (json!({ "repository": "ext::sh -c id" }), 422, "validation"),
        (json!({ "repository": "--upload-pack=touch /tmp/p" }), 422, "validation"),
        (json!({ "repository": git.url("site"), "branch": "--upload-pack=x" }), 422, "validation"),
        (json!({ "repository": git.url("site"), "root_directory": "../.." }), 422, "validation"),
        (json!({ "repository": git.url("site"), "name": "api" }), 422, "validation"),
        (json!({ "repository": git.url("site"), "nmae": "x" }), 422, "validation"),
        (json!([]), 422, "validation"),
    ] {
        let (got, problem) = server.call("POST", "/deployments", Some(body.clone())).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{body} → {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
    }
    let (status, problem) = server
        .call("POST", "/projects", Some(json!({ "name": "big", "limits": { "memory_mb": 1, "cpu": 0 } })))
        .await;
    assert_eq!(
        (status, problem["errors"].as_array().map(Vec::len)),
        (422, Some(2)),
        "all at once: {problem}"
    );
    for (path, status) in
        [("/deployments/nope", 404), ("/projects/nope", 404), ("/nope", 404), ("/projects?limt=1", 400)]
    {
        assert_eq!(server.call("GET", path, None).await.0, status, "{path}");
    }
    let (status, taken) = server.call("POST", "/projects", Some(json!({ "name": "once" }))).await;
    assert_eq!(status, 201, "{taken}");
    assert_eq!(server.call("POST", "/projects", Some(json!({ "name": "once" }))).await.0, 409);

    let port = free_port();
    for (body, reason, kind) in [
        (json!({ "repository": git.url("missing") }), "clone_failed", "repository_not_found"),
        (json!({ "repository": git.url("site"), "branch": "nope" }), "clone_failed", "no_such_reference"),
        (json!({ "repository": "http://169.254.169.254/x.git" }), "clone_failed", "address_refused"),
        (json!({ "repository": format!("http://127.0.0.1:{port}/x.git") }), "clone_failed", "unreachable"),
        (
            json!({ "repository": git.url("site"), "root_directory": "apps/web" }),
            "root_directory_missing",
            "",
        ),
        (json!({ "repository": git.url("nothing") }), "detection_failed", ""),
    ] {
        let ended = server.deploy(body.clone()).await;
        assert_eq!((ended.state(), ended.reason()), ("FAILED", reason), "{body}: {:#}", ended.0);
        assert_eq!(ended.0["failure"]["kind"].as_str().unwrap_or_default(), kind, "{body}");
    }
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
