//! `git push` to Pierhead: real git, and what it shows.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::process::{Command, Output};

use pierhead_testkit::Server;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

fn git(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@pierhead.invalid",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_live_and_the_log_is_shown() {
    let server = Server::start(BINARY).await;
    let wanted = json!({ "name": "test", "scopes": ["read", "write"] });
    let token = server.call("POST", "/tokens", Some(wanted)).await.1["token"].as_str().unwrap().to_owned();
    assert_eq!(server.call("POST", "/projects", Some(json!({ "name": "pushed" }))).await.0, 201);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs_err::write(root.join("index.html"), "one").unwrap();
    assert!(git(root, &["init", "--quiet", "--initial-branch=main"]).status.success());
    assert!(git(root, &["add", "--all"]).status.success());
    assert!(git(root, &["commit", "-qm", "First"]).status.success());
    let address = server.api("").replace("/api/v1", "/git/pushed.git");
    let signed_in = address.replace("http://", &format!("http://git:{token}@"));

    for (wrong, refused) in [
        (address.clone(), "could not read Username"),
        (address.replace("http://", "http://git:wrong@"), "Authentication failed"),
        (signed_in.replace("pushed.git", "other.git"), "not found"),
    ] {
        let output = git(root, &["push", &wrong, "main"]);
        assert!(!output.status.success() && said(&output).contains(refused), "{wrong}: {}", said(&output));
    }
    let output = git(root, &["push", &signed_in, "main"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}\n{}", server.log());
    for expected in ["remote: deploying main to production", "remote: live at http://pushed.localhost"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    server.until_visit("pushed.localhost", |status, text| (status, text) == (200, "one")).await;
    let newest = server.get("/deployments?project=pushed").await["items"][0].clone();
    assert_eq!((&newest["trigger"], &newest["commit"]["message"]), (&json!("git"), &json!("First")));

    // A large one travels in pieces; another branch is kept and not deployed; a failed build is told.
    let noise: Vec<u8> = (0..6_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs_err::write(root.join("large.bin"), noise).unwrap();
    fs_err::write(root.join("index.html"), "two").unwrap();
    assert!(git(root, &["add", "--all"]).status.success());
    assert!(git(root, &["commit", "-qm", "Second"]).status.success());
    let output = git(root, &["push", &signed_in, "main", "main:topic"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("topic is kept, and not deployed"), "{text}");
    server.until_visit("pushed.localhost", |_, text| text == "two").await;

    let package = r#"{ "scripts": { "build": "echo about to break; exit 3" } }"#;
    fs_err::write(root.join("package.json"), package).unwrap();
    assert!(git(root, &["add", "--all"]).status.success());
    assert!(git(root, &["commit", "-qm", "Third"]).status.success());
    let text = said(&git(root, &["push", &signed_in, "main"]));
    assert!(text.contains("about to break") && text.contains("it is FAILED"), "{text}");
    assert_eq!(server.visit("pushed.localhost", "/").await.1, "two", "what was live stays");
    server.verify().await;
}
