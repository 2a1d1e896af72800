//! A search for every secret of a run in everything that the platform leaves anywhere; and the exchange of the master key.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail this way")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_testkit::{GitServer, NodeAgent, Server, Vault};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

const BUILD: &str = "canary-build-Q7w2e9Rt";
const RUNTIME: &str = "canary-runtime-Zx81 &?=é\ncanary-second-line-5Gh";
const OF_SLOT: &str = "canary-slot-Lk3j8Hf";
const REGISTRY: &str = "canary-registry-Mn5b2Vc";
const PLUGIN: &str = "canary-plugin-Wd4c9Xs";

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

/// A plugin that prints its secret in several ways, and leaves something that is as secret.
const PLUGIN_SCRIPT: &str = r"
const crypto = require('crypto');
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const secret = given.secrets.PLUGIN_TOKEN;
console.error('called with', secret, Buffer.from('u:' + secret).toString('base64'), JSON.stringify(given.secrets));
process.stderr.write(secret.slice(0, 9));
process.stderr.write(secret.slice(9) + '\n');
const left = 'left-' + crypto.createHash('sha256').update(secret).digest('hex');
console.log(JSON.stringify({ success: true, outputs: { left } }));
";

fn left_by_the_plugin() -> String {
    format!("left-{}", sha256(PLUGIN))
}

/// An image of the test's own; dropping it removes it.
struct PluginImage(String);

impl PluginImage {
    fn build() -> Self {
        let name = format!("leaky-{}:1.0.0", hex::encode(rand::random::<[u8; 6]>()));
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("run.js"), PLUGIN_SCRIPT).unwrap();
        let dockerfile = "FROM pierhead/node:22\nCOPY run.js /run.js\nUSER 10001:10001\nENTRYPOINT [\"node\", \"/run.js\"]\n";
        fs_err::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let built =
            Command::new("docker").args(["build", "--tag", &name]).arg(folder.path()).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self(name)
    }

    fn pipeline(&self) -> String {
        format!(
            r#"
version: 1
steps:
  leak:
    kind: plugin
    image: {}
    secrets: [PLUGIN_TOKEN]
  web:
    kind: service
    needs: [leak]
    image: pierhead/node:22
    command:
      - node
      - -e
      - |
        console.log('given', process.env.LEFT);
        const hash = require('crypto').createHash('sha256').update(process.env.LEFT).digest('hex');
        require('http').createServer((_, r) => r.end(hash)).listen(8080);
    public: 8080
    variables: {{ LEFT: "${{{{ steps.leak.outputs.left }}}}" }}
    stop_grace_s: 1
"#,
            self.0
        )
    }
}

impl Drop for PluginImage {
    fn drop(&mut self) {
        run("docker", &["image", "rm", "--force", &self.0]);
    }
}

/// Asks, and keeps every answer for the search.
struct Asker<'s> {
    server: &'s Server,
    answers: Vec<(String, String)>,
}

impl Asker<'_> {
    async fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.server.call(method, path, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        self.answers.push((format!("{method} {path}"), answer.to_string()));
        answer
    }

    /// An answer that shows a secret, once.
    async fn reveal(&self, path: &str, body: Option<Value>, field: &str) -> String {
        let (status, answer) = self.server.call("POST", path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer[field].as_str().unwrap().to_owned()
    }

    /// Every question without side effects that the document knows, as far as its names can be filled in.
    async fn crawl(&mut self, project: &str, deployment: &str) {
        let document = self.server.get("/openapi.json").await;
        for (path, methods) in document["paths"].as_object().unwrap() {
            let path = path.strip_prefix("/api/v1").unwrap_or(path);
            let filled = [
                ("{project}", project),
                ("{deployment}", deployment),
                ("{id}", deployment),
                ("{slot}", "production"),
                ("{environment}", "local"),
                ("{registry}", "private"),
                ("{service}", "web"),
                ("{plugin}", "leaky"),
                ("{node}", "local"),
                ("{number}", "1"),
            ]
            .iter()
            .fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
            let endless = path.contains("stream") || path == "/events";
            if methods.get("get").is_some() && !filled.contains('{') && !endless {
                let (status, answer) = self.server.call("GET", &filled, None).await;
                self.answers.push((format!("{status} {filled}"), answer.to_string()));
            }
        }
        for query in ["variables?show=all", "variables?slot=production&show=in_force"] {
            self.ask("GET", &format!("/projects/{project}/{query}"), None).await;
        }
        self.answers.push((deployment.to_owned(), self.server.log_of(deployment).await.join("\n")));
    }
}

