//! A `pierhead up` of the test's own.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const EMAIL: &str = "admin@example.com";
/// Far longer than anything here takes; only to end a test that hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// A server, signed in to. Dropping it ends it and removes everything of it from the engine.
#[derive(Debug)]
pub struct Server {
    binary: String,
    process: Option<Child>,
    folder: tempfile::TempDir,
    api_port: u16,
    pub ingress_port: u16,
    http: reqwest::Client,
    token: String,
    node: String,
    subnet_pool: String,
}

/// A deployment that is live or has ended.
#[derive(Debug, Clone)]
pub struct Ended(pub Value);

impl Ended {
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    pub fn state(&self) -> &str {
        self.0["state"].as_str().unwrap()
    }

    pub fn reason(&self) -> &str {
        self.0["reason"].as_str().unwrap_or_default()
    }
}

impl Server {
    /// Of its administrator.
    pub const PASSWORD: &'static str = "correct-tests-battery-7Hq";

    /// Starts `binary`; its runtimes are made first where they are missing.
    pub async fn start(binary: &str) -> Self {
        let mut server = Self::unstarted(binary);
        server.boot(&[]).await;
        server
    }

    /// A server whose data directory is empty and that does not run yet.
    pub fn unstarted(binary: &str) -> Self {
        let (api_port, ingress_port) = (free_port(), free_port());
        // Servers of other tests choose other pools, so that they do not take each other's subnets all the time.
        let subnet_pool = format!("10.{}.{}.0/24", rand::random_range(212..250_u8), rand::random::<u8>());
        Self {
            binary: binary.to_owned(),
            process: None,
            folder: tempfile::tempdir().unwrap(),
            api_port,
            ingress_port,
            http: reqwest::Client::new(),
            token: String::new(),
            node: String::new(),
            subnet_pool,
        }
    }

    /// Uses another range for networks; before the first start.
    pub fn set_subnet_pool(&mut self, pool: &str) {
        pool.clone_into(&mut self.subnet_pool);
    }

    /// Starts the process again, with more environment variables.
    pub async fn boot(&mut self, variables: &[(&str, &str)]) {
        self.spawn(variables);
        self.until_ready().await;
        let signed_in = self
            .http
            .post(self.api("/auth/login"))
            .json(&json!({ "email": EMAIL, "password": Self::PASSWORD }))
            .send()
            .await
            .unwrap();
        self.token = signed_in.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let nodes = self.get("/environments/local/nodes").await;
        let local = nodes["items"].as_array().unwrap().iter().find(|node| node["name"] == "local").unwrap();
        self.node = local["id"].as_str().unwrap().to_owned();
    }

    /// Starts the process with a crash point armed; what it had left to do may make it die before anybody asked.
    pub async fn boot_armed(&mut self, point: &str) {
        self.boot_armed_with(point, &[]).await;
    }

