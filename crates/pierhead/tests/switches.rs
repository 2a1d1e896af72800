//! Fifty switches in a row while visitors read, upload and hold upgraded connections: not one request fails.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pierhead_testkit::{GitServer, Server};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const SWITCHES: usize = 50;

/// Answers with its version, counts uploads, and echoes whatever an upgraded connection says.
const SERVER_JS: &str = r#"
const server = require("http").createServer((request, response) => {
  let bytes = 0;
  request.on("data", (piece) => (bytes += piece.length));
  request.on("end", () => response.end(request.method === "POST" ? String(bytes) : "version 1"));
});
server.on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  socket.pipe(socket);
});
server.listen(process.env.PORT, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
"#;

/// What visitors did, and what went wrong.
#[derive(Debug, Default)]
struct Visits {
    stop: AtomicBool,
    good: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

impl Visits {
    fn judge(&self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => drop(self.good.fetch_add(1, Ordering::Relaxed)),
            Err(why) => self.failures.lock().unwrap().push(format!("{what}: {why}")),
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

async fn read(visits: Arc<Visits>, port: u16) {
    let client = reqwest::Client::new();
    while visits.goes_on() {
        let sent =
            client.get(format!("http://127.0.0.1:{port}/")).header("host", "shop.localhost").send().await;
        let result = match sent {
            Ok(answer) if answer.status() == 200 => match answer.text().await {
                Ok(text) if text.starts_with("version ") => Ok(()),
                other => Err(format!("{other:?}")),
            },
            other => Err(format!("{other:?}")),
        };
        visits.judge("read", result);
    }
}

async fn upload(visits: Arc<Visits>, port: u16) {
    let client = reqwest::Client::new();
    let body = vec![7_u8; 300_000];
    while visits.goes_on() {
        let request = client.post(format!("http://127.0.0.1:{port}/")).header("host", "shop.localhost");
        let result = match request.body(body.clone()).send().await {
            Ok(answer) => match answer.text().await {
                Ok(text) if text == "300000" => Ok(()),
                other => Err(format!("{other:?}")),
            },
            Err(error) => Err(error.to_string()),
        };
        visits.judge("upload", result);
    }
}

async fn echo(visits: Arc<Visits>, port: u16) {
    while visits.goes_on() {
        visits.judge("echo", echo_once(port).await.map_err(|error| error.to_string()));
    }
}

async fn echo_once(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: shop.localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
        )
        .await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(std::io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    for round in 0..10_u8 {
        stream.write_all(&[round; 100]).await?;
        let mut back = [0; 100];
        stream.read_exact(&mut back).await?;
        if back != [round; 100] {
            return Err(std::io::Error::other("something else came back"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_switches_lose_no_request() {
    let package = r#"{ "scripts": { "start": "exec node server.js" } }"#;
    let git = GitServer::start(&[("shop", &[("package.json", package), ("server.js", SERVER_JS)])]);
    let server = Server::start(BINARY).await;
    let settings = json!({
        "name": "shop",
        "source": { "repository": git.url("shop") },
        "build": { "start_command": "exec node server.js" },
    });
    assert_eq!(server.call("POST", "/projects", Some(settings)).await.0, 201);
    let mut live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    git.change("shop", &[("server.js", &SERVER_JS.replace("version 1", "version 2"))]);
    let mut earlier = std::mem::replace(&mut live, server.deploy_project("shop").await);
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);

    let visits = Arc::new(Visits::default());
    let port = server.ingress_port;
    let visitors = [
        tokio::spawn(read(Arc::clone(&visits), port)),
        tokio::spawn(read(Arc::clone(&visits), port)),
        tokio::spawn(upload(Arc::clone(&visits), port)),
        tokio::spawn(echo(Arc::clone(&visits), port)),
    ];
    for switch in 0..SWITCHES {
        let path = format!("/deployments/{}/rollback", earlier.id());
        let (status, accepted) = server.call("POST", &path, None).await;
        assert_eq!(status, 202, "{accepted}");
        let next = server.settled(accepted["id"].as_str().unwrap()).await;
        assert_eq!(next.state(), "PRODUCTION", "switch {switch}: {:#}\n{}", next.0, server.log());
        earlier = std::mem::replace(&mut live, next);
    }
    visits.stop.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.await.unwrap();
    }
    let failures = visits.failures.lock().unwrap().clone();
    assert!(failures.is_empty(), "{} failed, the first: {}", failures.len(), failures[0]);
    assert!(visits.good.load(Ordering::Relaxed) > SWITCHES * 4, "too few visits to mean anything");
    server.until_engine_holds_only(&[live.id()]).await;
    server.verify().await;
}
