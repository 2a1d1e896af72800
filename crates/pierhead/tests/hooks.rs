//! A push is live: real repositories, real webhooks, and a server that is killed among them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Hook, Server};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const SECRET: &str = "a secret for the whole installation";
const SETTINGS: [(&str, &str); 1] = [("PIERHEAD_WEBHOOK_SECRET", SECRET)];

/// Projects of the great test, and pushes to each.
const PROJECTS: usize = 8;
const PUSHES: usize = 6;
const WEBHOOKS: usize = 1_000;
const DEATHS: usize = 5;

async fn server() -> Server {
    let mut server = Server::unstarted(BINARY);
    server.boot(&SETTINGS).await;
    server
}

async fn project(server: &Server, git: &GitServer, name: &str) {
    let body = json!({ "name": name, "source": { "repository": git.url(name) } });
    let (status, made) = server.call("POST", "/projects", Some(body)).await;
    assert_eq!(status, 201, "{made}");
}

/// The project's deployments, the newest first, once they are `enough`.
async fn deployments(server: &Server, project: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let found = server.get(&format!("/deployments?project={project}&limit=200")).await;
        let found = found["items"].as_array().cloned().unwrap_or_default();
        if enough(&found) {
            return found;
        }
        if Instant::now() > deadline {
            let source = server.get(&format!("/projects/{project}/source")).await;
            panic!("{found:#?}\n{source:#}\n{}", server.log());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_live(commit: &str) -> impl Fn(&[Value]) -> bool {
    move |found| found.iter().any(|it| it["state"] == "PRODUCTION" && it["commit"]["hash"] == commit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_live_and_says_how_long_each_part_took() {
    let git = GitServer::start(&[("site", &[("index.html", "one"), ("docs/a.md", "a")])]);
    let server = server().await;
    project(&server, &git, "site").await;
    let commit = git.change_branch("site", "main", "Two", &[("index.html", "two")]);
    let hook = Hook::push(&git.url("site"), "main", &commit, "first", SECRET);
    let begun = Instant::now();
    let (status, answer) = server.hook("/hooks/github", &hook).await.unwrap();
    let answered = begun.elapsed();
    assert_eq!((status, &answer["projects"]), (202, &json!(["site"])), "{answer}");
    assert!(answered < Duration::from_millis(500), "{answered:?}");
    let live = deployments(&server, "site", is_live(&commit)).await;
    assert_eq!(live.len(), 1);
    let timings = &live[0]["timings"];
    for part in ["received_ms", "queued_ms", "building_ms", "provisioning_ms", "total_ms"] {
        assert!(timings[part].is_u64(), "{part}: {timings}");
    }
    assert_eq!((&live[0]["trigger"], &live[0]["created_by"]), (&json!("push"), &json!("octocat")));
    server.until_visit("site.localhost", |status, text| (status, text) == (200, "two")).await;
    println!("webhook answered in {answered:?}; {timings}");

    // A webhook that is lost is found by asking, with nothing but git.
    let commit = git.change_branch("site", "main", "Three", &[("index.html", "three")]);
    let (status, _) = server.call("POST", "/projects/site/source/sync", None).await;
    assert_eq!(status, 202);
    deployments(&server, "site", is_live(&commit)).await;
    let source = server.get("/projects/site/source").await;
    assert_eq!(source["branches"][0]["commit"], json!(commit), "{source:#}");

    // Nothing below the root directory changed: real git compares the trees.
    let patch = json!({ "source": { "root_directory": "docs" } });
    assert_eq!(server.call("PATCH", "/projects/site", Some(patch)).await.0, 200);
    let commit = git.change_branch("site", "main", "Four", &[("index.html", "four")]);
    let hook = Hook::push(&git.url("site"), "main", &commit, "fourth", SECRET);
    server.hook("/hooks/github", &hook).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let source = server.get("/projects/site/source").await;
        let outcome = source["branches"][0]["outcome"].as_str().unwrap_or_default().to_owned();
        if outcome.ends_with("nothing below docs changed") {
            break;
        }
        assert!(Instant::now() < deadline, "{source:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.verify().await;
}

/// A thousand webhooks, doubled and out of order, while the server is killed: each head is deployed once, none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_done_twice_while_the_server_dies() {
    let seed = std::env::var("PIERHEAD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u64>);
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let names: Vec<String> = (0..PROJECTS).map(|number| format!("site-{number}")).collect();
    let files: [(&str, &str); 1] = [("index.html", "first")];
    let repositories: Vec<(&str, &[(&str, &str)])> =
        names.iter().map(|name| (name.as_str(), &files[..])).collect();
    let git = GitServer::start(&repositories);
    let mut server = server().await;
    for name in &names {
        project(&server, &git, name).await;
    }
    let mut heads: BTreeMap<&str, String> = BTreeMap::new();
    let mut hooks: Vec<Hook> = Vec::new();
    let mut sent = 0;
    let rounds = WEBHOOKS.div_ceil(PUSHES);
    for push in 0..PUSHES {
        for name in &names {
            let text = format!("{name} {push}");
            let commit = git.change_branch(name, "main", &text, &[("index.html", &text)]);
            let delivery = format!("{name}-{push}");
            hooks.push(Hook::push(&git.url(name), "main", &commit, &delivery, SECRET));
            heads.insert(name, commit);
        }
        // Each new one at least once, among old ones again: some with their id, some replayed under another.
        let fresh = hooks.len() - PROJECTS..hooks.len();
        let mut order: Vec<usize> = fresh.collect();
        order.extend((PROJECTS..rounds).map(|_| random.random_range(0..hooks.len())));
        order.shuffle(&mut random);
        for (number, index) in order.into_iter().enumerate() {
            let mut hook = hooks[index].clone();
            if random.random_bool(0.3) && number > PROJECTS {
                hook.delivery = format!("{}-again-{sent}", hook.delivery);
            }
            if push < DEATHS && number == rounds / 2 {
                server.kill();
                server.boot(&SETTINGS).await;
            }
            // As a provider whose delivery failed: again, until it is taken.
            let deadline = Instant::now() + Duration::from_secs(60);
            while !matches!(server.hook("/hooks/github", &hook).await, Some((202, _))) {
                assert!(Instant::now() < deadline, "seed {seed}: {}", server.log());
            }
            sent += 1;
        }
        if push < DEATHS {
            server.kill();
            server.boot(&SETTINGS).await;
        }
    }
    println!("{sent} webhooks");
    for name in &names {
        let found = deployments(&server, name, is_live(&heads[name.as_str()])).await;
        let commits: Vec<&str> = found.iter().filter_map(|it| it["commit"]["hash"].as_str()).collect();
        let unique: BTreeSet<&str> = commits.iter().copied().collect();
        assert_eq!(commits.len(), found.len(), "seed {seed}: {found:#?}");
        assert_eq!(unique.len(), commits.len(), "seed {seed}: a head was deployed twice: {found:#?}");
        let text = format!("{name} {}", PUSHES - 1);
        server.until_visit(&format!("{name}.localhost"), |_, shown| shown == text).await;
    }
    server.verify().await;
}

/// What was answered happens, and what was not answered can be sent again, whatever moment the server died at.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_survives_the_moment_it_is_written_down() {
    let git = GitServer::start(&[("site", &[("index.html", "one")])]);
    let mut server = server().await;
    project(&server, &git, "site").await;
    for point in ["store.delivery.before_commit", "store.delivery.after_commit"] {
        server.kill();
        server.boot_armed_with(point, &SETTINGS).await;
        let commit = git.change_branch("site", "main", point, &[("index.html", point)]);
        let hook = Hook::push(&git.url("site"), "main", &commit, point, SECRET);
        assert_eq!(server.hook("/hooks/github", &hook).await, None, "{point}: it died before it answered");
        assert!(server.died_within(Duration::from_secs(30)).await, "{point}\n{}", server.log());
        server.boot(&SETTINGS).await;
        let (status, answer) = server.hook("/hooks/github", &hook).await.unwrap();
        let before = point.ends_with("after_commit");
        assert_eq!((status, &answer["duplicate"]), (202, &json!(before)), "{point}: {answer}");
        let found = deployments(&server, "site", is_live(&commit)).await;
        let times = found.iter().filter(|it| it["commit"]["hash"] == json!(commit)).count();
        assert_eq!(times, 1, "{point}: {found:#?}");
    }
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_their_bodies_are_refused() {
    let server = server().await;
    let hook = Hook::push("https://example.com/a", "main", &"a".repeat(40), "x", "wrong");
    let (status, problem) = server.hook("/hooks/github", &hook).await.unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("unauthenticated")));
    let large = Hook::new("push", "large", "x".repeat((25 << 20) + 1), SECRET);
    let answer = server.hook("/hooks/github", &large).await;
    assert!(answer.is_none_or(|(status, _)| status == 413), "a body that is too large is not read");
    for (path, status) in [("/hooks/svn", 404), ("/hooks/generic", 401), ("/hooks/github/none", 401)] {
        assert_eq!(server.hook(path, &hook).await.unwrap().0, status, "{path}");
    }
}
