//! Ingresses on other machines: real processes behind a real network that is cut.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, RemoteIngress, Server, Wire};
use serde_json::{Value, json};

use super::{BINARY, PACKAGE, SERVICE};

const LIMIT: Duration = Duration::from_secs(120);

/// A control plane, and a wire to it.
struct Platform {
    server: Server,
    wire: Wire,
    git: GitServer,
    /// Where it is called.
    port: u16,
}

impl Platform {
    async fn start() -> Self {
        let service: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", SERVICE)];
        // The second file is larger than what the ingress keeps in memory.
        let page: &[(&str, &str)] = &[("index.html", "version 1"), ("large.txt", &"large ".repeat(2 << 20))];
        let git = GitServer::start(&[("shop", service), ("page", page)]);
        let server = Server::unstarted(BINARY);
        let mut this = Self { server, wire: Wire::lay(), git, port: pierhead_testkit::free_port() };
        this.boot().await;
        this
    }

    async fn boot(&mut self) {
        let address = format!("0.0.0.0:{}", self.port);
        self.server.boot(&[("PIERHEAD_AGENT_LISTEN", &address)]).await;
    }

    async fn added(&self, name: &str) -> Value {
        let (status, added) = self.server.call("POST", "/ingresses", Some(json!({ "name": name }))).await;
        assert_eq!((status, &added["status"]), (201, &json!("pending")), "{added}");
        added
    }

    async fn ingress(&self, name: &str) -> RemoteIngress {
        let added = self.added(name).await;
        let mut ingress =
            RemoteIngress::unstarted(BINARY, &added, format!("{}:{}", self.wire.far(), self.port));
        ingress.boot();
        self.until(name, "online and current", |it| it["status"] == "online" && it["current"] == true).await;
        ingress
    }

    async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.server.get(&format!("/ingresses/{name}")).await;
            if holds(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < LIMIT, "not {what}: {shown:#}\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_problem(&self, name: &str, code: &str) -> Value {
        self.until(name, code, |it| it["status"] != "online" && it["problem"]["code"] == code).await
    }

    /// Its id.
    async fn deploy(&self, repository: &str) -> String {
        let live = self.server.deploy(json!({ "repository": self.git.url(repository) })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, self.server.log());
        live.id().to_owned()
    }
}

