//! Scale to zero, on the real engine: what nobody needs sleeps, its memory is free, and the next request is answered.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const VISITORS: usize = 50;
const HOST: &str = "shop.localhost";

/// Says when it starts, holds some memory, and echoes whatever an upgraded connection says. It does nothing without its secret,
/// which it must be given each time that it is woken.
const SERVER_JS: &str = r#"
if (process.env.TOKEN !== "a secret of the shop") process.exit(9);
console.log("started");
const held = Buffer.alloc(64 << 20, 7);
const server = require("http").createServer((request, response) => {
  setTimeout(() => response.end("held " + held[12345]), Number(request.headers["x-wait"] || 0));
});
server.on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  socket.pipe(socket);
});
server.listen(process.env.PORT, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
"#;

struct Shop {
    server: Server,
    id: String,
    container: String,
    _git: GitServer,
}

impl Shop {
    async fn open() -> Self {
        let package = r#"{ "scripts": { "start": "exec node server.js" } }"#;
        let git = GitServer::start(&[("shop", &[("package.json", package), ("server.js", SERVER_JS)])]);
        let server = Server::start(BINARY).await;
        let settings = json!({
            "name": "shop",
            "source": { "repository": git.url("shop") },
            "build": { "start_command": "exec node server.js" },
        });
        let (status, made) = server.call("POST", "/projects", Some(settings)).await;
        assert_eq!(
            (status, &made["sleep_after_s"]),
            (201, &json!(900)),
            "a quarter of an hour unless said otherwise"
        );
        let secret = json!({ "value": "a secret of the shop", "secret": true });
        assert_eq!(server.call("PUT", "/projects/shop/variables/TOKEN", Some(secret)).await.0, 200);
        let live = server.deploy_project("shop").await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, server.log());
        let (id, container) = (live.id().to_owned(), server.container_of(live.id(), "service"));
        let output = Command::new("docker").args(["inspect", "-f", "{{.Id}}", &container]).output().unwrap();
        let container = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Self { server, id, container, _git: git }
    }

    async fn sleep_after(&self, seconds: u32) {
        let (status, project) =
            self.server.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": seconds }))).await;
        assert_eq!((status, &project["sleep_after_s"]), (200, &json!(seconds)));
    }

    /// A file of the container's cgroup; `None` when there is no such cgroup any more.
    fn cgroup(&self, controller: &str, v1: &str, v2: &str) -> Option<String> {
        let id = &self.container;
        let places: [PathBuf; 3] = [
            Path::new("/sys/fs/cgroup").join(controller).join("docker").join(id).join(v1),
            Path::new("/sys/fs/cgroup/docker").join(id).join(v2),
            Path::new("/sys/fs/cgroup/system.slice").join(format!("docker-{id}.scope")).join(v2),
        ];
        places.iter().find_map(|place| fs_err::read_to_string(place).ok()).map(|text| text.trim().to_owned())
    }

    fn memory(&self) -> Option<u64> {
        self.cgroup("memory", "memory.usage_in_bytes", "memory.current").map(|text| text.parse().unwrap())
    }

    fn is_frozen(&self) -> bool {
        let state = self.cgroup("freezer", "freezer.state", "cgroup.freeze");
        matches!(state.as_deref(), Some("FROZEN" | "1"))
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition(self) {
            assert!(Instant::now() < deadline, "never {what}\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Woken, and then frozen. On a busy machine a moment in that state may be missed, and it is stopped already: then once more.
    async fn until_frozen_again(&self) {
        for _ in 0..10 {
            assert_eq!(self.server.visit(HOST, "/").await, (200, "held 7".to_owned()));
            self.until("asleep again", |shop| shop.is_frozen() || shop.memory().is_none()).await;
            if self.is_frozen() {
                return;
            }
        }
        panic!("it is never seen frozen\n{}", self.server.log());
    }

    async fn until_asleep(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let now = self.server.get(&format!("/deployments/{}", self.id)).await;
            assert_eq!((&now["state"], &now["conditions"]["offline"]), (&json!("PRODUCTION"), &json!(false)));
            if now["conditions"]["asleep"] == true {
                return;
            }
            assert!(Instant::now() < deadline, "{now:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its last word, which follows the report.
    async fn until_stop_is_reported(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let lines = self.server.log_of_step(&self.id, "service").await;
            if lines.last().is_some_and(|line| line.starts_with("asleep: stopped")) {
                return;
            }
            assert!(Instant::now() < deadline, "{lines:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn starts(&self) -> usize {
        let lines = self.server.log_of_step(&self.id, "service").await;
        lines.iter().filter(|line| *line == "started").count()
    }

    async fn until_started(&self, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.starts().await < times {
            assert!(Instant::now() < deadline, "{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.starts().await, times);
    }

    async fn socket(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.ingress_port)).await.unwrap();
        let head =
            format!("GET /ws HTTP/1.1\r\nhost: {HOST}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        stream
    }
}

async fn echo(stream: &mut TcpStream, text: &[u8; 4]) {
    stream.write_all(text).await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_needs_sleeps_and_wakes_once_for_all_who_wait() {
    let shop = Shop::open().await;
    let awake = shop.memory().unwrap();
    assert!(awake > 64 << 20, "{awake}");
    shop.sleep_after(2).await;

    // An open connection counts as activity, however silent it is.
    let mut open = shop.socket().await;
    // Time is what is tested: more than twice as long as it would take.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!shop.is_frozen() && shop.memory().is_some(), "it slept although it was needed");
    echo(&mut open, b"here").await;
    drop(open);

    shop.until("frozen", Shop::is_frozen).await;
    shop.until_asleep().await;
    shop.server.verify().await;
    let begun = Instant::now();
    assert_eq!(shop.server.visit(HOST, "/").await, (200, "held 7".to_owned()));
    println!("frozen to answer: {:?}", begun.elapsed());
    shop.until_frozen_again().await;
    echo(&mut shop.socket().await, b"woke").await;

    shop.until("stopped", |shop| shop.memory().is_none()).await;
    shop.until_asleep().await;
    shop.server.verify().await;
    println!("memory: {} MiB awake, no cgroup any more asleep", awake >> 20);
    let begun = Instant::now();
    let mut visitors = JoinSet::new();
    for _ in 0..VISITORS {
        let url = format!("http://127.0.0.1:{}/", shop.server.ingress_port);
        visitors.spawn(async move {
            let answer = reqwest::Client::new().get(url).header("host", HOST).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap(), begun.elapsed())
        });
    }
    let mut times = Vec::new();
    while let Some(visit) = visitors.join_next().await {
        let (status, text, time) = visit.unwrap();
        assert_eq!((status, text.as_str()), (200, "held 7"));
        times.push(time);
    }
    times.sort_unstable();
    println!("stopped to answer: first {:?}, last of {VISITORS} {:?}", times[0], times[VISITORS - 1]);
    shop.until_started(2).await;

    shop.until("stopped again", |shop| shop.memory().is_none()).await;
    echo(&mut shop.socket().await, b"woke").await;
    shop.until_started(3).await;
    // Never again: what is asleep wakes up by itself when it may not sleep any more.
    shop.until("stopped once more", |shop| shop.memory().is_none()).await;
    shop.sleep_after(0).await;
    shop.until("awake without a visitor", |shop| shop.memory().is_some()).await;
    shop.until_started(4).await;
    shop.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_it_falls_asleep_it_is_woken_by_the_next_request() {
    let mut shop = Shop::open().await;
    shop.sleep_after(1).await;
    for point in ["agent.frozen", "agent.asleep"] {
        shop.server.kill();
        shop.server.boot_armed(point).await;
        assert!(
            shop.server.died_within(Duration::from_secs(60)).await,
            "{point} was not passed\n{}",
            shop.server.log()
        );
        shop.server.boot(&[]).await;
        shop.server.until_visit(HOST, |status, text| status == 200 && text == "held 7").await;
        shop.server.verify().await;
    }
    // A restart finds it asleep, and lets it sleep until somebody comes.
    shop.until_stop_is_reported().await;
    let starts = shop.starts().await;
    shop.server.kill();
    shop.server.boot(&[]).await;
    shop.until_asleep().await;
    assert!(shop.memory().is_none());
    assert_eq!(shop.server.visit(HOST, "/").await, (200, "held 7".to_owned()));
    shop.until_started(starts + 1).await;

    // What sleeps is replaced and removed like anything else.
    shop.until_frozen_again().await;
    let next = shop.server.deploy_project("shop").await;
    assert_eq!(next.state(), "PRODUCTION", "{:#}", next.0);
    shop.server.until_engine_holds_only(&[next.id()]).await;
}
