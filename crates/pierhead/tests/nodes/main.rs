//! Nodes on other machines: real agents behind a real network that is cut, with real Docker below.
//!
//! Each test is named after the promise it holds the platform to. Needs root: networks are namespaces.

mod ingresses;
mod shares;

use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Machine, NodeAgent, Relay, Server, Wire};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

const PACKAGE: &str = r#"{ "scripts": { "start": "node server.js" } }"#;
/// Says when it was started, and echoes what a WebSocket's visitor would: bytes after an upgrade.
const SERVICE: &str = r#"
const http = require('http');
const started = String(Date.now());
const server = http.createServer((request, response) => response.end(started));
server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
});
server.listen(process.env.PORT, '0.0.0.0');
"#;
const DOCKERFILE: &str = "FROM pierhead/node:22\nCOPY server.js /app/server.js\nENV PORT=8080\nEXPOSE 8080\nCMD [\"node\", \"/app/server.js\"]\n";
/// Prints a numbered line ten times a second for some twenty seconds.
const SLOW_PACKAGE: &str = r#"{ "scripts": { "build": "node build.js", "start": "node server.js" } }"#;
const SLOW_BUILD: &str = r#"
let line = 0;
const timer = setInterval(() => {
    console.log('line ' + line++);
    if (line === 200) clearInterval(timer);
}, 100);
"#;

/// A control plane whose only node that takes work is on the other end of a wire.
struct World {
    server: Server,
    agent: NodeAgent,
    wire: Wire,
    git: GitServer,
}

impl World {
    async fn start() -> Self {
        let service: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", SERVICE)];
        let slow: &[(&str, &str)] =
            &[("package.json", SLOW_PACKAGE), ("build.js", SLOW_BUILD), ("server.js", SERVICE)];
        let git =
            GitServer::start(&[("shop", service), ("slow", slow), ("page", &[("index.html", "hello")])]);
        let server = Server::start(BINARY).await;
        server.call("POST", "/nodes/local/cordon", None).await;
        let wire = Wire::lay();
        let mut agent = NodeAgent::unstarted(BINARY);
        let address = format!("{}:{}", wire.far(), agent.port);
        agent.is(&add(&server, json!({ "name": "far", "address": address })).await);
        agent.boot();
        let world = Self { server, agent, wire, git };
        world.until_node("online", Duration::from_secs(20)).await;
        world
    }

    async fn node(&self) -> Value {
        self.server.get("/nodes/far").await
    }

