//! A search for every secret of a run in everything that the platform leaves anywhere; and the exchange of the master key.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_testkit::{GitServer, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

const BUILD: &str = "canary-build-Q7w2e9Rt";
const RUNTIME: &str = "canary-runtime-Zx81 &?=é\ncanary-second-line-5Gh";
const OF_SLOT: &str = "canary-slot-Lk3j8Hf";
const REGISTRY: &str = "canary-registry-Mn5b2Vc";

const PACKAGE: &str = r#"{ "scripts": { "build": "node build.js", "start": "node server.js" } }"#;
/// Prints its secret in several ways, in pieces, and leaves only a hash of it.
const BUILD_SCRIPT: &str = r"
const crypto = require('crypto'), fs = require('fs');
const secret = process.env.BUILD_TOKEN;
console.log('building with', secret, Buffer.from('u:' + secret).toString('base64'));
process.stdout.write(secret.slice(0, 9));
process.stderr.write(JSON.stringify({ secret }) + '\n');
process.stdout.write(secret.slice(9) + '\n');
// Long enough to be looked at from outside.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
fs.writeFileSync('built.txt', crypto.createHash('sha256').update(secret).digest('hex') + (process.env.RUNTIME_TOKEN || ''));
";
const SERVER_SCRIPT: &str = r"
const crypto = require('crypto'), fs = require('fs');
const { RUNTIME_TOKEN: secret, SLOT_TOKEN, PORT } = process.env;
console.log('starting with', secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'));
const hash = (text) => crypto.createHash('sha256').update(text || '').digest('hex');
const text = [hash(secret), hash(SLOT_TOKEN), fs.readFileSync('built.txt', 'utf8')].join(' ');
require('http').createServer((_, r) => r.end(text)).listen(PORT, '0.0.0.0');
";

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Each line of a secret as it is, in hexadecimal, and what base64 makes of it at any offset.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for line in secret.lines() {
        forms.extend([line.as_bytes().to_vec(), hex::encode(line).into_bytes()]);
        for offset in 0..3 {
            let padded = [&b"\0\0"[..offset], line.as_bytes()].concat();
            let encoded = BASE64.encode(&padded);
            // What is the same whatever stands before and after.
            forms.push(encoded.as_bytes()[(offset * 8_usize).div_ceil(6)..padded.len() * 8 / 6].to_vec());
        }
    }
    forms
}

/// Where secrets are looked for, and what must not be there.
struct Search(Vec<(String, Vec<Vec<u8>>)>);

impl Search {
    fn new(secrets: &[(&str, &str)]) -> Self {
        Self(secrets.iter().map(|(name, secret)| ((*name).to_owned(), forms(secret))).collect())
    }

    /// The names of those that are there.
    fn found(&self, content: &[u8]) -> Vec<&str> {
        let is_in = |form: &Vec<u8>| memchr::memmem::find(content, form).is_some();
        self.0.iter().filter(|(_, forms)| forms.iter().any(is_in)).map(|(name, _)| name.as_str()).collect()
    }

    fn nothing_in(&self, place: &str, content: &[u8]) {
        let found = self.found(content);
        assert!(found.is_empty(), "{found:?} in {place}:\n{}", String::from_utf8_lossy(content));
    }
}

/// Looks at the engine and at the machine's processes all the time.
struct Watcher {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeMap<String, String>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Watcher {
    fn start(node: &str) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let (stopped, told, filter) =
            (Arc::clone(&stop), Arc::clone(&seen), format!("label=pierhead.node={node}"));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for id in run("docker", &["ps", "--all", "--quiet", "--filter", &filter]).lines() {
                    let shown = run("docker", &["inspect", id]);
                    let name = serde_json::from_str::<Value>(&shown).ok();
                    let name = name.and_then(|it| it[0]["Name"].as_str().map(str::to_owned));
                    if let Some(name) = name {
                        told.lock().unwrap().insert(format!("inspect {name} {id}"), shown);
                    }
                }
                let processes = fs_err::read_dir("/proc").unwrap().filter_map(Result::ok);
                for process in processes {
                    let read = fs_err::read(process.path().join("cmdline"));
                    let line = String::from_utf8_lossy(&read.unwrap_or_default()).into_owned();
                    told.lock().unwrap().insert(format!("process {line}"), line);
                }
            }
        });
        Self { stop, seen, thread }
    }

    fn end(self) -> BTreeMap<String, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        Arc::into_inner(self.seen).unwrap().into_inner().unwrap()
    }
}

