//! How long a visitor waits for what sleeps, beside waking the same application by hand through the engine's API.
//!
//! By hand: `unpause` of a paused container, and `start` of a stopped one, until the first answer. Rounds alternate.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use pierhead_testkit::{GitServer, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::deployment::{ByHand, EXAMPLES, Line, docker};

const ENGINE: &str = "/var/run/docker.sock";
const HOST: &str = "express-api.localhost";
/// As short as it can be set.
const SLEEP_AFTER_S: u32 = 1;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How deeply it sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Frozen,
    Stopped,
}

/// The ways that are measured, with what each is compared to.
pub(crate) const WAYS: [(&str, &str); 2] =
    [("wake frozen", "unpause by hand"), ("wake stopped", "start by hand")];

pub(crate) async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Line>> {
    let example = EXAMPLES.iter().find(|example| !example.is_site).context("no example is a service")?;
    let source = pierhead_testkit::repository_root().join("examples").join(example.name);
    let git = GitServer::of_folders(&[(example.name, &source)]);
    let server = Server::start(&binary.display().to_string()).await;
    let project = json!({
        "name": example.name,
        "source": { "repository": git.url(example.name) },
        "sleep_after_s": SLEEP_AFTER_S,
    });
    let (status, made) = server.call("POST", "/projects", Some(project)).await;
    ensure!(status == 201, "{made}");
    let live = server.deploy_project(example.name).await;
    ensure!(live.state() == "PRODUCTION", "{:#}", live.0);
    let container = docker(&["inspect", "--format", "{{.Id}}", &server.container_of(live.id(), "service")])?;
    let visited: SocketAddr = ([127, 0, 0, 1], server.ingress_port).into();
    let hand = ByHand::prepare(example, &source)?;
    let own = hand.run()?;

    let mut lines = Vec::new();
    for round in 0..rounds {
        let mut note = |way, took: Duration| {
            lines.push(Line { case: "wake", round, way, milliseconds: took.as_secs_f64() * 1000.0 });
        };
        for (depth, (ours, theirs)) in [Depth::Frozen, Depth::Stopped].into_iter().zip(WAYS) {
            // It falls asleep from being awake: a look may come too late to see it frozen.
            loop {
                first_answer(visited, HOST).await?;
                if until(container.trim(), depth).await? {
                    break;
                }
            }
            until_reported(&server, live.id()).await?;
            let began = Instant::now();
            first_answer(visited, HOST).await?;
            note(ours, began.elapsed());

            let (down, up) = match depth {
                Depth::Frozen => ("pause", "unpause"),
                Depth::Stopped => ("stop", "start"),
            };
            engine("POST", &own, down).await?;
            let began = Instant::now();
            engine("POST", &own, up).await?;
            let described: Value = serde_json::from_str(&engine("GET", &own, "json").await?)?;
            let address = described["NetworkSettings"]["IPAddress"].as_str().unwrap_or_default();
            first_answer((address.parse::<std::net::IpAddr>()?, 3000).into(), HOST).await?;
            note(theirs, began.elapsed());
        }
    }
    docker(&["rm", "--force", &own])?;
    Ok(lines)
}

/// Waits until a container sleeps so deeply. `false` when it sleeps more deeply.
async fn until(container: &str, wanted: Depth) -> Result<bool> {
    let began = Instant::now();
    loop {
        let now = depth(container);
        if now == Some(wanted) {
            return Ok(true);
        }
        if now == Some(Depth::Stopped) {
            return Ok(false);
        }
        ensure!(began.elapsed() < PATIENCE, "it does not fall asleep");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until the control plane knows: visitors of a service that is just falling asleep are another matter.
async fn until_reported(server: &Server, deployment: &str) -> Result<()> {
    let began = Instant::now();
    while server.get(&format!("/deployments/{deployment}")).await["conditions"]["asleep"] != true {
        ensure!(began.elapsed() < PATIENCE, "it is not said to be asleep");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// What the kernel says, for both kinds of cgroups.
fn depth(container: &str) -> Option<Depth> {
    let places = [
        format!("/sys/fs/cgroup/freezer/docker/{container}/freezer.state"),
        format!("/sys/fs/cgroup/docker/{container}/cgroup.freeze"),
        format!("/sys/fs/cgroup/system.slice/docker-{container}.scope/cgroup.freeze"),
    ];
    let Some(state) = places.iter().find_map(|place| fs_err::read_to_string(place).ok()) else {
        return Some(Depth::Stopped);
    };
    matches!(state.trim(), "FROZEN" | "1").then_some(Depth::Frozen)
}

/// Connects, asks, and has the first bytes of an answer; as often as it takes.
async fn first_answer(address: SocketAddr, host: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        match answer(address, host).await {
            Ok(()) => return Ok(()),
            Err(error) => ensure!(began.elapsed() < PATIENCE, "{address} does not answer: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn answer(address: SocketAddr, host: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// One call of the engine's API about a container, without a program that has to start.
async fn engine(method: &str, container: &str, call: &str) -> Result<String> {
    let mut stream = UnixStream::connect(ENGINE).await?;
    let head = format!(
        "{method} /v1.41/containers/{container}/{call} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").context("the engine's answer has no end of its head")?;
    let status: u16 = head.split(' ').nth(1).unwrap_or_default().parse()?;
    ensure!((200..300).contains(&status), "{method} {call}: {text}");
    Ok(body.to_owned())
}
