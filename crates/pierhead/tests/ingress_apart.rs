//! The ingress as a process of its own: it serves while the control plane is away, starts without it, and is started anew when
//! it hangs.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

/// Dropping it ends it, with the process that serves.
struct Ingress(Child);

impl Ingress {
    fn start(data_dir: &Path, port: u16) -> Self {
        let process = Command::new(BINARY)
            .args(["ingress", "--ingress-listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(process)
    }

    /// The process that serves.
    fn server(&self) -> Option<String> {
        let mine = Command::new("ps").args(["-o", "pid=", "--ppid", &self.0.id().to_string()]).output();
        let text = String::from_utf8(mine.unwrap().stdout).unwrap();
        text.split_whitespace().next().map(ToOwned::to_owned)
    }

    fn signal_server(&self, signal: &str) {
        let pid = self.server().unwrap();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// As an administrator does.
    fn stop(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        let server = self.server();
        let _ = self.0.kill();
        let _ = self.0.wait();
        if let Some(server) = server {
            let _ = Command::new("kill").args(["-KILL", &server]).status();
        }
    }
}

async fn until_served(port: u16, expected: &str) {
    let url = format!("http://127.0.0.1:{port}/");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build().unwrap();
    // One that hangs before its first visit may take a minute to be found out.
    let deadline = Instant::now() + Duration::from_secs(100);
    loop {
        let seen = match client.get(&url).header("host", "shop.localhost").send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        if seen.contains(expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The table on disk is written at most once a second.
async fn until_kept(data_dir: &Path, port: u16, deployment: &str) {
    let (path, shown) = (
        data_dir.join("ingress").join(port.to_string()).join("routes"),
        format!(r#""kind":"site","deployment":"{deployment}""#),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fs_err::read_to_string(&path).is_ok_and(|text| text.contains(&shown)) {
        assert!(Instant::now() < deadline, "{} does not have {shown}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_outlives_the_control_plane_starts_without_it_and_is_started_anew_when_it_hangs() {
    let git = GitServer::start(&[("shop", &[("index.html", "version 1")])]);
    let mut server = Server::unstarted(BINARY);
    let (port, other_port) = (server.ingress_port(), pierhead_testkit::free_port());
    let mut ingress = Ingress::start(&server.data_dir(), port);
    let second = Ingress::start(&server.data_dir(), other_port);
    server.boot(&[("PIERHEAD_INGRESS", "false")]).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    for port in [port, other_port] {
        until_served(port, "version 1").await;
    }
    until_kept(&server.data_dir(), port, live.id()).await;
    server.kill();
    until_served(port, "version 1").await;

    // Killed while the control plane is away: the next one begins with the table on disk.
    ingress.signal_server("-KILL");
    until_served(port, "version 1").await;
    // It hangs: it is killed, and the next one serves.
    let wedged = ingress.server().unwrap();
    ingress.signal_server("-STOP");
    until_served(port, "version 1").await;
    assert_ne!(ingress.server().unwrap(), wedged);

    // The control plane comes back and is followed again, by both.
    server.boot(&[("PIERHEAD_INGRESS", "false")]).await;
    git.change("shop", &[("index.html", "version 2")]);
    let live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    for port in [port, other_port] {
        until_served(port, "version 2").await;
    }
    drop(second);
    ingress.stop();
    // As an upgrade does it.
    let _again = Ingress::start(&server.data_dir(), port);
    until_served(port, "version 2").await;
}

/// Answers 2xx of the last quarter of an hour.
async fn counted(server: &Server) -> u64 {
    let metrics = server.get("/projects/shop/metrics?since=15m").await;
    let counts = metrics["requests"]["by_class"]["2xx"].as_array().unwrap();
    counts.iter().map(|count| count.as_u64().unwrap()).sum()
}

async fn until_counted(server: &Server, expected: u64) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while counted(server).await < expected {
        assert!(
            Instant::now() < deadline,
            "{} instead of {expected}\n{}",
            counted(server).await,
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(counted(server).await, expected);
}

#[tokio::test]
async fn what_it_counts_is_neither_lost_nor_doubled_when_the_control_plane_dies() {
    let git = GitServer::start(&[("shop", &[("index.html", "version 1")])]);
    let mut server = Server::unstarted(BINARY);
    let port = server.ingress_port();
    let _ingress = Ingress::start(&server.data_dir(), port);
    let apart = [("PIERHEAD_INGRESS", "false")];
    server.boot(&apart).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    let mut visits = 0;
    let mut visit = async |times| {
        for _ in 0..times {
            // Answered with what is expected exactly once.
            until_served(port, "version 1").await;
        }
        visits += times;
        visits
    };
    let first = visit(20).await;
    until_counted(&server, first).await;
    visit(10).await;
    server.kill();
    visit(15).await;
    // Everything comes at once, and the next control plane dies while it writes it.
    server.boot_armed_with("store.figures.before_commit", &apart).await;
    assert!(server.died_within(Duration::from_secs(90)).await, "{}", server.log());
    let all = visit(5).await;
    server.boot(&apart).await;
    until_counted(&server, all).await;
    // What came twice would have come before this.
    let all = visit(1).await;
    until_counted(&server, all).await;
}