fn sha256(text: &str) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text))
}

/// Every answer to a question without side effects that the document knows, as far as its names can be filled in.
async fn crawl(server: &Server, deployment: &str) -> Vec<(String, String)> {
    let document = server.get("/openapi.json").await;
    let mut answers = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        let filled = [
            ("{project}", "shop"),
            ("{deployment}", deployment),
            ("{id}", deployment),
            ("{slot}", "production"),
            ("{environment}", "local"),
            ("{registry}", "private"),
            ("{number}", "0"),
        ]
        .iter()
        .fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        let endless = path.contains("stream") || path == "/events";
        if methods.get("get").is_some() && !filled.contains('{') && !endless {
            let (status, answer) = server.call("GET", &filled, None).await;
            answers.push((format!("{status} {filled}"), answer.to_string()));
        }
    }
    for query in ["variables?show=all", "variables?slot=production&show=in_force"] {
        let answer = server.get(&format!("/projects/shop/{query}")).await;
        answers.push((query.to_owned(), answer.to_string()));
    }
    answers
}

fn kill_container(server: &Server) {
    let filter = format!("label=pierhead.node={}", server.node());
    for id in run("docker", &["ps", "--quiet", "--filter", &filter]).lines() {
        run("docker", &["kill", id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_run_is_found_anywhere() {
    let files = [("package.json", PACKAGE), ("build.js", BUILD_SCRIPT), ("server.js", SERVER_SCRIPT)];
    let git = GitServer::start(&[("shop", &files)]);
    let mut server = Server::start(BINARY).await;
    let source = json!({ "name": "shop", "source": { "repository": git.url("shop") } });
    assert_eq!(server.call("POST", "/projects", Some(source)).await.0, 201);
    let secret = |value: &str, exposure| json!({ "value": value, "secret": true, "exposure": exposure });
    for (path, body) in [
        ("/projects/shop/variables/BUILD_TOKEN", secret(BUILD, "build")),
        ("/projects/shop/variables/RUNTIME_TOKEN", secret(RUNTIME, "runtime")),
        ("/projects/shop/variables/SLOT_TOKEN?slot=production", secret(OF_SLOT, "runtime")),
    ] {
        let (status, answer) = server.call("PUT", path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }
    let registry =
        json!({ "name": "private", "host": "registry.example.com", "username": "ada", "password": REGISTRY });
    let (status, answer) = server.call("POST", "/registries", Some(registry)).await;
    assert_eq!(status, 201, "{answer}");
    // These two are shown once, and then never again.
    let (_, hook) = server.call("POST", "/projects/shop/source/secret", None).await;
    let wanted = json!({ "name": "test", "scopes": ["read"] });
    let (_, token) = server.call("POST", "/tokens", Some(wanted)).await;
    let search = Search::new(&[
        ("build", BUILD),
        ("runtime", RUNTIME),
        ("slot", OF_SLOT),
        ("registry", REGISTRY),
        ("password", Server::PASSWORD),
        ("webhook", hook["secret"].as_str().unwrap()),
        ("token", token["token"].as_str().unwrap()),
    ]);
    assert_eq!(search.found(format!("x{BUILD}y").as_bytes()), ["build"], "the search finds");
    assert_eq!(search.found(BASE64.encode(format!("xx{OF_SLOT}y")).as_bytes()), ["slot"]);

    let watcher = Watcher::start(server.node());
    let live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{:#?}", live.0, server.log_of(live.id()).await);
    // The build had its own secret and not that of the running service, which has its own two.
    let page = format!("{} {} {}", sha256(RUNTIME), sha256(OF_SLOT), sha256(BUILD));
    server.until_visit("shop.localhost", |status, text| (status, text) == (200, &page)).await;
    // A process that ends is started again with them, also by an agent that was killed meanwhile.
    kill_container(&server);
    server.until_visit("shop.localhost", |status, text| (status, text) == (200, &page)).await;
    server.kill();
    kill_container(&server);
    server.boot(&[]).await;
    server.until_visit("shop.localhost", |status, text| (status, text) == (200, &page)).await;
    let seen = watcher.end();
    assert!(seen.keys().filter(|name| name.starts_with("inspect")).count() >= 2, "a build and a service");

    for (place, content) in &seen {
        search.nothing_in(place, content.as_bytes());
    }
    let lines = server.log_of(live.id()).await.join("\n");
    search.nothing_in("the deployment's log", lines.as_bytes());
    assert!(lines.contains("building with [secret]") && lines.contains("starting with [secret]"), "{lines}");
    for (place, answer) in crawl(&server, live.id()).await {
        search.nothing_in(&place, answer.as_bytes());
    }
    search.nothing_in("the server's log", server.log().as_bytes());
    for image in run("docker", &["images", "--quiet", "--no-trunc"]).lines() {
        search.nothing_in(image, run("docker", &["history", "--no-trunc", image]).as_bytes());
        search.nothing_in(image, run("docker", &["image", "inspect", image]).as_bytes());
    }
    // The database is among these, with all that was ever written to its file and its journal.
    let mut files = 0;
    for entry in walkdir::WalkDir::new(server.data_dir()) {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_file() && entry.file_name() != "master.key" {
            files += 1;
            let Ok(content) = fs_err::read(entry.path()) else { continue };
            let found = search.found(&content);
            assert!(found.is_empty(), "{found:?} in {}", entry.path().display());
        }
    }
    assert!(files > 10, "{files}");
    server.verify().await;
}

fn key(byte: u8) -> String {
    let mut bytes = [byte; 32];
    bytes[0] = 0;
    BASE64.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_exchanged_whenever_that_is_cut() {
    let mut server = Server::unstarted(BINARY);
    let mut keys = vec![key(1)];
    server.boot(&[("PIERHEAD_MASTER_KEY", &keys[0])]).await;
    let (status, _) = server.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    assert_eq!(status, 201);
    for (byte, point) in [(2, "control.data_key_wrapped_again"), (3, "control.master_key_exchanged")] {
        let (old, new) = (keys.last().unwrap().clone(), key(byte));
        let both = [("PIERHEAD_MASTER_KEY", &*new), ("PIERHEAD_MASTER_KEY_PREVIOUS", &*old)];
        server.kill();
        server.boot_armed_with(point, &both).await;
        assert!(
            server.died_within(Duration::from_secs(60)).await,
            "{point} was not passed\n{}",
            server.log()
        );
        // Signing in opens a sealed key.
        server.boot(&both).await;
        assert_eq!(server.get("/projects/shop").await["name"], "shop", "{point}");
        server.kill();
        server.boot(&[("PIERHEAD_MASTER_KEY", &new)]).await;
        keys.push(new);
    }
    server.kill();
    for gone in &keys[..2] {
        server.boot_armed_with("control.master_key_exchanged", &[("PIERHEAD_MASTER_KEY", gone)]).await;
        assert!(
            server.died_within(Duration::from_secs(60)).await,
            "it started with a key that is no longer one"
        );
    }
    assert!(server.log().matches("does not fit this database").count() >= 2, "{}", server.log());
    server.boot(&[("PIERHEAD_MASTER_KEY", &keys[2])]).await;
}
