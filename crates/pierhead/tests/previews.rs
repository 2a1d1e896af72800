//! Previews of pull requests: a slot that comes, follows and goes; a fork that waits, and gets no secrets.

use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Hook, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const SECRET: &str = "a secret for the whole installation";
/// Says what it is told.
const SERVER_JS: &str = "require('http').createServer((_, answer) => answer.end(`${require('fs').readFileSync('text')} \
                         ${process.env.CANARY}`)).listen(process.env.PORT)";
const PACKAGE: &str = r#"{ "name": "shop", "version": "1.0.0", "scripts": { "start": "node server.js" } }"#;

struct Pull<'p> {
    number: u64,
    open: bool,
    fork: bool,
    /// When the provider says that this happened: events come in any order.
    second: u64,
    commit: &'p str,
}

async fn tell(server: &Server, git: &GitServer, pull: Pull<'_>) {
    let Pull { number, open, fork, second, commit } = pull;
    let body = json!({
        "action": "synchronize",
        "repository": { "clone_url": git.url("shop"), "default_branch": "main" },
        "pull_request": {
            "number": number, "state": if open { "open" } else { "closed" }, "title": "Faster",
            "html_url": "https://git.example.com/shop/pull/7", "user": { "login": "octocat" },
            "updated_at": format!("2026-01-01T00:00:{second:02}Z"),
            "head": { "sha": commit, "repo": { "id": if fork { 2 } else { 1 } } },
            "base": { "ref": "main", "repo": { "id": 1 } },
        },
    });
    let hook = Hook::new("pull_request", &format!("{number}-{second}"), body.to_string(), SECRET);
    let answered = server.hook("/hooks/github", &hook).await;
    let (status, answer) = answered.unwrap_or_else(|| panic!("no answer\n{}", server.log()));
    assert_eq!((status, &answer["projects"]), (202, &json!(["shop"])), "{answer}");
}

/// What the last look at a pull request came to, once it is as wanted.
async fn until_outcome(server: &Server, number: u64, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let source = server.get("/projects/shop/source").await;
        let branches = source["branches"].as_array().cloned().unwrap_or_default();
        let of_it = |branch: &&Value| branch["pull_request"]["number"] == json!(number);
        let outcome = branches.iter().find(of_it).and_then(|branch| branch["outcome"].as_str());
        if outcome.is_some_and(|outcome| outcome.contains(wanted)) {
            return;
        }
        assert!(Instant::now() < deadline, "{source:#}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_has_a_preview_and_a_fork_has_one_without_secrets() {
    let git = GitServer::start(&[(
        "shop",
        &[("package.json", PACKAGE), ("server.js", SERVER_JS), ("text", "main")],
    )]);
    let mut server = Server::unstarted(BINARY);
    server.boot(&[("PIERHEAD_WEBHOOK_SECRET", SECRET)]).await;
    let body = json!({ "name": "shop", "source": { "repository": git.url("shop") } });
    let (status, made) = server.call("POST", "/projects", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    let variable = json!({ "value": "sesame", "secret": true, "exposure": "runtime" });
    let (status, answer) = server.call("PUT", "/projects/shop/variables/CANARY", Some(variable)).await;
    assert!(matches!(status, 200 | 201), "{answer}");

    // It comes, and follows.
    let one = git.change_branch("shop", "faster", "One", &[("text", "one")]);
    git.point("shop", "faster", "refs/pull/7/head");
    tell(&server, &git, Pull { number: 7, open: true, fork: false, second: 1, commit: &one }).await;
    server.until_visit("pr-7--shop.localhost", |status, text| (status, text) == (200, "one sesame")).await;
    let two = git.change_branch("shop", "faster", "Two", &[("text", "two")]);
    git.point("shop", "faster", "refs/pull/7/head");
    tell(&server, &git, Pull { number: 7, open: true, fork: false, second: 2, commit: &two }).await;
    server.until_visit("pr-7--shop.localhost", |status, text| (status, text) == (200, "two sesame")).await;

    // Somebody else's waits, is built when that very commit was looked at, and knows no secret.
    let theirs = git.change_branch("shop", "theirs", "Theirs", &[("text", "theirs")]);
    git.point("shop", "theirs", "refs/pull/8/head");
    tell(&server, &git, Pull { number: 8, open: true, fork: true, second: 1, commit: &theirs }).await;
    until_outcome(&server, 8, "waits for an approval").await;
    let approval = json!({ "commit": theirs });
    let (status, answer) = server.call("POST", "/projects/shop/pulls/8/approve", Some(approval)).await;
    assert_eq!(status, 202, "{answer}");
    server
        .until_visit("pr-8--shop.localhost", |status, text| (status, text) == (200, "theirs undefined"))
        .await;
    let later = git.change_branch("shop", "theirs", "Later", &[("text", "later")]);
    git.point("shop", "theirs", "refs/pull/8/head");
    tell(&server, &git, Pull { number: 8, open: true, fork: true, second: 2, commit: &later }).await;
    until_outcome(&server, 8, "waits for an approval").await;
    assert_eq!(server.visit("pr-8--shop.localhost", "/").await.1, "theirs undefined");

    // It goes, and an event that comes late does not bring it back.
    tell(&server, &git, Pull { number: 7, open: false, fork: false, second: 9, commit: &two }).await;
    server.until_visit("pr-7--shop.localhost", |status, _| status == 404).await;
    tell(&server, &git, Pull { number: 7, open: true, fork: false, second: 3, commit: &two }).await;
    until_outcome(&server, 7, "its slot is deleted").await;
    assert_eq!(server.visit("pr-7--shop.localhost", "/").await.0, 404);
    tell(&server, &git, Pull { number: 8, open: false, fork: true, second: 9, commit: &later }).await;
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}
