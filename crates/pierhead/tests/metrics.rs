//! Figures over time, on the real engine: exactly as many requests as there were, and what the service used.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const HOST: &str = "shop.localhost";
const SERVER_JS: &str = r#"
const held = Buffer.alloc(32 << 20, 7);
require("http").createServer((request, response) => {
  response.statusCode = request.url === "/missing" ? 404 : 200;
  setTimeout(() => response.end("held " + held[12345]), 5);
}).listen(process.env.PORT, "0.0.0.0");
"#;

async fn metrics(server: &Server, query: &str) -> Value {
    server.get(&format!("/projects/shop/metrics?since=15m{query}")).await
}

fn requests(metrics: &Value) -> u64 {
    metrics["requests"]["totals"]["requests"].as_u64().unwrap()
}

fn sum(counts: &Value) -> u64 {
    counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
}

/// Figures come every ten seconds: until it is so, or for much longer than that.
async fn until(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let metrics = metrics(server, "").await;
        if is_so(&metrics) {
            return metrics;
        }
        assert!(Instant::now() < deadline, "never {what}: {metrics:#}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn shop() -> (GitServer, Server, String) {
    let package = r#"{ "scripts": { "start": "exec node server.js" } }"#;
    let git = GitServer::start(&[("shop", &[("package.json", package), ("server.js", SERVER_JS)])]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, server.log());
    let id = live.id().to_owned();
    (git, server, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once_also_when_the_platform_is_killed() {
    let (_git, mut server, id) = shop().await;
    for number in 0..40 {
        let path = if number % 8 == 0 { "/missing" } else { "/" };
        let (status, body) = server.visit(HOST, path).await;
        assert_eq!((status, body.as_str()), (if number % 8 == 0 { 404 } else { 200 }, "held 7"));
    }
    let shown = until(&server, "forty requests and a measurement", |metrics| {
        requests(metrics) >= 40
            && metrics["services"][0]["memory_max_bytes"]
                .as_array()
                .is_some_and(|all| all.iter().any(Value::is_u64))
    })
    .await;
    let of = |pointer: &str| shown.pointer(pointer).unwrap_or(&Value::Null);
    assert_eq!(requests(&shown), 40, "{shown:#}");
    assert_eq!(sum(of("/requests/by_class/2xx")), 35);
    assert_eq!(sum(of("/requests/by_class/4xx")), 5);
    assert_eq!(sum(of("/requests/bytes_out")), 40 * 6);
    let median = of("/requests/totals/p50_ms").as_f64().unwrap();
    assert!((4.0..2000.0).contains(&median), "{median}");
    assert!(of("/requests/totals/p99_ms").as_f64().unwrap() >= median);
    let service = of("/services/0");
    assert_eq!(service["service"], "service");
    let memory = service["memory_max_bytes"].as_array().unwrap().iter().filter_map(Value::as_u64).max();
    assert!(memory.unwrap() > 32 << 20, "{service:#}");
    assert!(service["memory_limit_bytes"].as_u64().unwrap() > memory.unwrap());
    assert!(service["cpu_cores"].as_array().unwrap().iter().any(Value::is_number));
    assert_eq!((of("/deployments/0/id"), of("/deployments/0/slot")), (&json!(id), &json!("production")));
    assert_eq!(shown["times"].as_array().unwrap().len(), of("/requests/bytes_out").as_array().unwrap().len());

    // What the columns narrow to, and what is nobody's.
    assert_eq!(requests(&metrics(&server, "&slot=production&service=service").await), 40);
    assert_eq!(requests(&metrics(&server, "&service=web").await), 0);
    let query = |query: &str| format!("/projects/shop/metrics?{query}");
    for (path, status) in [
        (query("slot=nowhere"), 404),
        (query("since=32d"), 422),
        (query("since=soon"), 422),
        (query("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"), 422),
    ] {
        assert_eq!(server.call("GET", &path, None).await.0, status, "{path}");
    }

    // It dies while figures are being written: those of before are there once, and it counts on.
    server.kill();
    server.boot_armed("store.figures.before_commit").await;
    server.until_visit(HOST, |status, _| status == 200).await;
    assert!(server.died_within(Duration::from_secs(60)).await, "{}", server.log());
    server.boot(&[]).await;
    assert_eq!(
        requests(&metrics(&server, "").await),
        40,
        "what was not stored is not there, and nothing twice"
    );
    let mut visits = 1;
    while server.visit(HOST, "/").await.0 != 200 {
        visits += 1;
        assert!(visits < 500, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until(&server, "all of them", |metrics| requests(metrics) >= 40 + visits).await;
    assert_eq!(requests(&metrics(&server, "").await), 40 + visits);

    let node = server.node();
    let machine = server.get(&format!("/nodes/{node}/metrics?since=15m")).await;
    let highest = |name: &str| machine[name].as_array().unwrap().iter().filter_map(Value::as_u64).max();
    assert!(highest("memory_used_bytes").unwrap() > 1 << 20, "{machine:#}");
    assert!(highest("containers").unwrap() >= 1);
    assert!(machine["memory_limit_bytes"].as_u64() >= highest("memory_used_bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_and_the_wait_for_who_sleeps_are_shown() {
    let (_git, server, _) = shop().await;
    let (status, _) = server.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": 2 }))).await;
    assert_eq!(status, 200);
    let asleep = until(&server, "asleep", |metrics| {
        metrics["asleep"].as_array().is_some_and(|naps| naps.iter().any(|nap| nap["depth"] == "stopped"))
    })
    .await;
    let (naps, from) = (asleep["asleep"].as_array().unwrap(), asleep["from"].as_u64());
    assert_eq!((&naps[0]["depth"], &naps[0]["slot"]), (&json!("frozen"), &json!("production")));
    assert_eq!(naps[0]["to"], naps[1]["from"], "it only got deeper");
    assert!(naps.iter().all(|nap| nap["from"].as_u64() >= from && nap["from"].as_u64() < nap["to"].as_u64()));
    let begun = Instant::now();
    assert_eq!(server.visit(HOST, "/").await, (200, "held 7".to_owned()));
    let waited_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let woken = until(&server, "woken", |metrics| sum(&metrics["wakes"]["count"]) > 0).await;
    assert_eq!(sum(&woken["wakes"]["count"]), 1, "{woken:#}");
    let longest = woken["wakes"]["max_ms"].as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    assert!((1.0..=waited_ms + 1.0).contains(&longest), "{longest} ms of {waited_ms} ms");
}
