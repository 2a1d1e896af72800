//! Caches before the ingress are told what is not shown any more: when visitors get the new answer, and until they have heard it.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use pierhead_testkit::{GitServer, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const HOST: &str = "shop.apps.test";

/// A stand-in for Cloudflare, with one zone.
#[derive(Clone)]
struct Network(Arc<Inner>);

struct Inner {
    ingress: String,
    /// For each purge of the slot's hostname: what a visitor was answered at that moment.
    purges: Mutex<Vec<String>>,
    /// How many are refused.
    refusals: Mutex<u32>,
}

impl Network {
    async fn start(ingress_port: u16, refusals: u32) -> (Self, String) {
        let ingress = format!("http://127.0.0.1:{ingress_port}/");
        let inner = Inner { ingress, purges: Mutex::default(), refusals: Mutex::new(refusals) };
        let network = Self(Arc::new(inner));
        let router = Router::new()
            .route("/zones", get(zones))
            .route("/zones/{zone}/purge_cache", post(purge))
            .with_state(network.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (network, url)
    }

    async fn until_purged(&self, shown: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.0.purges.lock().last().is_none_or(|last| last != shown) {
            assert!(Instant::now() < deadline, "{shown} is not among {:?}", self.0.purges.lock());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn zones(Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let is_one = query.get("name").is_some_and(|name| name == "apps.test");
    let found = if is_one { json!([{ "id": "zone-1" }]) } else { json!([]) };
    Json(json!({ "success": true, "errors": [], "result": found }))
}

async fn purge(
    State(network): State<Network>,
    headers: HeaderMap,
    Path(zone): Path<String>,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    assert!(headers["authorization"] == "Bearer a-token" && zone == "zone-1");
    let refused = {
        let mut refusals = network.0.refusals.lock();
        let refused = *refusals > 0;
        *refusals = refusals.saturating_sub(1);
        refused
    };
    if refused {
        let errors = json!([{ "code": 971, "message": "Please wait" }]);
        let body = json!({ "success": false, "errors": errors, "result": null });
        return (StatusCode::TOO_MANY_REQUESTS, Json(body));
    }
    let hosts: Vec<String> = serde_json::from_value(asked["hosts"].clone()).unwrap();
    assert!((1..=30).contains(&hosts.len()), "{hosts:?}");
    if hosts.iter().any(|host| host == HOST) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(&network.0.ingress).header("host", HOST).send().await.unwrap();
        let kept = answer.headers().get("cloudflare-cdn-cache-control").is_some();
        let text = answer.text().await.unwrap();
        network.0.purges.lock().push(if kept { text } else { "not to be kept".to_owned() });
    }
    (StatusCode::OK, Json(json!({ "success": true, "errors": [], "result": { "id": "zone-1" } })))
}

#[tokio::test]
async fn a_switch_is_forgotten_by_caches_when_visitors_see_it_also_after_a_crash() {
    let git = GitServer::start(&[("shop", &[("index.html", "version 1")])]);
    let mut server = Server::unstarted(BINARY);
    let (network, url) = Network::start(server.ingress_port(), 1).await;
    let variables = [
        ("PIERHEAD_BASE_DOMAIN", "apps.test"),
        ("PIERHEAD_CLOUDFLARE_TOKEN", "a-token"),
        ("PIERHEAD_CLOUDFLARE_API_URL", url.as_str()),
        ("PIERHEAD_CLOUDFLARE_PURGE", "true"),
    ];
    server.boot(&variables).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    // The first try is refused.
    network.until_purged("version 1").await;
    git.change("shop", &[("index.html", "version 2")]);
    let live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    network.until_purged("version 2").await;
    let told = network.0.purges.lock().len();
    // Who starts anew knows what caches were told, and tells them what they were not.
    *network.0.refusals.lock() = u32::MAX;
    git.change("shop", &[("index.html", "version 3")]);
    let live = server.deploy_project("shop").await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    server.kill();
    *network.0.refusals.lock() = 0;
    server.boot(&variables).await;
    network.until_purged("version 3").await;
    assert_eq!(network.0.purges.lock().len(), told + 1, "{:?}", network.0.purges.lock());
}
