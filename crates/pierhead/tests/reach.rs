//! What a container can reach: the internet and its own network; not this machine, its neighbours, other deployments.
//!
//! Needs root: it makes a network namespace as the neighbour, and rules in the packet filter. Both have fixed names, so that
//! what a killed run left is taken over by the next.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const POOL: &str = "10.251.7.0/24";
const POOL_NAME: &str = "10.251.7.0";
const NAMESPACE: &str = "ph-reach";
const OUR_SIDE: &str = "10.250.7.1";
const NEIGHBOUR: &str = "10.250.7.2";
const NEIGHBOUR_PORT: u16 = 8000;

const PACKAGE: &str = r#"{ "scripts": { "start": "node server.js" } }"#;
/// Says whether it can connect to where it is asked to.
const PROBE: &str = r#"
const http = require('http'), net = require('net'), os = require('os');
http.createServer((request, response) => {
    const url = new URL(request.url, 'http://x');
    if (url.pathname === '/own') {
        return response.end(Object.values(os.networkInterfaces()).flat().find(it => !it.internal).address);
    }
    const socket = net.connect({ host: url.searchParams.get('host'), port: Number(url.searchParams.get('port')), timeout: 3000 });
    socket.on('connect', () => { response.end('open'); socket.destroy(); });
    socket.on('timeout', () => { response.end('closed'); socket.destroy(); });
    socket.on('error', () => response.end('closed'));
}).listen(process.env.PORT, '0.0.0.0');
"#;

/// A machine beside this one.
struct Neighbour(Child, #[expect(dead_code, reason = "what it serves; removed with it")] tempfile::TempDir);

impl Neighbour {
    fn start() -> Self {
        remove();
        for command in [
            format!("ip netns add {NAMESPACE}"),
            format!("ip link add {NAMESPACE} type veth peer name eth0 netns {NAMESPACE}"),
            format!("ip address add {OUR_SIDE}/30 dev {NAMESPACE}"),
            format!("ip link set {NAMESPACE} up"),
            format!("ip -n {NAMESPACE} address add {NEIGHBOUR}/30 dev eth0"),
            format!("ip -n {NAMESPACE} link set eth0 up"),
            format!("ip -n {NAMESPACE} route add default via {OUR_SIDE}"),
        ] {
            let mut words = command.split(' ');
            let done = Command::new(words.next().unwrap()).args(words).status().unwrap();
            assert!(done.success(), "{command}");
        }
        let empty = tempfile::tempdir().unwrap();
        let server = Command::new("ip")
            .args(["netns", "exec", NAMESPACE, "python3", "-m", "http.server", &NEIGHBOUR_PORT.to_string()])
            .current_dir(empty.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(server.unwrap(), empty)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        remove();
    }
}

/// What an earlier run left, and what this one made.
fn remove() {
    for command in [
        format!("ip netns delete {NAMESPACE}"),
        format!("iptables --wait 10 --delete DOCKER-USER --source {POOL} --jump PH-FWD-{POOL_NAME}"),
        format!("iptables --wait 10 --delete INPUT --source {POOL} --jump PH-IN-{POOL_NAME}"),
        format!("iptables --wait 10 --flush PH-FWD-{POOL_NAME}"),
        format!("iptables --wait 10 --flush PH-IN-{POOL_NAME}"),
        format!("iptables --wait 10 --delete-chain PH-FWD-{POOL_NAME}"),
        format!("iptables --wait 10 --delete-chain PH-IN-{POOL_NAME}"),
    ] {
        let mut words = command.split(' ');
        // What is not there cannot be removed.
        let _ = Command::new(words.next().unwrap()).args(words).stderr(Stdio::null()).status();
    }
}

async fn reaches(server: &Server, host: &str, port: u16) -> bool {
    let (status, answer) = server.visit("probe.localhost", &format!("/?host={host}&port={port}")).await;
    assert_eq!(status, 200, "{answer}");
    answer == "open"
}

/// Waits until it is as expected: a name server that is slow, rules that are put in force while the server starts.
async fn until_reaches(server: &Server, host: &str, port: u16, expected: bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while reaches(server, host, port).await != expected {
        assert!(
            Instant::now() < deadline,
            "{host}:{port} should be {}",
            if expected { "open" } else { "closed" }
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_reach_the_internet_and_nothing_of_ours() {
    let _neighbour = Neighbour::start();
    // Something of this machine that listens on all of its addresses.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    let files: &[(&str, &str)] = &[("package.json", PACKAGE), ("server.js", PROBE)];
    let git = GitServer::start(&[("probe", files), ("other", files)]);
    let mut server = Server::unstarted(BINARY);
    server.set_subnet_pool(POOL);
    server.boot(&[]).await;
    for name in ["probe", "other"] {
        let live = server.deploy(json!({ "repository": git.url(name) })).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    }
    let own = server.visit("probe.localhost", "/own").await.1;
    let gateway = own.rsplit_once('.').map(|(network, last)| {
        let last: u8 = last.parse().unwrap();
        format!("{network}.{}", (last & !15) + 1)
    });
    let gateway = gateway.unwrap();
    let other = server.visit("other.localhost", "/own").await.1;

    // Without the rules the machine and its neighbour are open: otherwise the test would prove nothing.
    until_reaches(&server, &gateway, port, true).await;
    until_reaches(&server, NEIGHBOUR, NEIGHBOUR_PORT, true).await;
    assert!(!reaches(&server, &other, 3000).await, "another deployment at {other}");

    server.kill();
    server.boot(&[("PIERHEAD_FIREWALL", "true")]).await;
    server.until_visit("probe.localhost", |status, _| status == 200).await;
    until_reaches(&server, &gateway, port, false).await;
    assert!(!reaches(&server, OUR_SIDE, port).await, "the machine by another of its addresses");
    assert!(!reaches(&server, NEIGHBOUR, NEIGHBOUR_PORT).await, "the neighbour");
    assert!(!reaches(&server, &other, 3000).await, "another deployment at {other}");
    until_reaches(&server, "registry.npmjs.org", 443, true).await;
    server.verify().await;
}
