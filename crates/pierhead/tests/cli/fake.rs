//! A server that answers from a script and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use futures::StreamExt as _;
use serde_json::{Value, json};

/// What is answered to one kind of request; the last answer stays.
#[derive(Clone)]
enum Answer {
    Json(u16, Value),
    /// Events; then the connection is cut, or kept open in silence.
    Events(String, Then),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Then {
    Cut,
    Hang,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /api/v1/me`, without the query.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
    pub(crate) headers: HeaderMap,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, Vec<Answer>>,
    asked: Vec<Asked>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Script>>);

pub(crate) struct Fake {
    shared: Shared,
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Shared::default();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { shared, url, _runtime: runtime }
    }

    /// `what` is a method and a path below `/api/v1`.
    pub(crate) fn on(self, what: &str, status: u16, body: Value) -> Self {
        self.add(what, Answer::Json(status, body))
    }

    /// A list.
    pub(crate) fn list(self, what: &str, items: Value) -> Self {
        self.on(what, 200, json!({ "items": items, "next_cursor": null }))
    }

    pub(crate) fn events(self, what: &str, events: &str, then: Then) -> Self {
        self.add(what, Answer::Events(events.to_owned(), then))
    }

    fn add(self, what: &str, answer: Answer) -> Self {
        let (method, path) = what.split_once(' ').unwrap();
        let key = format!("{method} /api/v1{path}");
        self.shared.0.lock().unwrap().answers.entry(key).or_default().push(answer);
        self
    }

    pub(crate) fn asked(&self, what: &str) -> Vec<Asked> {
        let (method, path) = what.split_once(' ').unwrap();
        let what = format!("{method} /api/v1{path}");
        self.shared.0.lock().unwrap().asked.iter().filter(|asked| asked.what == what).cloned().collect()
    }

    pub(crate) fn was_asked_at_all(&self) -> bool {
        !self.shared.0.lock().unwrap().asked.is_empty()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let what = format!("{method} {}", uri.path());
    let answer = {
        let mut script = shared.0.lock().unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let query = uri.query().unwrap_or_default().to_owned();
        script.asked.push(Asked { what: what.clone(), query, body, text, headers });
        match script.answers.get_mut(&what) {
            Some(answers) if answers.len() > 1 => Some(answers.remove(0)),
            Some(answers) => answers.first().cloned(),
            None => None,
        }
    };
    let response = Response::builder().header("x-request-id", "req-1");
    match answer {
        Some(Answer::Json(status, Value::Null)) => response.status(status).body(Body::empty()).unwrap(),
        Some(Answer::Json(status, body)) => {
            let response =
                response.status(status).header("content-type", "application/json").header("etag", "\"7\"");
            response.body(Body::from(body.to_string())).unwrap()
        }
        Some(Answer::Events(text, then)) => {
            let text = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
            let body = match then {
                Then::Cut => Body::from_stream(text),
                Then::Hang => Body::from_stream(text.chain(futures::stream::pending())),
            };
            response.header("content-type", "text/event-stream").body(body).unwrap()
        }
        None => {
            let problem = json!({
                "type": "https://pierhead.dev/problems/not-found", "title": "There is no such thing, or you may not see it",
                "status": 404, "detail": format!("`{what}` is not here."), "code": "not_found", "request_id": "req-1",
            });
            response.status(StatusCode::NOT_FOUND).body(Body::from(problem.to_string())).unwrap()
        }
    }
}

/// A deployment's document with some fields changed; `timings.x` changes one moment.
pub(crate) fn deployment(changes: Value) -> Value {
    let mut document = json!({
        "id": "3x9mq2p7ab", "number": 18, "project": "shop", "environment": "local", "slot": "production", "state": "PRODUCTION",
        "reason": null, "conditions": {"offline": false, "asleep": false, "crash_looping": false},
        "url": "https://shop.example.com", "urls": ["https://shop.example.com", "https://3x9mq2p7ab.example.com"],
        "commit": {"hash": "4f2a9c1e8b7d6a5c4b3a2918f7e6d5c4b3a29180", "message": "Sell more", "author": "Ada"},
        "pipeline_version": 1, "created_by": "ada@example.com", "trigger": "api", "steps": [], "plan": null, "release": "sha256:1",
        "peak_memory_mb": 41, "limits": null, "node": "local", "instance": {"healthy": true, "restarts": 0},
        "timings": {
            "queued_at": "2026-11-20T10:00:00Z", "building_at": "2026-11-20T10:00:00.1Z", "provisioning_at": "2026-11-20T10:00:37.2Z",
            "production_at": "2026-11-20T10:00:46Z", "ended_at": null
        },
        "created_at": "2026-11-20T10:00:00Z",
    });
    for (path, value) in changes.as_object().unwrap() {
        match path.strip_prefix("timings.") {
            Some(name) => document["timings"][name] = value.clone(),
            None => document[path] = value.clone(),
        }
    }
    document
}

/// A slot whose live deployment is `live`.
pub(crate) fn slot(live: &str) -> Value {
    json!({"name": "production", "environment": "local", "url": "https://shop.example.com", "live": live, "latest": live, "deleting": false})
}

/// One line of a log.
pub(crate) fn line(number: u64, step: &str, text: &str) -> Value {
    json!({"number": number, "time": "2026-11-20T10:00:05Z", "stream": "stdout", "step": step, "text": text})
}

/// One event of a live log.
pub(crate) fn line_event(line: &Value) -> String {
    format!("id: {}\nevent: line\ndata: {line}\n\n", line["number"])
}