    async fn until_node(&self, status: &str, limit: Duration) -> Value {
        let begun = Instant::now();
        loop {
            let node = self.node().await;
            if node["status"] == status {
                return node;
            }
            assert!(
                begun.elapsed() < limit,
                "not {status}: {node:#}\n{}\n{}",
                self.server.log(),
                self.agent.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_problem(&self, code: &str) -> Value {
        let begun = Instant::now();
        loop {
            let node = self.node().await;
            if node["problem"]["code"] == code {
                return node;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "not {code}: {node:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Deploys the service; what it answers.
    async fn deploy_shop(&self) -> String {
        let live = self.server.deploy(json!({ "repository": self.git.url("shop") })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, self.agent.log());
        assert_eq!(live.0["node"], self.agent.id());
        let (status, started) = self.server.visit("shop.localhost", "/").await;
        assert_eq!(status, 200, "{started}");
        started
    }

    async fn until_shop(&self, limit: Duration, expected: impl Fn(u16, &str) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let (status, text) = self.server.visit("shop.localhost", "/").await;
            if expected(status, &text) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < limit, "still {status}: {text}\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn add(server: &Server, body: Value) -> Value {
    let (status, added) = server.call("POST", "/environments/local/nodes", Some(body)).await;
    assert_eq!(status, 201, "{added}");
    added
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_runs_on_another_node_and_is_reached_through_its_agent() {
    let world = World::start().await;
    let page = world.server.deploy(json!({ "repository": world.git.url("page") })).await;
    assert_eq!(page.state(), "PRODUCTION", "{:#}", page.0);
    assert_eq!(world.server.visit("page.localhost", "/").await, (200, "hello".to_owned()));
    world.deploy_shop().await;

    // Bytes after an upgrade go both ways.
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", world.server.ingress_port)).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let upgrade = "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(socket.read_u8().await.unwrap());
    }
    assert!(heard.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&heard));
    for round in 0..100_u32 {
        socket.write_all(&round.to_be_bytes()).await.unwrap();
        assert_eq!(socket.read_u32().await.unwrap(), round);
    }
    drop(socket);

    // What is deleted goes from the other machine too; the page stays.
    let (status, _) = world.server.call("DELETE", "/projects/shop", None).await;
    assert!(status < 300, "{status}");
    let begun = Instant::now();
    while world.node().await["allocated"]["deployments"] != 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:#}", world.node().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_a_build_goes_on_while_the_network_is_cut_for_a_minute_and_its_log_is_whole() {
    let world = World::start().await;
    let (status, accepted) =
        world.server.call("POST", "/deployments", Some(json!({ "repository": world.git.url("slow") }))).await;
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["id"].as_str().unwrap();
    let begun = Instant::now();
    while !world.server.log_of(id).await.iter().any(|line| line == "line 20") {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", world.agent.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.wire.cut();
    world.until_node("offline", Duration::from_secs(10)).await;
    // The length of the cut is the promise; the build ends meanwhile.
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.wire.heal();
    let live = world.server.settled(id).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, world.agent.log());
    let lines: Vec<String> =
        world.server.log_of(id).await.into_iter().filter(|line| line.starts_with("line ")).collect();
    let expected: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected);
    assert_eq!(world.server.visit("slow.localhost", "/").await.0, 200);
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_a_cut_is_noticed_and_what_was_not_restarted_answers_again_when_it_heals() {
    let world = World::start().await;
    let started = world.deploy_shop().await;
    world.wire.cut();
    world.until_node("offline", Duration::from_secs(10)).await;
    world.until_shop(Duration::from_secs(12), |status, _| status == 503).await;
    world.wire.heal();
    world.until_node("online", Duration::from_secs(10)).await;
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;
    // A network that loses packets is slow, not broken.
    world.wire.lose(10);
    for _ in 0..20 {
        let (status, text) = world.server.visit("shop.localhost", "/").await;
        assert_eq!((status, text.as_str()), (200, started.as_str()));
    }
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_a_network_that_loses_every_tenth_packet_costs_time_only() {
    let world = World::start().await;
    world.wire.lose(10);
    world.deploy_shop().await;
    for _ in 0..20 {
        assert_eq!(world.server.visit("shop.localhost", "/").await.0, 200);
    }
    assert_eq!(world.node().await["status"], "online");
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_nodes_far_away_are_as_good_as_near_ones() {
    let service: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", SERVICE)];
    let git = GitServer::start(&[("one", service), ("two", service), ("three", service)]);
    let server = Server::start(BINARY).await;
    server.call("POST", "/nodes/local/cordon", None).await;
    // Half a second to there and back, as from one side of the world to the other.
    let mut nodes = Vec::new();
    for name in ["sydney", "lima", "oslo"] {
        let mut agent = NodeAgent::unstarted(BINARY);
        let relay = Relay::to(agent.port, Duration::from_millis(250)).await;
        agent
            .is(&add(&server, json!({ "name": name, "address": format!("127.0.0.1:{}", relay.port) })).await);
        agent.boot();
        nodes.push((agent, relay));
    }
    let begun = Instant::now();
    for name in ["sydney", "lima", "oslo"] {
        while server.get(&format!("/nodes/{name}")).await["status"] != "online" {
            assert!(begun.elapsed() < Duration::from_secs(30), "{name} is not online\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for project in ["one", "two", "three"] {
        let live = server.deploy(json!({ "repository": git.url(project) })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
        assert_eq!(server.visit(&format!("{project}.localhost"), "/").await.0, 200);
    }
    server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r14_a_killed_agent_leaves_the_table_at_once_and_adopts_what_ran() {
    let mut world = World::start().await;
    let started = world.deploy_shop().await;
    world.agent.kill();
    world.until_shop(Duration::from_secs(2), |status, _| status == 503).await;
    world.agent.boot();
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r14_a_killed_agent_goes_on_with_the_build_it_was_in() {
    let mut world = World::start().await;
    let (_, accepted) =
        world.server.call("POST", "/deployments", Some(json!({ "repository": world.git.url("slow") }))).await;
    let id = accepted["id"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    while !world.server.log_of(&id).await.iter().any(|line| line == "line 20") {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", world.agent.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.agent.kill();
    world.agent.boot();
    let live = world.server.settled(&id).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, world.agent.log());
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_a_killed_control_plane_finds_its_nodes_and_their_work_again() {
    let mut world = World::start().await;
    let started = world.deploy_shop().await;
    let (_, accepted) =
        world.server.call("POST", "/deployments", Some(json!({ "repository": world.git.url("slow") }))).await;
    let id = accepted["id"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    while !world.server.log_of(&id).await.iter().any(|line| line == "line 20") {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", world.agent.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.server.kill();
    world.server.boot(&[]).await;
    world.until_node("online", Duration::from_secs(10)).await;
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;
    let live = world.server.settled(&id).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, world.agent.log());
    let lines = world.server.log_of(&id).await;
    assert_eq!(lines.iter().filter(|line| line.starts_with("line ")).count(), 200);
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_3_an_agent_that_hangs_is_offline_within_ten_seconds() {
    let world = World::start().await;
    world.agent.pause(true);
    world.until_node("offline", Duration::from_secs(10)).await;
    world.agent.pause(false);
    world.until_node("online", Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_1_a_changed_certificate_is_trusted_only_when_it_is_approved() {
    let mut world = World::start().await;
    let started = world.deploy_shop().await;
    let before = world.node().await["thumbprint"].clone();
    world.agent.kill();
    fs_err::remove_file(world.agent.data_dir().join("link.pem")).unwrap();
    world.agent.boot();
    let node = world.until_node("untrusted", Duration::from_secs(20)).await;
    assert_eq!((&node["thumbprint"], &node["problem"]["code"]), (&before, &json!("certificate_changed")));
    let shown = node["shown_thumbprint"].as_str().unwrap().to_owned();
    assert_ne!(before, json!(shown));
    assert!(world.agent.log().contains(&shown), "the agent prints what is to be compared");

    let approve = |thumbprint: String| {
        world.server.call("POST", "/nodes/far/approve-certificate", Some(json!({ "thumbprint": thumbprint })))
    };
    assert_eq!(approve("0".repeat(64)).await.0, 409, "another than the one that is shown");
    assert_eq!(approve("nonsense".to_owned()).await.0, 422);
    assert_eq!(world.node().await["status"], "untrusted");
    assert_eq!(approve(shown.to_uppercase()).await.0, 200);
    let node = world.until_node("online", Duration::from_secs(10)).await;
    assert_eq!(node["thumbprint"], json!(shown));
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;
    assert_eq!(approve(shown).await.0, 409, "nothing waits for approval any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_2_a_rotated_token_is_dead_at_once_and_a_revoked_one_disconnects() {
    let mut world = World::start().await;
    let started = world.deploy_shop().await;
    let (status, rotated) = world.server.call("POST", "/nodes/far/rotate-token", None).await;
    assert_eq!(status, 200, "{rotated}");
    world.until_problem("wrong_token").await;
    assert_eq!(world.node().await["status"], "offline");

    // What it runs is not touched meanwhile.
    world.agent.kill();
    world.agent.is(&rotated);
    world.agent.boot();
    world.until_node("online", Duration::from_secs(10)).await;
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;

    let (status, revoked) = world.server.call("POST", "/nodes/far/revoke-token", None).await;
    assert_eq!(status, 200, "{revoked}");
    world.until_problem("token_revoked").await;
    assert_eq!(world.node().await["status"], "offline");
    let log = world.server.log() + &world.agent.log();
    assert!(!log.contains(world.agent.token.rsplit_once('.').unwrap().1), "no log holds the token");
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_2_a_token_that_was_rotated_is_dead_though_the_control_plane_died_before_it_said_so() {
    let mut world = World::start().await;
    world.server.kill();
    world.server.boot_armed("control.rotate_token.before_disconnect").await;
    world.until_node("online", Duration::from_secs(20)).await;
    assert!(
        world.server.try_call("POST", "/nodes/far/rotate-token", &json!({})).await.is_none(),
        "it dies of it"
    );
    world.server.boot(&[]).await;
    world.until_problem("wrong_token").await;
    let (status, rotated) = world.server.call("POST", "/nodes/far/rotate-token", None).await;
    assert_eq!(status, 200, "{rotated}");
    world.agent.kill();
    world.agent.token = rotated["token"].as_str().unwrap().to_owned();
    world.agent.boot();
    world.until_node("online", Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_2_an_agent_with_another_token_is_refused_whatever_its_certificate() {
    let mut world = World::start().await;
    let other = add(&world.server, json!({ "name": "other", "address": "127.0.0.1:9" })).await;
    let own = world.agent.token.clone();
    // The right certificate with the wrong token.
    world.agent.kill();
    world.agent.token = other["token"].as_str().unwrap().to_owned();
    world.agent.boot();
    world.until_problem("wrong_token").await;
    world.agent.kill();
    world.agent.token = own;
    world.agent.boot();
    world.until_node("online", Duration::from_secs(10)).await;
    // Nobody listens at the other's address.
    assert_eq!(world.server.get("/nodes/other").await["status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_1_an_agent_that_dials_out_does_everything_that_one_that_listens_does() {
    let service: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", SERVICE)];
    let git = GitServer::start(&[("shop", service)]);
    let mut server = Server::unstarted(BINARY);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    server.boot(&[("PIERHEAD_AGENT_LISTEN", &format!("0.0.0.0:{port}"))]).await;
    server.call("POST", "/nodes/local/cordon", None).await;
    let wire = Wire::lay();
    let mut agent = NodeAgent::unstarted(BINARY);
    agent.is(&add(&server, json!({ "name": "far" })).await);
    agent.dials(format!("{}:{port}", wire.far()));
    agent.boot();
    let world = World { server, agent, wire, git };
    world.until_node("online", Duration::from_secs(20)).await;
    let started = world.deploy_shop().await;
    world.wire.cut();
    world.until_node("offline", Duration::from_secs(10)).await;
    world.wire.heal();
    world.until_node("online", Duration::from_secs(10)).await;
    world.until_shop(Duration::from_secs(10), |status, text| status == 200 && text == started).await;
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn env_7_a_drained_node_hands_its_services_over_and_can_be_removed() {
    let world = World::start().await;
    world.deploy_shop().await;
    let (status, refused) = world.server.call("DELETE", "/nodes/far", None).await;
    assert_eq!(status, 409, "{refused}");
    world.server.call("POST", "/nodes/local/uncordon", None).await;
    let (status, _) = world.server.call("POST", "/nodes/far/drain", None).await;
    assert_eq!(status, 200);
    let begun = Instant::now();
    while world.node().await["allocated"]["deployments"] != 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{:#}\n{}",
            world.node().await,
            world.server.log()
        );
        let (status, _) = world.server.visit("shop.localhost", "/").await;
        assert_eq!(status, 200, "no request fails meanwhile");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.server.call("DELETE", "/nodes/far", None).await.0, 204);
    assert_eq!(world.server.call("GET", "/nodes/far", None).await.0, 404);
    assert_eq!(world.server.visit("shop.localhost", "/").await.0, 200);
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_5_an_agent_that_lost_its_state_goes_on_from_what_it_had_told() {
    let mut world = World::start().await;
    let page = world.server.deploy(json!({ "repository": world.git.url("page") })).await;
    let before = world.deploy_shop().await;
    let live = world.server.get("/projects/shop").await["live"].as_str().unwrap().to_owned();
    let lines = world.server.log_of(&live).await;
    // A newer commit is no reason to build anything.
    world.git.change("shop", &[("server.js", "broken(")]);

    world.agent.kill();
    fs_err::remove_dir_all(world.agent.data_dir().join("agent")).unwrap();
    world.agent.boot();
    world.until_node("online", Duration::from_secs(20)).await;
    world.until_shop(Duration::from_secs(60), |status, text| status == 200 && text != before).await;
    assert_eq!(world.server.visit("page.localhost", "/").await, (200, "hello".to_owned()));
    let after = world.server.log_of(&live).await;
    assert_eq!(after[..lines.len()], lines, "what was stored stays");
    assert!(after.len() > lines.len(), "and what it says now comes behind: {after:#?}");
    let shown = world.server.get(&format!("/deployments/{live}")).await;
    assert_eq!(shown["state"], "PRODUCTION");
    assert_eq!(world.server.get(&format!("/deployments/{}", page.id())).await["state"], "PRODUCTION");
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn env_1_a_lost_node_is_removed_and_what_was_live_there_goes_live_elsewhere() {
    let mut world = World::start().await;
    let before = world.deploy_shop().await;
    let slow = json!({ "repository": world.git.url("slow") });
    let (status, building) = world.server.call("POST", "/deployments", Some(slow)).await;
    assert_eq!(status, 202, "{building}");
    let building = building["id"].as_str().unwrap().to_owned();
    let path = format!("/deployments/{building}");
    while world.server.get(&path).await["state"] != "BUILDING" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, refused) = world.server.call("DELETE", "/nodes/far?lost=true", None).await;
    assert_eq!(status, 409, "it is connected: {refused}");

    world.agent.kill();
    world.until_node("offline", Duration::from_secs(10)).await;
    world.server.call("POST", "/nodes/local/uncordon", None).await;
    let (status, _) = world.server.call("DELETE", "/nodes/far?lost=true", None).await;
    assert_eq!(status, 204);
    let ended = world.server.settled(&building).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "node_lost"));
    world.until_shop(Duration::from_secs(60), |status, text| status == 200 && text != before).await;

    // Should it come back, it is nobody.
    world.agent.boot();
    let live = world.server.get("/projects/shop").await["live"].clone();
    assert_ne!(live, Value::Null);
    assert_eq!(world.server.call("GET", "/nodes/far", None).await.0, 404);
}

/// A control plane with two nodes: its own, and a machine whose Docker has nothing.
struct TwoMachines {
    server: Server,
    agent: NodeAgent,
    git: GitServer,
}

impl TwoMachines {
    /// The other machine takes no work yet.
    async fn start() -> Self {
        let service: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", SERVICE)];
        let image: &[(&str, &str)] = &[("Dockerfile", DOCKERFILE), ("server.js", SERVICE)];
        let git = GitServer::start(&[("shop", service), ("image", image)]);
        let server = Server::start(BINARY).await;
        let machine = Machine::build();
        let address = machine.address().to_owned();
        let mut agent = NodeAgent::on(machine, BINARY);
        let address = format!("{address}:{}", agent.port);
        agent.is(&add(&server, json!({ "name": "far", "address": address })).await);
        server.call("POST", "/nodes/far/cordon", None).await;
        agent.boot();
        let this = Self { server, agent, git };
        this.until("connected", |node| node["status"] == "cordoned" && !node["machine"].is_null()).await;
        this
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let node = self.server.get("/nodes/far").await;
            if holds(&node) {
                return;
            }
            let limit = Duration::from_secs(180);
            assert!(
                begun.elapsed() < limit,
                "not {what}: {node:#}\n{}\n{}",
                self.server.log(),
                self.agent.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that runs here goes there.
    async fn move_over(&self, services: u64) {
        self.server.call("POST", "/nodes/far/uncordon", None).await;
        self.server.call("POST", "/nodes/local/drain", None).await;
        self.until("moved", |node| node["allocated"]["deployments"] == services).await;
        let begun = Instant::now();
        while self.server.get("/nodes/local").await["allocated"]["deployments"] != 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(180),
                "{}\n{}",
                self.server.log(),
                self.agent.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_answered(&self, host: &str, limit: Duration) {
        let begun = Instant::now();
        while self.server.visit(host, "/").await.0 != 200 {
            assert!(begun.elapsed() < limit, "{host}: {}\n{}", self.server.log(), self.agent.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn env_2_images_and_runtimes_reach_a_machine_that_has_none_without_a_registry() {
    let mut world = TwoMachines::start().await;
    assert_eq!(world.agent.machine().docker(&["images", "--quiet"]), "");
    for repository in ["shop", "image"] {
        let live = world.server.deploy(json!({ "repository": world.git.url(repository) })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    }
    world.move_over(2).await;
    assert_eq!(world.server.visit("shop.localhost", "/").await.0, 200);
    assert_eq!(world.server.visit("image.localhost", "/").await.0, 200);
    let there = world.agent.machine().docker(&["ps", "--format", "{{.Names}}"]);
    assert_eq!(there.lines().count(), 2, "{there}");
    // The image that was built is made of the runtime's layers and two small ones: the large one came once.
    let runtime = world.agent.machine().docker(&["images", "pierhead/node", "--format", "{{.Tag}}"]);
    assert!(runtime.contains("22-"), "{runtime}");
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r14_a_killed_docker_is_missed_and_what_ran_on_it_runs_again() {
    let mut world = TwoMachines::start().await;
    let live = world.server.deploy(json!({ "repository": world.git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    world.move_over(1).await;
    let (_, before) = world.server.visit("shop.localhost", "/").await;
    world.agent.machine().kill_docker();
    world.agent.machine().start_docker();
    // Docker ends what it finds running when it starts again; the agent brings it back.
    world.until_answered("shop.localhost", Duration::from_secs(60)).await;
    let (_, after) = world.server.visit("shop.localhost", "/").await;
    assert!(!after.is_empty() && !before.is_empty());
    let there = world.agent.machine().docker(&["ps", "--quiet"]);
    assert_eq!(there.lines().count(), 1, "one and no more: {there}");
    world.server.verify().await;
}
