//! A project that is a repository runs a pipeline that can be shown, exported, and turned into an own one.

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

use super::{BINARY, deploy};

const PACKAGE: &str = r#"{ "scripts": { "start": "node server.js" } }"#;
const SCRIPT: &str = r"
require('http').createServer((request, response) => {
    response.end(['one', process.env.MODE, process.env.TOKEN].join(' '));
}).listen(process.env.PORT);
";

/// Shows the generated pipeline as text, and saves the text as the project's own.
async fn make_it_ones_own(server: &Server, project: &str) {
    let path = format!("/projects/{project}/pipeline");
    let generated = server.get(&path).await;
    assert_eq!(generated["generated"], true, "{generated:#}");
    let text = generated["pipeline"].to_string();
    let (status, saved) = server.put_text(&path, "application/json", &text).await;
    assert_eq!((status, &saved["version"]), (201, &json!(1)), "{saved:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_runs_the_same_as_its_own_pipeline() {
    let git = GitServer::start(&[("site", &[("index.html", "one")])]);
    let server = Server::start(BINARY).await;
    let first = server.deploy(json!({ "repository": git.url("site") })).await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    make_it_ones_own(&server, "site").await;

    git.change("site", &[("index.html", "two")]);
    let second = server.deploy_project("site").await;
    assert_eq!((second.state(), &second.0["pipeline_version"]), ("PRODUCTION", &json!(1)), "{:#}", second.0);
    for host in ["site.localhost", "site.production.local.localhost"] {
        server.until_visit(host, |status, text| (status, text) == (200, "two")).await;
    }
    // An earlier commit, by name: the step builds what was asked for.
    let commit = first.0["commit"]["hash"].as_str().unwrap_or_default();
    let earlier = deploy(&server, "site", json!({ "ref": commit })).await;
    assert_eq!(earlier.state(), "PRODUCTION", "{:#}", earlier.0);
    server.until_visit("site.localhost", |status, text| (status, text) == (200, "one")).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_the_same_as_its_own_pipeline() {
    let git = GitServer::start(&[("shop", &[("package.json", PACKAGE), ("server.js", SCRIPT)])]);
    let server = Server::start(BINARY).await;
    let (status, made) = server
        .call(
            "POST",
            "/projects",
            Some(json!({ "name": "shop", "source": { "repository": git.url("shop") } })),
        )
        .await;
    assert_eq!(status, 201, "{made}");
    let variables = json!({ "items": [
        { "key": "MODE", "value": "test", "secret": false, "exposure": "all" },
        { "key": "TOKEN", "value": "hidden-from-logs", "secret": true, "exposure": "runtime" },
    ]});
    let (status, set) = server.call("PUT", "/projects/shop/variables", Some(variables)).await;
    assert_eq!(status, 200, "{set}");
    let first = server.deploy_project("shop").await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    let says = |status: u16, text: &str| (status, text) == (200, "one test hidden-from-logs");
    server.until_visit("shop.localhost", says).await;
    make_it_ones_own(&server, "shop").await;

    let second = server.deploy_project("shop").await;
    assert_eq!((second.state(), &second.0["pipeline_version"]), ("PRODUCTION", &json!(1)), "{:#}", second.0);
    server.until_engine_holds_only(&[second.id()]).await;
    for host in ["shop.localhost", "service.production.local.localhost"] {
        server.until_visit(host, says).await;
    }
    server.verify().await;
}