    /// The same, with more environment variables.
    pub async fn boot_armed_with(&mut self, point: &str, variables: &[(&str, &str)]) {
        self.spawn(&[&[("PIERHEAD_CRASH_AT", point)], variables].concat());
        let deadline = Instant::now() + Duration::from_secs(60);
        let url = format!("http://127.0.0.1:{}/readyz", self.api_port);
        while !self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let died = self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_some());
            assert!(Instant::now() < deadline, "the server did not start:\n{}", self.log());
            if died {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn spawn(&mut self, variables: &[(&str, &str)]) {
        let log = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let process = Command::new(&self.binary)
            .arg("up")
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(["--listen", &format!("127.0.0.1:{}", self.api_port)])
            .args(["--ingress-listen", &format!("127.0.0.1:{}", self.ingress_port)])
            .env("PIERHEAD_ADMIN_EMAIL", EMAIL)
            .env("PIERHEAD_ADMIN_PASSWORD", Self::PASSWORD)
            .env("PIERHEAD_ALLOW_ADDRESSES", "127.0.0.0/8")
            .env("PIERHEAD_SUBNET_POOL", &self.subnet_pool)
            // Tests leave the machine's packet filter alone, but for the one that is about it.
            .env("PIERHEAD_FIREWALL", "false")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_file())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    async fn until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let url = format!("http://127.0.0.1:{}/readyz", self.api_port);
        while !self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < deadline, "the server did not start:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Waits until the process has died by itself; false when it lives on for so long.
    pub async fn died_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let Some(process) = &mut self.process else { return true };
        loop {
            if process.try_wait().unwrap().is_some() {
                self.process = None;
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As `kill -STOP` and `kill -CONT` do.
    pub fn pause(&self, paused: bool) {
        crate::process::pause(self.process.as_ref(), paused);
    }

    pub const fn ingress_port(&self) -> u16 {
        self.ingress_port
    }

    pub fn log(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where the server keeps its files.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Where a command line finds it, and with what it may do everything.
    pub fn command_line(&self) -> [(&'static str, String); 2] {
        let url = format!("http://127.0.0.1:{}", self.api_port);
        [("PIERHEAD_URL", url), ("PIERHEAD_TOKEN", self.token.clone())]
    }

    pub fn api(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/v1{path}", self.api_port)
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.api(path)).bearer_auth(&self.token).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The status and the document.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), self.api(path)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The document of a good answer; `None` when the server did not answer, or not well.
    pub async fn try_call(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let request =
            self.http.request(method.parse().unwrap(), self.api(path)).bearer_auth(&self.token).json(body);
        let answer = request.send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    /// A document that is not JSON: the status and the document of the answer.
    pub async fn put_text(&self, path: &str, kind: &str, text: &str) -> (u16, Value) {
        let request = self.http.put(self.api(path)).bearer_auth(&self.token);
        let request = request.header("content-type", kind).body(text.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Sends a webhook; `None` when the server did not answer.
    pub async fn hook(&self, path: &str, hook: &crate::Hook) -> Option<(u16, Value)> {
        let request = self
            .http
            .post(self.api(path))
            .header("content-type", "application/json")
            .header("x-github-event", &hook.event)
            .header("x-github-delivery", &hook.delivery)
            .header("x-hub-signature-256", &hook.signature)
            .timeout(Duration::from_secs(10))
            .body(hook.body.clone());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    }

    /// Deploys and waits for the end.
    pub async fn deploy(&self, body: Value) -> Ended {
        let (status, accepted) = self.call("POST", "/deployments", Some(body)).await;
        assert_eq!(status, 202, "{accepted}");
        self.settled(accepted["id"].as_str().unwrap()).await
    }

    pub async fn deploy_project(&self, project: &str) -> Ended {
        let (status, accepted) =
            self.call("POST", &format!("/projects/{project}/deployments"), Some(json!({}))).await;
        assert_eq!(status, 202, "{accepted}");
        self.settled(accepted["id"].as_str().unwrap()).await
    }

    /// Until the deployment is live or has ended.
    pub async fn settled(&self, id: &str) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.get(&format!("/deployments/{id}?wait=5")).await;
            if !matches!(now["state"].as_str(), Some("QUEUED" | "BUILDING" | "PROVISIONING")) {
                return Ended(now);
            }
            assert!(Instant::now() < deadline, "{id} does not end: {now}\n{}", self.log());
        }
    }

    /// What a visitor of `host` gets.
    pub async fn visit(&self, host: &str, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.ingress_port);
        let answer = self.http.get(url).header("host", host).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Waits until a visitor gets what is expected.
    pub async fn until_visit(&self, host: &str, expected: impl Fn(u16, &str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (status, text) = self.visit(host, "/").await;
            if expected(status, &text) {
                return;
            }
            assert!(Instant::now() < deadline, "{host} still answers {status}: {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The text of a deployment's log.
    pub async fn log_of(&self, id: &str) -> Vec<String> {
        let page = self.get(&format!("/deployments/{id}/logs?limit=10000")).await;
        page["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The text of one step of a deployment's log, however long it is.
    pub async fn log_of_step(&self, id: &str, step: &str) -> Vec<String> {
        let (mut texts, mut after) = (Vec::new(), 0);
        loop {
            let page =
                self.get(&format!("/deployments/{id}/logs?limit=10000&after={after}&step={step}")).await;
            let lines = page["lines"].as_array().unwrap();
            let Some(last) = lines.last() else { return texts };
            after = last["number"].as_u64().unwrap();
            texts.extend(lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()));
        }
    }

    /// All invariants hold.
    pub async fn verify(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let verdict = self.get("/verify").await;
            if verdict["ok"] == true {
                return;
            }
            assert!(Instant::now() < deadline, "{verdict:#}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The id of the node that runs in this server's own process, as labels in the engine name it.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Names of this server's objects in the engine: containers, networks, volumes.
    pub fn engine_objects(&self) -> Vec<String> {
        let filter = format!("label=pierhead.node={}", self.node);
        let mut found = Vec::new();
        for arguments in [
            ["ps", "--all", "--format", "{{.Names}}"].as_slice(),
            &["network", "ls", "--format", "{{.Name}}"],
            &["volume", "ls", "--format", "{{.Name}}"],
        ] {
            let output = Command::new("docker").args(arguments).args(["--filter", &filter]).output().unwrap();
            found.extend(String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned));
        }
        found
    }

    /// The name of the container of a deployment's step.
    pub fn container_of(&self, deployment: &str, step: &str) -> String {
        crate::engine::container_of(deployment, step)
    }

    /// Where a container of a deployment's step is in its network.
    pub fn address_of(&self, deployment: &str, step: &str) -> String {
        crate::engine::address_of(&self.container_of(deployment, step))
    }

    /// Runs a command in a container; its exit code.
    pub fn exec(&self, container: &str, command: &[&str]) -> i32 {
        let status = Command::new("docker").args(["exec", container]).args(command).status().unwrap();
        status.code().unwrap()
    }

    /// Kills the first process of a container.
    pub fn kill_container(&self, container: &str) {
        let killed = Command::new("docker").args(["kill", container]).output().unwrap();
        assert!(killed.status.success(), "{killed:?}");
    }

    /// Waits until the engine holds objects of exactly these deployments.
    pub async fn until_engine_holds_only(&self, deployments: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let objects = self.engine_objects();
            let stray: Vec<&String> =
                objects.iter().filter(|name| !deployments.iter().any(|id| name.contains(id))).collect();
            if stray.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left over: {stray:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        crate::engine::remove_all_of(&self.node);
        if std::thread::panicking() {
            let kept = std::env::temp_dir().join(format!("pierhead-test-{}.log", std::process::id()));
            let _ = fs_err::copy(self.folder.path().join("log"), &kept);
        }
    }
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