fn kill_containers(node: &str) {
    let filter = format!("label=pierhead.node={node}");
    for id in run("docker", &["ps", "--quiet", "--filter", &filter]).lines() {
        run("docker", &["kill", id]);
    }
}

/// Where the platform of a run is.
struct Stage {
    server: Server,
    /// On another machine, as far as the server can tell.
    agent: Option<NodeAgent>,
    variables: Vec<(&'static str, String)>,
}

impl Stage {
    fn node(&self) -> String {
        self.agent.as_ref().map_or_else(|| self.server.node(), NodeAgent::id).to_owned()
    }

    /// Everything is killed, and starts again after `meanwhile`.
    async fn die(&mut self, meanwhile: impl FnOnce()) {
        self.server.kill();
        if let Some(agent) = &mut self.agent {
            agent.kill();
        }
        meanwhile();
        if let Some(agent) = &mut self.agent {
            agent.boot();
        }
        let variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(key, value)| (*key, &**value)).collect();
        self.server.boot(&variables).await;
    }
}

/// Deploys a repository and a pipeline with secrets everywhere, lets things die, and looks everywhere; `dump` is the database.
async fn nothing_is_found(stage: &mut Stage, dump: impl FnOnce() -> Vec<u8>) {
    let files = [("package.json", PACKAGE), ("build.js", BUILD_SCRIPT), ("server.js", SERVER_SCRIPT)];
    let git = GitServer::start(&[("shop", &files)]);
    let plugin = PluginImage::build();
    let mut asker = Asker { server: &stage.server, answers: Vec::new() };
    let source = json!({ "name": "shop", "source": { "repository": git.url("shop") } });
    asker.ask("POST", "/projects", Some(source)).await;
    asker.ask("POST", "/projects", Some(json!({ "name": "tools" }))).await;
    let secret = |value: &str, exposure| json!({ "value": value, "secret": true, "exposure": exposure });
    for (path, body) in [
        ("/projects/shop/variables/BUILD_TOKEN", secret(BUILD, "build")),
        ("/projects/shop/variables/RUNTIME_TOKEN", secret(RUNTIME, "runtime")),
        ("/projects/shop/variables/SLOT_TOKEN?slot=production", secret(OF_SLOT, "runtime")),
        ("/projects/tools/variables/PLUGIN_TOKEN", secret(PLUGIN, "plugin")),
    ] {
        asker.ask("PUT", path, Some(body)).await;
    }
    let registry =
        json!({ "name": "private", "host": "registry.example.com", "username": "ada", "password": REGISTRY });
    asker.ask("POST", "/registries", Some(registry)).await;
    asker
        .ask(
            "POST",
            "/plugins",
            Some(json!({ "name": "leaky", "image": plugin.0.trim_end_matches(":1.0.0") })),
        )
        .await;
    let (status, saved) =
        stage.server.put_text("/projects/tools/pipeline", "application/yaml", &plugin.pipeline()).await;
    assert_eq!(status, 201, "{saved:#}");
    // These two are shown once, and then never again.
    let hook = asker.reveal("/projects/shop/source/secret", None, "secret").await;
    let token = asker.reveal("/tokens", Some(json!({ "name": "test", "scopes": ["read"] })), "token").await;
    let master = fs_err::read_to_string(stage.server.data_dir().join("master.key")).unwrap();
    let mut secrets = vec![
        ("build", BUILD),
        ("runtime", RUNTIME),
        ("slot", OF_SLOT),
        ("plugin", PLUGIN),
        ("registry", REGISTRY),
        ("password", Server::PASSWORD),
        ("webhook", &hook),
        ("token", &token),
        ("master key", master.trim()),
    ];
    let left = left_by_the_plugin();
    secrets.push(("what the plugin left", &left));
    secrets.extend(stage.agent.as_ref().map(|agent| ("agent", agent.token.as_str())));
    let search = Search::new(&secrets);
    assert_eq!(search.found(format!("x{BUILD}y").as_bytes()), ["build"], "the search finds");
    assert_eq!(search.found(BASE64.encode(format!("xx{OF_SLOT}y")).as_bytes()), ["slot"]);

    let node = stage.node();
    let watcher = Watcher::start(&node);
    let live = stage.server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{:#?}", live.0, stage.server.log_of(live.id()).await);
    assert_eq!(live.0["node"], node);
    let tools = stage.server.deploy_project("tools").await;
    assert_eq!(tools.state(), "PRODUCTION", "{:#}\n{:#?}", tools.0, stage.server.log_of(tools.id()).await);
    // The build had its own secret and not that of the running service, which has its own two.
    let page = format!("{} {} {}", sha256(RUNTIME), sha256(OF_SLOT), sha256(BUILD));
    let (of_tools, tools_page) = ("web.production.local.localhost", sha256(&left));
    let up = async |server: &Server| {
        server.until_visit("shop.localhost", |status, text| (status, text) == (200, &page)).await;
        server.until_visit(of_tools, |status, text| (status, text) == (200, &tools_page)).await;
    };
    up(&stage.server).await;
    // A process that ends is started again with them, also by an agent that was killed meanwhile.
    kill_containers(&node);
    up(&stage.server).await;
    let mut answers = asker.answers;
    stage.die(|| kill_containers(&node)).await;
    up(&stage.server).await;
    let seen = watcher.end();
    let inspected = |name: &str| seen.keys().any(|it| it.starts_with("inspect") && it.contains(name));
    assert!(inspected("leak") && inspected("web") && inspected("build"), "{:?}", seen.keys());

    for (place, content) in &seen {
        search.nothing_in(place, content.as_bytes());
    }
    let mut asker = Asker { server: &stage.server, answers: Vec::new() };
    asker.crawl("shop", live.id()).await;
    asker.crawl("tools", tools.id()).await;
    answers.append(&mut asker.answers);
    for (place, answer) in answers {
        search.nothing_in(&place, answer.as_bytes());
    }
    let lines = stage.server.log_of(live.id()).await.join("\n");
    assert!(lines.contains("building with [secret]") && lines.contains("starting with [secret]"), "{lines}");
    let lines = stage.server.log_of(tools.id()).await.join("\n");
    assert!(lines.contains("called with [secret]") && lines.contains("given [secret]"), "{lines}");
    search.nothing_in("the server's log", stage.server.log().as_bytes());
    if let Some(agent) = &stage.agent {
        search.nothing_in("the agent's log", agent.log().as_bytes());
    }
    for image in run("docker", &["images", "--quiet", "--no-trunc"]).lines() {
        search.nothing_in(image, run("docker", &["history", "--no-trunc", image]).as_bytes());
        search.nothing_in(image, run("docker", &["image", "inspect", image]).as_bytes());
    }
    let dump = dump();
    assert!(memchr::memmem::find(&dump, b"RUNTIME_TOKEN").is_some(), "the dump is one of this database");
    let found = search.found(&dump);
    assert!(found.is_empty(), "{found:?} in the database");
    // The database is among these, with all that was ever written to its file and its journal.
    let (mut files, mut folders) = (0, vec![stage.server.data_dir()]);
    folders.extend(stage.agent.as_ref().map(NodeAgent::data_dir));
    for entry in folders.iter().flat_map(walkdir::WalkDir::new) {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_file() && entry.file_name() != "master.key" {
            files += 1;
            let Ok(content) = fs_err::read(entry.path()) else { continue };
            let found = search.found(&content);
            assert!(found.is_empty(), "{found:?} in {}", entry.path().display());
        }
    }
    assert!(files > 10, "{files}");
    stage.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_run_is_found_anywhere() {
    let server = Server::start(BINARY).await;
    let database = server.data_dir().join("pierhead.db");
    let mut stage = Stage { server, agent: None, variables: Vec::new() };
    let script = "import sqlite3, sys\nfor line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    let dump = || run("python3", &["-c", script, database.to_str().unwrap()]).into_bytes();
    nothing_is_found(&mut stage, dump).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_in_postgresql_or_on_another_node() {
    let database = Database::create();
    let mut server = Server::unstarted(BINARY);
    let variables = vec![("PIERHEAD_DATABASE_URL", database.url.clone())];
    server.boot(&[("PIERHEAD_DATABASE_URL", &database.url)]).await;
    server.call("POST", "/nodes/local/cordon", None).await;
    let mut agent = NodeAgent::unstarted(BINARY);
    let far = json!({ "name": "far", "address": format!("127.0.0.1:{}", agent.port) });
    let (status, added) = server.call("POST", "/environments/local/nodes", Some(far)).await;
    assert_eq!(status, 201, "{added}");
    agent.is(&added);
    agent.boot();
    let begun = Instant::now();
    while server.get("/nodes/far").await["status"] != "online" {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}\n{}", server.log(), agent.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut stage = Stage { server, agent: Some(agent), variables };
    nothing_is_found(&mut stage, || database.dump()).await;
}

/// A database of the test's own on the PostgreSQL that `make test` starts; dropping it removes it.
struct Database {
    administration: String,
    name: String,
    url: String,
}

impl Database {
    fn create() -> Self {
        let administration = std::env::var("PIERHEAD_TEST_POSTGRES_URL").expect(
            "PIERHEAD_TEST_POSTGRES_URL is not set: run the tests with `make test`, which starts PostgreSQL",
        );
        let name = format!("pierhead_{}", hex::encode(rand::random::<[u8; 8]>()));
        let mut url = url::Url::parse(&administration).unwrap();
        url.set_path(&name);
        let database = Self { administration, name, url: url.to_string() };
        database.sql(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn sql(&self, statement: &str) {
        let told = Command::new("psql")
            .args(["--quiet", "--command", statement, &self.administration])
            .output()
            .unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    }

    fn dump(&self) -> Vec<u8> {
        let dump = Command::new("pg_dump").args(["--inserts", &self.url]).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        dump.stdout
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ =
            Command::new("psql").args(["--quiet", "--command", &statement, &self.administration]).output();
    }
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

/// Something that is sealed; the keys there are.
async fn sealed(server: &Server) -> Value {
    let (status, made) = server.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    assert_eq!(status, 201, "{made}");
    let secret = json!({ "value": RUNTIME, "secret": true });
    assert_eq!(server.call("PUT", "/projects/shop/variables/TOKEN", Some(secret)).await.0, 200);
    server.get("/keys").await
}

/// Sealing and opening go well: a change reads what is there, and a sign-in opens the key that signs it.
async fn works(server: &Server) {
    let change = json!({ "value": OF_SLOT, "secret": true });
    let (status, answer) = server.call("PUT", "/projects/shop/variables/OTHER", Some(change)).await;
    assert_eq!(status, 200, "{answer}");
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_exchanges_the_master_key_while_everything_runs_and_after_a_kill() {
    let mut server = Server::start(BINARY).await;
    let before = sealed(&server).await;
    let file = server.data_dir().join("master.key");
    let mut last = before["master"].clone();
    let first_key = fs_err::read_to_string(&file).unwrap();
    let (status, after) = server.call("POST", "/keys/rotate", None).await;
    assert_eq!(status, 200, "{after}");
    assert_ne!(after["master"], last);
    assert_eq!(
        after["data_keys"].as_array().unwrap().len(),
        before["data_keys"].as_array().unwrap().len() + 1
    );
    assert_eq!(fs_err::read_to_string(server.data_dir().join("master.key.previous")).unwrap(), first_key);
    works(&server).await;
    let told = server.get("/audit?action=keys.rotate").await;
    assert_eq!(
        (&told["items"][0]["before"]["master"], &told["items"][0]["after"]["master"]),
        (&last, &after["master"])
    );
    last = after["master"].clone();
    for point in ["control.data_key_wrapped_again", "control.master_key_exchanged"] {
        server.kill();
        server.boot_armed(point).await;
        assert!(server.try_call("POST", "/keys/rotate", &json!({})).await.is_none(), "{point}");
        assert!(
            server.died_within(Duration::from_secs(60)).await,
            "{point} was not passed\n{}",
            server.log()
        );
        // What it had begun is carried to its end.
        server.boot(&[]).await;
        let found = server.get("/keys").await;
        assert_ne!(found["master"], last, "{point}");
        works(&server).await;
        last = found["master"].clone();
    }
    server.kill();
    let old = [("PIERHEAD_MASTER_KEY", first_key.trim())];
    server.boot_armed_with("control.master_key_exchanged", &old).await;
    assert!(server.died_within(Duration::from_secs(60)).await, "the first key still opens something");
    assert!(server.log().contains("does not fit this database"), "{}", server.log());
    // Given as a variable, it cannot be exchanged without a restart, and that is said.
    let newest = fs_err::read_to_string(&file).unwrap();
    server.boot(&[("PIERHEAD_MASTER_KEY", newest.trim())]).await;
    let (status, refused) = server.call("POST", "/keys/rotate", None).await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("PIERHEAD_MASTER_KEY_PREVIOUS"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_moves_into_vault_and_the_server_outlives_it() {
    let mut server = Server::start(BINARY).await;
    sealed(&server).await;
    server.kill();
    let mut vault = Vault::unstarted();
    let (url, token) = (vault.url.clone(), vault.token());
    let variables = [("PIERHEAD_VAULT_ADDRESS", &*url), ("PIERHEAD_VAULT_TOKEN", &*token)];
    // It is away when the server starts, and comes later.
    let log = server.data_dir().parent().unwrap().join("log");
    tokio::join!(server.boot(&variables), async {
        while !fs_err::read_to_string(&log).unwrap().contains("the start waits for it") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        vault.answer().await;
    });
    assert_eq!(server.get("/keys").await["master"], "vault:transit/pierhead");
    works(&server).await;
    // The key of the data directory opens nothing any more.
    server.kill();
    server.boot_armed("control.master_key_exchanged").await;
    assert!(server.died_within(Duration::from_secs(60)).await, "it started without Vault");
    server.boot(&variables).await;

    vault.rotate();
    let (status, rotated) = server.call("POST", "/keys/rotate", None).await;
    assert_eq!(status, 200, "{rotated}");
    vault.retire();
    vault.stop().await;
    works(&server).await;
    let (status, refused) = server.call("POST", "/keys/rotate", None).await;
    assert_eq!(status, 503, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("cannot be reached"), "{refused}");
    vault.answer().await;
    server.kill();
    server.boot(&variables).await;
    works(&server).await;

    // A token that may not is a clear end, and nothing is kept waiting.
    server.kill();
    let wrong = [("PIERHEAD_VAULT_ADDRESS", &*url), ("PIERHEAD_VAULT_TOKEN", "hvs.wrong")];
    server.boot_armed_with("control.master_key_exchanged", &wrong).await;
    assert!(server.died_within(Duration::from_secs(60)).await, "it started with a token that may nothing");
    let log = server.log();
    assert!(log.contains("403 Forbidden") && log.contains("transit/decrypt/pierhead"), "{log}");
    assert!(!log.contains("hvs.wrong") && !log.contains(&token), "{log}");
}
