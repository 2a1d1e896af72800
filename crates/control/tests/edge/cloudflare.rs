//! A stand-in for Cloudflare's API: one zone, whose records appear in the test's DNS.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use pierhead_testkit::Dns;
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "a-token-of-cloudflare";

#[derive(Clone)]
pub(crate) struct Cloudflare {
    pub(crate) url: String,
    state: Arc<Records>,
}

struct Records {
    dns: Arc<Dns>,
    made: Mutex<Vec<String>>,
    /// Name by id.
    there: Mutex<BTreeMap<String, String>>,
}

type Answer = (StatusCode, Json<Value>);

fn good(result: Value) -> Answer {
    (StatusCode::OK, Json(json!({ "success": true, "errors": [], "result": result })))
}

fn bad(status: StatusCode, code: i64, message: &str) -> Answer {
    let errors = json!([{ "code": code, "message": message }]);
    (status, Json(json!({ "success": false, "errors": errors, "result": null })))
}

fn is_allowed(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| *value == format!("Bearer {TOKEN}"))
}

impl Cloudflare {
    pub(crate) async fn start(dns: Arc<Dns>) -> Self {
        let state = Arc::new(Records { dns, made: Mutex::default(), there: Mutex::default() });
        let router = Router::new()
            .route("/zones", get(zones))
            .route("/zones/{zone}/dns_records", post(create))
            .route("/zones/{zone}/dns_records/{id}", delete(remove))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// Names of all records that were ever made.
    pub(crate) fn made(&self) -> Vec<String> {
        self.state.made.lock().clone()
    }

    pub(crate) fn left(&self) -> Vec<String> {
        self.state.there.lock().values().cloned().collect()
    }
}

async fn zones(headers: HeaderMap, Query(query): Query<BTreeMap<String, String>>) -> Answer {
    if !is_allowed(&headers) {
        return bad(StatusCode::FORBIDDEN, 9109, "Invalid access token");
    }
    match query.get("name").map(String::as_str) {
        Some("apps.test") => good(json!([{ "id": "zone-1", "name": "apps.test" }])),
        _ => good(json!([])),
    }
}

async fn create(
    State(records): State<Arc<Records>>,
    headers: HeaderMap,
    Path(zone): Path<String>,
    Json(record): Json<Value>,
) -> Answer {
    if !is_allowed(&headers) || zone != "zone-1" {
        return bad(StatusCode::FORBIDDEN, 9109, "Invalid access token");
    }
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let (name, content) = (text("name"), text("content"));
    if text("type") != "TXT" || !content.starts_with('"') {
        return bad(StatusCode::BAD_REQUEST, 9005, "Content is invalid");
    }
    records.dns.txt(&name, content.trim_matches('"'));
    records.made.lock().push(name.clone());
    let id = format!("record-{}", records.made.lock().len());
    records.there.lock().insert(id.clone(), name);
    good(json!({ "id": id }))
}

async fn remove(
    State(records): State<Arc<Records>>,
    headers: HeaderMap,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    if !is_allowed(&headers) {
        return bad(StatusCode::FORBIDDEN, 9109, "Invalid access token");
    }
    match records.there.lock().remove(&id) {
        Some(name) => {
            records.dns.remove(&name);
            good(json!({ "id": id }))
        }
        None => bad(StatusCode::NOT_FOUND, 81044, "Record does not exist."),
    }
}
