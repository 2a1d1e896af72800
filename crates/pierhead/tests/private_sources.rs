//! Repositories that not everybody may read: a deploy key and a real ssh server, a token and a real https one.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server, SshGit};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

async fn project(server: &Server, url: &str) {
    let body = json!({ "name": "site", "source": { "repository": url } });
    let (status, made) = server.call("POST", "/projects", Some(body)).await;
    assert_eq!(status, 201, "{made}");
}

/// The project's source, once its first branch is as wanted.
async fn source_until(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let source = server.get("/projects/site/source").await;
        if wanted(&source["branches"][0]) {
            return source;
        }
        assert!(Instant::now() < deadline, "{source:#}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every file below a folder that holds this text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let found = std::process::Command::new("grep")
        .args(["--recursive", "--files-with-matches", "--binary-files=text", "--fixed-strings", "--", text])
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

fn reason(deployment: &Value) -> (&str, &str) {
    let failure = &deployment["failure"];
    (failure["kind"].as_str().unwrap_or_default(), failure["detail"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_repository_is_entered_with_a_deploy_key_and_its_server_is_known() {
    let git = SshGit::start(&[("index.html", "one")]);
    let server = Server::start(BINARY).await;
    project(&server, &git.url()).await;

    // Nobody has approved the server's key: neither the look nor a deployment gets beyond it.
    let source = source_until(&server, |branch| branch["problem"].is_string()).await;
    let problem = source["branches"][0]["problem"].as_str().unwrap();
    assert!(problem.contains(&git.fingerprint()), "{problem}");
    let refused = server.deploy_project("site").await;
    assert_eq!(reason(&refused.0).0, "host_key_unknown", "{:#}", refused.0);
    let (status, shown) = server.call("GET", "/projects/site/source/host-keys", None).await;
    assert_eq!((status, &shown["items"][0]["fingerprint"]), (200, &json!(git.fingerprint())), "{shown}");
    let wrong = json!({ "fingerprint": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" });
    let (status, _) = server.call("POST", "/projects/site/source/host-keys", Some(wrong)).await;
    assert_eq!(status, 422);
    let approval = json!({ "fingerprint": git.fingerprint() });
    let (status, approved) = server.call("POST", "/projects/site/source/host-keys", Some(approval)).await;
    assert_eq!(status, 200, "{approved}");

    // The server is known, and does not know us.
    let refused = server.deploy_project("site").await;
    assert_eq!(reason(&refused.0).0, "no_credentials", "{:#}", refused.0);
    let (status, made) = server.call("POST", "/projects/site/source/deploy-key", None).await;
    assert_eq!((status, &made["access"]["credential"]), (201, &json!("key")), "{made}");
    assert!(!made.to_string().contains("PRIVATE"), "{made}");
    git.admit(made["access"]["public_key"].as_str().unwrap());
    let live = server.deploy_project("site").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    server.until_visit("site.localhost", |status, text| (status, text) == (200, "one")).await;

    // Looks enter in the same way.
    let commit = git.change(&[("index.html", "two")]);
    assert_eq!(server.call("POST", "/projects/site/source/sync", None).await.0, 202);
    source_until(&server, |branch| branch["commit"] == json!(commit)).await;
    server.until_visit("site.localhost", |status, text| (status, text) == (200, "two")).await;

    // Another key is somebody else, until a person says otherwise.
    git.change_host_key();
    git.change(&[("index.html", "three")]);
    let refused = server.deploy_project("site").await;
    let (kind, detail) = reason(&refused.0);
    assert_eq!(kind, "host_key_changed", "{:#}", refused.0);
    assert!(detail.contains("another ssh key"), "{detail}");
    let approval = json!({ "fingerprint": git.fingerprint() });
    assert_eq!(server.call("POST", "/projects/site/source/host-keys", Some(approval)).await.0, 200);
    let live = server.deploy_project("site").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);

    assert!(files_with(&server.data_dir(), "OPENSSH PRIVATE KEY").is_empty());
    assert!(!server.log().contains("PRIVATE KEY"));
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_https_repository_is_entered_with_a_token_that_is_written_nowhere() {
    const TOKEN: &str = "canary/token+0123";
    let git = GitServer::private(&format!("deployer:{TOKEN}"), &[("site", &[("index.html", "one")])]);
    let mut server = Server::unstarted(BINARY);
    server.boot(&[("PIERHEAD_BUILD_CA_BUNDLE", git.authority().to_str().unwrap())]).await;
    project(&server, &git.url("site")).await;
    let refused = server.deploy_project("site").await;
    assert_eq!(reason(&refused.0).0, "no_credentials", "{:#}", refused.0);

    let put = async |token: &str| {
        let body = json!({ "username": "deployer", "token": token });
        server.call("PUT", "/projects/site/source/token", Some(body)).await
    };
    assert_eq!(put("wrong").await.0, 200);
    let refused = server.deploy_project("site").await;
    let (kind, detail) = reason(&refused.0);
    assert!(kind == "no_credentials" && detail.contains("does not accept the project's token"), "{detail}");

    let (status, given) = put(TOKEN).await;
    assert_eq!((status, &given["access"]["credential"]), (200, &json!("token")), "{given}");
    assert!(!given.to_string().contains("canary"), "{given}");
    let live = server.deploy_project("site").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    server.until_visit("site.localhost", |status, text| (status, text) == (200, "one")).await;
    source_until(&server, |branch| branch["problem"].is_null() && branch["commit"].is_string()).await;

    for text in [TOKEN, "canary%2Ftoken"] {
        assert!(
            files_with(&server.data_dir(), text).is_empty(),
            "{:?}",
            files_with(&server.data_dir(), text)
        );
        assert!(!server.log().contains(text));
    }

    // Whoever may change the repository cannot send the token elsewhere with it.
    let other = GitServer::private("deployer:other", &[("site", &[("index.html", "other")])]);
    let patch = json!({ "source": { "repository": other.url("site") } });
    assert_eq!(server.call("PATCH", "/projects/site", Some(patch)).await.0, 200);
    let source = server.get("/projects/site/source").await;
    assert!(source["access"]["unused"].is_string(), "{source:#}");
    assert_eq!(server.call("DELETE", "/projects/site/source/credential", None).await.0, 204);
    let source = server.get("/projects/site/source").await;
    assert!(source["access"]["credential"].is_null(), "{source:#}");
    server.verify().await;
}
