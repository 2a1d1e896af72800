//! Bugs that programs of this kind have had, each with a test that would catch it here. The numbers are those of the list that
//! they were collected in; what is not here has its test where its code is (`docs/reliability.md` says where).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
/// More rows than one statement of a database takes.
const LINES: usize = 200_000;
const REDEPLOYMENTS: usize = 20;

/// The answer to exactly this request line; nothing is tidied up on the way.
fn raw(server: &Server, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.ingress_port())).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A build that runs a script; the site is the folder `out`.
fn build_of(script: &str) -> Vec<(&'static str, String)> {
    let package = json!({ "scripts": { "build": "sh build.sh" } }).to_string();
    let settings = "version: 1\nbuild:\n  output_directory: out\n".to_owned();
    vec![("package.json", package), ("build.sh", script.to_owned()), ("pierhead.yaml", settings)]
}

fn borrowed<'f>(files: &'f [(&'static str, String)]) -> Vec<(&'f str, &'f str)> {
    files.iter().map(|(name, content)| (*name, content.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_nothing_of_the_platform_is_in_a_build() {
    let script = "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; env; ls -la / /run /var/run /app; mount; \
                  mkdir -p out; echo done > out/index.html";
    let files = build_of(script);
    let git = GitServer::start(&[("spy", &borrowed(&files))]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("spy") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    let log = server.log_of(live.id()).await.join("\n");
    assert!(log.contains("PATH="), "the build did look: {log}");
    let key = fs_err::read_to_string(server.data_dir().join("master.key")).unwrap();
    for secret in
        [key.trim(), Server::PASSWORD, "PIERHEAD_ADMIN", "PIERHEAD_MASTER", "docker.sock", "PIERHEAD_TOKEN"]
    {
        assert!(!log.contains(secret), "a build can see `{secret}`");
    }
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_s20_a_site_shows_its_own_files_and_only_what_is_meant_to_be_seen() {
    let git = GitServer::start(&[
        ("one", &[("index.html", "one"), (".env", "TOKEN=canary"), (".well-known/security.txt", "contact")]),
        ("two", &[("index.html", "two")]),
    ]);
    let server = Server::start(BINARY).await;
    for name in ["one", "two"] {
        let live = server.deploy(json!({ "repository": git.url(name) })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    }
    assert!(raw(&server, "one.localhost", "/").ends_with("one"));
    assert!(raw(&server, "one.localhost", "/.well-known/security.txt").ends_with("contact"));
    let two = server.get("/projects/two").await["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/../{two}/index.html"),
        "/../two/index.html".to_owned(),
        "/%2e%2e/two/index.html".to_owned(),
        "/..%2ftwo/index.html".to_owned(),
        "/%252e%252e/two/index.html".to_owned(),
        "/..%5c..%5ctwo/index.html".to_owned(),
        "/a/..;/..;/two/index.html".to_owned(),
        "/%00".to_owned(),
        "/%c0%ae%c0%ae/two/index.html".to_owned(),
        "/../../../../../../etc/passwd".to_owned(),
        "/.git/config".to_owned(),
        "/.git/HEAD".to_owned(),
        "/.env".to_owned(),
        "//.env".to_owned(),
        "/%2eenv".to_owned(),
    ] {
        let answer = raw(&server, "one.localhost", &path);
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(matches!(status, 400 | 404), "{path}: {answer}");
        for told in ["two", "canary", "root:", "repositoryformatversion", "ref: refs"] {
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
            // The page of an address that does not exist may name the address.
            assert!(!body.replace(&path, "").contains(told), "{path} tells `{told}`: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_links_lead_out_of_nothing_and_round_in_no_circle() {
    let git = GitServer::start(&[
        ("absolute", &[("index.html", "x"), ("passwd@", "/etc/passwd")]),
        ("upward", &[("index.html", "x"), ("up@", "../../../../etc/passwd")]),
        ("circle", &[("index.html", "x"), ("a@", "b"), ("b@", "a")]),
        ("itself", &[("index.html", "x"), ("again@", ".")]),
    ]);
    let server = Server::start(BINARY).await;
    for name in ["absolute", "upward", "circle", "itself"] {
        let ended = server.deploy(json!({ "repository": git.url(name) })).await;
        if ended.state() == "PRODUCTION" {
            for path in ["/passwd", "/up", "/a", "/b"] {
                let (status, text) = server.visit(&format!("{name}.localhost"), path).await;
                assert!(status == 404 && !text.contains("root:"), "{name}{path}: {status} {text}");
            }
        } else {
            assert_eq!(ended.reason(), "output_refused", "{name}: {:#}", ended.0);
        }
    }
    server.until_engine_holds_only(&[]).await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_s19_a_project_with_secrets_is_built_with_them_and_goes_live() {
    let script =
        "test \"$CANARY\" = 'a\nADMIN=1 $HOME \"#' && mkdir -p out && echo \"$ADMIN\" > out/index.html";
    let mut files = build_of(script);
    files.push(("README.md", "x".into()));
    let git = GitServer::start(&[("shop", &borrowed(&files))]);
    let server = Server::start(BINARY).await;
    let source = json!({ "name": "shop", "source": { "repository": git.url("shop") } });
    assert_eq!(server.call("POST", "/projects", Some(source)).await.0, 201);
    let variable = json!({ "value": "a\nADMIN=1 $HOME \"#", "secret": true, "exposure": "build" });
    let (status, answer) = server.call("PUT", "/projects/shop/variables/CANARY", Some(variable)).await;
    assert!(matches!(status, 200 | 201), "{answer}");
    let live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, server.log_of(live.id()).await.join("\n"));
    assert_eq!(
        server.visit("shop.localhost", "/").await,
        (200, "\n".into()),
        "no variable came out of another's value"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_a_site_is_whole_at_every_moment_of_a_redeployment() {
    let page = |text: &str| format!("{text}{}", "x".repeat(20_000));
    let git = GitServer::start(&[("site", &[("index.html", &page("0 ")), ("old.txt", "0")])]);
    let server = Arc::new(Server::start(BINARY).await);
    let first = server.deploy(json!({ "repository": git.url("site") })).await;
    assert_eq!(first.state(), "PRODUCTION", "{:#}", first.0);
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (server, stop, reads) = (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&reads));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (status, text) = server.visit("site.localhost", "/").await;
                    assert_eq!(status, 200, "{text}");
                    assert_eq!(text.trim_end_matches('x').len() + 20_000, text.len(), "half a page");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 1..=REDEPLOYMENTS {
        git.change("site", &[("index.html", &page(&format!("{round} ")))]);
        let ended = server.deploy_project("site").await;
        assert_eq!(ended.state(), "PRODUCTION", "{:#}", ended.0);
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > REDEPLOYMENTS * 10, "the readers did read");
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_two_hundred_thousand_lines_are_kept_in_order() {
    let script = format!("seq 1 {LINES}; mkdir -p out; echo done > out/index.html");
    let files = build_of(&script);
    let git = GitServer::start(&[("loud", &borrowed(&files))]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("loud") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    // The site is live before the last line has travelled.
    let deadline = Instant::now() + Duration::from_secs(60);
    let late = format!("/deployments/{}/logs?limit=100&after={LINES}", live.id());
    while server.get(&late).await["lines"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "the log does not come\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let printed = server.log_of_step(live.id(), "build").await;
    let numbers: Vec<usize> = printed.iter().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(numbers.len(), LINES);
    assert!(numbers.iter().copied().eq(1..=LINES), "in order, none twice, none missing");
    server.verify().await;
}