async fn until_visited(ingress: &RemoteIngress, host: &str, expected: impl Fn(u16, &str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let (status, text) = ingress.visit(host, "/").await;
        if expected(status, &text) {
            return text;
        }
        assert!(begun.elapsed() < LIMIT, "{host}: still {status}: {text}\n{}", ingress.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_kept(ingress: &RemoteIngress, file: &str, shown: &str) {
    let (begun, path) = (Instant::now(), ingress.kept().join(file));
    while !fs_err::read_to_string(&path).is_ok_and(|text| text.contains(shown)) {
        assert!(begun.elapsed() < LIMIT, "{} does not have {shown}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ing_4_an_ingress_on_another_machine_serves_wakes_and_outlives_its_control_plane() {
    let mut platform = Platform::start().await;
    let (mut ingress, second) = (platform.ingress("berlin").await, platform.ingress("tokyo").await);
    platform.deploy("page").await;
    let shop = platform.deploy("shop").await;
    for ingress in [&ingress, &second] {
        until_visited(ingress, "page.localhost", |_, text| text == "version 1").await;
        until_visited(ingress, "shop.localhost", |status, _| status == 200).await;
    }
    let (status, large) = ingress.visit("page.localhost", "/large.txt").await;
    assert_eq!((status, large.len()), (200, 6 * (2 << 20)));

    // It says what is needed, and wakes what sleeps.
    let (status, _) =
        platform.server.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": 1 }))).await;
    assert_eq!(status, 200);
    let begun = Instant::now();
    while platform.server.get(&format!("/deployments/{shop}")).await["conditions"]["asleep"] != true {
        assert!(begun.elapsed() < LIMIT, "it does not sleep\n{}", platform.server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until_visited(&ingress, "shop.localhost", |status, _| status == 200).await;
    platform.server.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": 0 }))).await;
    until_visited(&ingress, "shop.localhost", |status, _| status == 200).await;

    // Behind a cut wire sites are served on, services are away, and both come back.
    platform.wire.cut();
    platform.until("berlin", "offline", |it| it["status"] == "offline").await;
    assert_eq!(ingress.visit("page.localhost", "/").await, (200, "version 1".to_owned()));
    until_visited(&ingress, "shop.localhost", |status, _| status == 502 || status == 503 || status == 504)
        .await;
    platform.wire.heal();
    platform.until("berlin", "online", |it| it["status"] == "online").await;
    until_visited(&ingress, "shop.localhost", |status, _| status == 200).await;

    // A start needs nobody.
    until_kept(&ingress, "routes", "page.localhost").await;
    platform.server.kill();
    ingress.kill();
    ingress.boot();
    until_visited(&ingress, "page.localhost", |_, text| text == "version 1").await;

    // The control plane comes back and is followed again.
    platform.boot().await;
    platform.git.change("page", &[("index.html", "version 2")]);
    let live = platform.server.deploy_project("page").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    for ingress in [&ingress, &second] {
        until_visited(ingress, "page.localhost", |_, text| text == "version 2").await;
        until_visited(ingress, "shop.localhost", |status, _| status == 200).await;
    }
    platform.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_an_ingress_without_the_token_or_with_another_certificate_is_told_nothing_until_it_is_let_in_again()
 {
    let platform = Platform::start().await;
    let (mut ingress, other) = (platform.ingress("berlin").await, platform.added("tokyo").await);
    platform.deploy("page").await;
    until_visited(&ingress, "page.localhost", |_, text| text == "version 1").await;

    // Its token is exchanged: the old one is dead at once, and the process that has it is told nothing.
    let (status, rotated) = platform.server.call("POST", "/ingresses/berlin/rotate-token", None).await;
    assert_eq!(status, 200, "{rotated}");
    platform.until_problem("berlin", "wrong_token").await;
    ingress.kill();
    ingress.token = rotated["token"].as_str().unwrap().to_owned();
    ingress.boot();
    platform.until("berlin", "online", |it| it["status"] == "online").await;

    // The right token with another certificate waits for an administrator.
    ingress.kill();
    fs_err::remove_file(ingress.kept().join("link.pem")).unwrap();
    ingress.boot();
    let shown = platform.until_problem("berlin", "certificate_changed").await;
    assert_eq!(shown["status"], "untrusted");
    let approve = |thumbprint: &Value| json!({ "thumbprint": thumbprint });
    let path = "/ingresses/berlin/approve-certificate";
    let (status, _) = platform.server.call("POST", path, Some(approve(&shown["thumbprint"]))).await;
    assert_eq!(status, 409, "that is not the one that is shown");
    let (status, _) = platform.server.call("POST", path, Some(approve(&shown["shown_thumbprint"]))).await;
    assert_eq!(status, 200);
    platform.until("berlin", "online", |it| it["status"] == "online").await;

    // What is taken away ends at once; what it was told it serves.
    let (status, revoked) = platform.server.call("POST", "/ingresses/berlin/revoke-token", None).await;
    assert_eq!((status, &revoked["status"]), (200, &json!("offline")), "{revoked}");
    assert_eq!(revoked["problem"]["code"], "token_revoked");
    platform.git.change("page", &[("index.html", "version 2")]);
    let live = platform.server.deploy_project("page").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    assert_eq!(ingress.visit("page.localhost", "/").await, (200, "version 1".to_owned()));

    let list = platform.server.get("/ingresses").await;
    let names: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["berlin", "tokyo"]);
    assert_eq!(platform.server.call("DELETE", "/ingresses/berlin", None).await.0, 204);
    assert_eq!(platform.server.call("GET", "/ingresses/berlin", None).await.0, 404);
    // A token of nobody any more gets nobody else in.
    assert_eq!(platform.server.get("/ingresses/tokyo").await["status"], "pending");
    assert_ne!(other["token"], rotated["token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ing_2_certificates_reach_an_ingress_on_another_machine_and_are_served_without_the_control_plane() {
    let mut platform = Platform::start().await;
    let mut ingress = platform.ingress("berlin").await;
    platform.deploy("page").await;
    let made = rcgen::generate_simple_self_signed(vec!["page.localhost".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let sent = json!({ "chain": chain, "key": key });
    assert_eq!(platform.server.call("POST", "/certificates", Some(sent)).await.0, 201);
    let address = SocketAddr::from(([127, 0, 0, 1], ingress.tls_port));
    // No other certificate than this one is trusted.
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .resolve("page.localhost", address)
        .tls_certs_only([reqwest::Certificate::from_pem(chain.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://page.localhost:{}/", ingress.tls_port);
    let until_served = async || {
        let begun = Instant::now();
        loop {
            let seen = match client.get(&url).send().await {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => format!("{error:?}"),
            };
            if seen == "version 1" {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{seen}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until_served().await;
    until_kept(&ingress, "routes", "page.localhost").await;
    until_kept(&ingress, "certificates", "page.localhost").await;
    platform.server.kill();
    ingress.kill();
    ingress.boot();
    until_served().await;
}
