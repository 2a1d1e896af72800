//! `http-request` against a real server in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::Harness;

const PLUGIN: &str = "http-request";

/// What was asked: method, target, idempotency key, body.
type Seen = Arc<Mutex<Vec<(String, String, String, String)>>>;

#[derive(Clone, Default)]
struct Server {
    seen: Seen,
    not_ready: Arc<AtomicUsize>,
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    server.seen.lock().push((method.to_string(), uri.to_string(), header("idempotency-key"), body));
    match uri.path() {
        "/made" => {
            (StatusCode::CREATED, axum::Json(json!({"data": [{"id": 7, "a/b": "x"}]}))).into_response()
        }
        "/secret" if header("authorization") != "Bearer token" => StatusCode::UNAUTHORIZED.into_response(),
        "/slow-start" if server.not_ready.fetch_sub(1, Ordering::SeqCst) > 0 => {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        "/gone" => StatusCode::NOT_FOUND.into_response(),
        "/broken" => (StatusCode::INTERNAL_SERVER_ERROR, "it broke").into_response(),
        "/elsewhere" => (StatusCode::FOUND, [("location", "http://127.0.0.1/")]).into_response(),
        _ => "hello world".into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_sent_and_answers_checked() {
    let harness = Harness::new(13).await;
    let server = Server { not_ready: Arc::new(AtomicUsize::new(2)), ..Server::default() };
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(answer).with_state(server.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let base = format!("http://{}:{port}", harness.host);
    let url = |path: &str| format!("{base}{path}");

    let make = json!({
        "url": url("/made?a=b"), "method": "post", "json": {"name": "O'Brien\n"},
        "outputs": {"id": "/data/0/id", "odd": "/data/0/a~1b"},
        "destroy": {"url": url("/gone"), "method": "DELETE"},
    });
    for _ in 0..2 {
        let outputs = harness.create(PLUGIN, &make).await;
        assert_eq!(Value::Object(outputs), json!({"status": 201, "id": 7, "odd": "x"}));
    }
    let seen = std::mem::take(&mut *server.seen.lock());
    assert_eq!(seen[0], seen[1], "an attempt that is repeated says so by its key");
    let (method, target, key, body) = &seen[0];
    assert_eq!((method.as_str(), target.as_str()), ("POST", "/made?a=b"));
    assert!(key.ends_with("/made/create"), "{key}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"name": "O'Brien\n"}));
    for _ in 0..2 {
        harness.destroy(PLUGIN, &make).await;
    }
    let told = harness.destroy(PLUGIN, &json!({"url": base})).await;
    assert!(told.contains("Nothing to undo"), "{told}");

    // Asked again until it is good.
    harness
        .create(PLUGIN, &json!({"url": url("/slow-start"), "wait_s": 60, "expect_body": "hel+o\\s"}))
        .await;
    harness
        .create(PLUGIN, &json!({"url": url("/secret"), "headers": {"Authorization": "Bearer token"}}))
        .await;
    harness.create(PLUGIN, &json!({"url": url("/gone"), "expect_status": [404, 410]})).await;

    for (parameters, code, told) in [
        (json!({"url": url("/broken")}), 1, "status 500: it broke"),
        (json!({"url": url("/elsewhere")}), 1, "status 302"),
        (json!({"url": url("/secret")}), 77, "status 401"),
        (json!({"url": url("/"), "expect_body": "bye"}), 1, "does not match `expect_body`: hello world"),
        (json!({"url": url("/"), "outputs": {"id": "/id"}}), 76, "not JSON"),
        (json!({"url": url("/made"), "outputs": {"id": "/nothing"}}), 76, "nothing at `/nothing`"),
        (json!({"url": "http://10.215.13.1:1/"}), 69, "no answer"),
        (json!({"url": "http://no-such-service/"}), 69, "no answer"),
        (json!({"url": "file:///etc/passwd"}), 64, "not an http or https URL"),
        (json!({"url": "http://user:pw@host/"}), 64, "credentials do not belong into a URL"),
        (json!({"url": url("/a b")}), 64, "cannot be sent"),
        (json!({"url": url("/"), "headers": {"X": "a\r\nY: b"}}), 64, "cannot be sent"),
        (json!({"url": url("/"), "headers": {"X\r\nY": "b"}}), 64, "cannot be sent"),
        (json!({"url": url("/"), "method": "GET / HTTP/1.1\r\nX"}), 64, "the method is not a word"),
        (json!({"url": url("/"), "expect_status": ["200"]}), 64, "list of status codes"),
        (json!({"url": url("/"), "expect_body": "("}), 64, "not a regular expression"),
        (json!({}), 64, "`url` is missing"),
    ] {
        let said = harness.refused(PLUGIN, &parameters, code).await;
        assert!(said.contains(told), "{said}");
    }
    serving.abort();
    harness.sweep().await;
}
