//! A registry that says what a test wants it to, and remembers what it was asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use parking_lot::Mutex;
use pierhead_registry::{Access, Credentials, Limits, Registry, RegistryName, Transport};

/// One request as the stub saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn authorization(&self) -> &str {
        self.header("authorization")
    }
}

type Answer = Box<dyn Fn(&Seen) -> Response + Send + Sync>;

pub(crate) struct Stub {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = (Arc<Mutex<Vec<Seen>>>, Arc<Answer>);

async fn handle(State((seen, answer)): State<Shared>, request: Request) -> Response {
    let one = Seen {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
    };
    seen.lock().push(one.clone());
    answer(&one)
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(Box::new(answer));
        let router = Router::new().fallback(handle).with_state((Arc::clone(&seen), answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// How many requests there were to a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen.lock().iter().filter(|seen| seen.path == path).count()
    }

    pub(crate) fn name(&self) -> RegistryName {
        format!("127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn access(&self) -> Access {
        Access { plain_http: true, ..Access::anonymous(self.name()) }
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::new(&transport(), self.access()).unwrap()
    }

    pub(crate) fn registry_as(&self, user: &str, password: &str) -> Registry {
        let credentials = Some(Credentials::new(user, password));
        Registry::new(&transport(), Access { credentials, ..self.access() }).unwrap()
    }
}

/// Impatient, so that tests are quick; the loopback address is allowed and no other that is not public.
pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        request: Duration::from_secs(2),
        total: Duration::from_secs(5),
        attempts: 3,
        pause: Duration::from_millis(10),
        pages: 20,
        ..Limits::default()
    }
}

pub(crate) fn transport() -> Transport {
    Transport::new(loopback_only, limits(), None).unwrap()
}

pub(crate) fn loopback_only(address: IpAddr) -> bool {
    address.is_loopback()
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

pub(crate) fn json(text: impl Into<Body>) -> Response {
    reply(200, &[("content-type", "application/json")], text)
}

/// A page of tags.
pub(crate) fn tags<S: AsRef<str>>(tags: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = tags.into_iter().map(|tag| format!("\"{}\"", tag.as_ref())).collect();
    format!("{{\"name\":\"acme/api\",\"tags\":[{}]}}", names.join(","))
}

pub(crate) fn repository() -> pierhead_registry::Repository {
    "acme/api".parse().unwrap()
}
