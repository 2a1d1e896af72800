//! What is deployed without a repository: a folder's files, and an image.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::process::{Command, Output};

use pierhead_testkit::Server;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
/// The digest of "one".
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

async fn token(server: &Server) -> String {
    let wanted = json!({ "name": "test", "scopes": ["read", "write", "delete"] });
    let (status, made) = server.call("POST", "/tokens", Some(wanted)).await;
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

fn deploy(server: &Server, token: &str, folder: &Path, arguments: &[&str]) -> Output {
    let url = server.api("");
    Command::new(BINARY)
        .arg("deploy")
        .args(arguments)
        .current_dir(folder)
        .env("PIERHEAD_URL", url.strip_suffix("/api/v1").unwrap())
        .env("PIERHEAD_TOKEN", token)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_live_and_only_what_changed_travels_again() {
    let server = Server::start(BINARY).await;
    let token = token(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("my-site");
    fs_err::create_dir_all(site.join("assets")).unwrap();
    for (name, text) in
        [("index.html", "one"), ("assets/a.css", "a"), ("secret.txt", "hidden"), (".gitignore", "secret.txt")]
    {
        fs_err::write(site.join(name), text).unwrap();
    }
    let output = deploy(&server, &token, folder.path(), &["./my-site"]);
    assert!(output.status.success(), "{}\n{}", said(&output), server.log());
    assert!(said(&output).contains("3 files, sending 3 of them"), "{}", said(&output));
    server.until_visit("my-site.localhost", |status, text| (status, text) == (200, "one")).await;
    assert_eq!(server.visit("my-site.localhost", "/secret.txt").await.0, 404);

    // In the folder, which belongs to its project now; one file changed.
    fs_err::write(site.join("index.html"), "two").unwrap();
    let output = deploy(&server, &token, &site, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("sending 1 of them"), "{}", said(&output));
    server.until_visit("my-site.localhost", |_, text| text == "two").await;
    let listed = server.get("/deployments?project=my-site").await;
    let latest = &listed["items"][0];
    assert_eq!((&latest["number"], &latest["trigger"]), (&json!(2), &json!("api")));

    // Going back needs no files.
    let first = listed["items"][1]["id"].as_str().unwrap();
    let (status, accepted) = server.call("POST", &format!("/deployments/{first}/rollback"), None).await;
    assert_eq!(status, 202, "{accepted}");
    server.until_visit("my-site.localhost", |_, text| text == "one").await;
    // And the same again is built from what is there.
    let second = listed["items"][0]["id"].as_str().unwrap();
    let (status, accepted) = server.call("POST", &format!("/deployments/{second}/redeploy"), None).await;
    assert_eq!(status, 202, "{accepted}");
    server.until_visit("my-site.localhost", |_, text| text == "two").await;
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_not_deployed_and_what_others_sent_is_not_there() {
    let server = Server::start(BINARY).await;
    for name in ["mine", "theirs"] {
        assert_eq!(server.call("POST", "/projects", Some(json!({ "name": name }))).await.0, 201);
    }
    let tree = json!({ "files": { "index.html": { "digest": ONE, "size": 3 } } });
    let announce = async |project: &str| {
        let (status, answer) =
            server.call("POST", &format!("/projects/{project}/uploads"), Some(tree.clone())).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let announced = announce("mine").await;
    assert_eq!(announced["missing"], json!([ONE]));
    let wish = json!({ "upload": announced["upload"] });
    let (status, problem) = server.call("POST", "/projects/mine/deployments", Some(wish.clone())).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/upload")), "{problem}");

    let path = format!("/projects/mine/uploads/files/{ONE}");
    let (status, problem) = server.put_text(&path, "application/octet-stream", "other").await;
    assert_eq!((status, &problem["code"]), (422, &json!("validation")), "{problem}");
    for _ in 0..2 {
        assert_eq!(server.put_text(&path, "application/octet-stream", "one").await.0, 204);
    }
    assert_eq!(announce("mine").await["missing"], json!([]), "an upload that was cut goes on");
    assert_eq!(announce("theirs").await["missing"], json!([ONE]), "knowing a digest is not having the file");
    let (status, problem) = server.call("POST", "/projects/theirs/deployments", Some(wish.clone())).await;
    assert_eq!(status, 422, "{problem}");
    let (status, accepted) = server.call("POST", "/projects/mine/deployments", Some(wish)).await;
    assert_eq!(status, 202, "{accepted}");
    assert_eq!(server.settled(accepted["id"].as_str().unwrap()).await.state(), "PRODUCTION");

    let file = json!({ "digest": ONE, "size": 3 });
    for (path, entry) in [
        ("../x", file.clone()),
        ("/etc/passwd", file.clone()),
        (".git/hooks/pre-commit", file),
        ("a", json!({ "digest": "x", "size": 1 })),
        ("a", json!({})),
        ("a", json!({ "digest": ONE, "target": "b" })),
    ] {
        let tree = json!({ "files": { path: entry } });
        let (status, problem) = server.call("POST", "/projects/mine/uploads", Some(tree)).await;
        assert_eq!(status, 422, "{path}: {problem}");
    }
    server.verify().await;
}

/// An image of this test's own on this machine; removed when dropped.
struct LocalImage(String);

impl LocalImage {
    fn of(original: &str) -> Self {
        let name = format!("pierhead-test-handed-{}:1", std::process::id());
        let tagged = Command::new("docker").args(["tag", original, &name]).status().unwrap();
        assert!(tagged.success());
        Self(name)
    }
}

impl Drop for LocalImage {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", &self.0]).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_run_as_it_is() {
    let server = Server::start(BINARY).await;
    let image = LocalImage::of("pierhead/node:22-1");
    let script =
        "require('http').createServer((_, r) => r.end('from an image')).listen(process.env.PORT, '0.0.0.0')";
    let project = json!({ "name": "imaged", "build": { "start_command": format!("node -e \"{script}\""), "port": 8080 } });
    let (status, made) = server.call("POST", "/projects", Some(project)).await;
    assert_eq!(status, 201, "{made}");
    let wish = json!({ "image": image.0 });
    let (status, accepted) = server.call("POST", "/projects/imaged/deployments", Some(wish)).await;
    assert_eq!(status, 202, "{accepted}");
    let ended = server.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!(ended.state(), "PRODUCTION", "{:#}\n{}", ended.0, server.log());
    server.until_visit("imaged.localhost", |_, text| text == "from an image").await;
    assert_eq!(ended.0["release_kind"], Value::from("image"));
    for wrong in [
        json!({ "image": "-x" }),
        json!({ "image": image.0, "ref": "main" }),
        json!({ "image": image.0, "upload": ONE }),
    ] {
        assert_eq!(server.call("POST", "/projects/imaged/deployments", Some(wrong)).await.0, 422);
    }
    let gone = json!({ "image": "127.0.0.1:1/nothing:1" });
    let (_, accepted) = server.call("POST", "/projects/imaged/deployments", Some(gone)).await;
    let ended = server.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "image_pull_failed"), "{:#}", ended.0);
    server.verify().await;
}
