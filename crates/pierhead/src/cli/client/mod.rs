//! The REST API's client: one request at a time, bounded answers, problems as errors.
//!
//! [`types`] holds every shape, [`calls`] every path, [`sse`] the live log. An expired access token is refreshed once, under a
//! lock that all commands of this user share, because a refresh token works once and using it twice signs everybody out.

pub(crate) mod access;
pub(crate) mod calls;
pub(crate) mod edge;
pub(crate) mod exec;
pub(crate) mod github;
pub(crate) mod notices;
pub(crate) mod pipelines;
mod problem;
pub(crate) mod sources;
pub(crate) mod sse;
pub(crate) mod types;
pub(crate) mod visitors;

use std::time::Duration;

use bytes::BytesMut;
use pierhead_model::Timestamp;
use pierhead_model::pipeline::Format;
use reqwest::{Method, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::credentials::{self, Credentials};
use super::error::Error;
use crate::output::Printer;

pub(crate) use problem::Problem;

/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Bytes a second that a file may take to be sent.
const SLOWEST: u64 = 64 << 10;

/// Who is asking.
#[derive(Debug)]
pub(crate) enum Identity {
    Nobody,
    /// An API token, from the environment or a file.
    Token(SecretString),
    /// Signed in with `login`.
    SignedIn {
        store: Credentials,
        access: Mutex<SecretString>,
    },
}

/// A connection to one server.
#[derive(Debug)]
pub(crate) struct Client<'p> {
    http: reqwest::Client,
    base: Url,
    identity: Identity,
    printer: &'p Printer,
    timeout: Duration,
}

/// An answer: as it came, and as it is understood.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    pub(crate) raw: Value,
}

/// A request that can be sent twice.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    url: Url,
    body: Option<Body>,
    /// Makes a POST safe to repeat.
    idempotency_key: Option<String>,
    if_match: Option<String>,
    /// For a WebSocket: the key that its answer has to prove it has read.
    socket_key: Option<String>,
}

#[derive(Debug)]
enum Body {
    Json(Value),
    /// A person's text as it is, so that the server can name its lines.
    Document(String, Format),
    /// A file's content, of so many bytes.
    File(std::path::PathBuf, u64),
}

impl Request {
    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_value(body).ok().map(Body::Json);
        self
    }

    pub(crate) fn file(mut self, path: std::path::PathBuf, size: u64) -> Self {
        self.body = Some(Body::File(path, size));
        self
    }

    /// Of a POST that may be repeated as it is.
    pub(crate) fn without_key(mut self) -> Self {
        self.idempotency_key = None;
        self
    }

    pub(crate) fn document(mut self, text: &str) -> Self {
        self.body = Some(Body::Document(text.to_owned(), Format::guess(text)));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// Only if nobody changed it since this version.
    pub(crate) fn if_match(mut self, version: u64) -> Self {
        self.if_match = Some(format!("\"{version}\""));
        self
    }
}

impl<'p> Client<'p> {
    pub(crate) fn new(
        base: Url,
        identity: Identity,
        timeout: Duration,
        printer: &'p Printer,
    ) -> Result<Self, Error> {
        let loopback =
            base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pierhead/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            // A redirect would carry the token to a place that nobody chose.
            .redirect(redirect::Policy::none());
        if loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            Error::local(
                "the HTTP client cannot be set up",
                error,
                "Check the system's certificate authorities.",
            )
        })?;
        Ok(Self { http, base, identity, printer, timeout })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// A request below `/api/v1`; segments are encoded, so a name cannot change the path.
    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> Request {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        }
        self.request_to(method, url)
    }

    pub(crate) fn request_to(&self, method: Method, url: Url) -> Request {
        let key = format!("{:032x}", rand::random::<u128>());
        let idempotency_key = (method == Method::POST).then_some(key);
        Request { method, url, body: None, idempotency_key, if_match: None, socket_key: None }
    }

    /// Sends and understands.
    pub(crate) async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<Answer<T>, Error> {
        let raw = self.call_raw(&request).await?;
        let body = serde_json::from_value(raw.clone())
            .map_err(|error| Error::Garbled { url: request.url.to_string(), why: error.to_string() })?;
        Ok(Answer { body, raw })
    }

    /// Sends; an empty answer is `null`.
    pub(crate) async fn call_raw(&self, request: &Request) -> Result<Value, Error> {
        let response = self.send(request, None).await?;
        let bytes = self.read(&request.url, response).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Garbled { url: request.url.to_string(), why: error.to_string() })
    }

    /// Sends, and once more with a fresh token when the first one has expired. The answer is a success.
    pub(crate) async fn send(
        &self,
        request: &Request,
        last_event: Option<u64>,
    ) -> Result<reqwest::Response, Error> {
        let token = self.token().await;
        let response = self.send_once(request, last_event, token.as_ref()).await?;
        let response = match (response.status(), token) {
            (StatusCode::UNAUTHORIZED, Some(used)) if self.refresh(&used).await? => {
                let token = self.token().await;
                self.send_once(request, last_event, token.as_ref()).await?
            }
            _ => response,
        };
        let status = response.status();
        if status.is_success() || (request.socket_key.is_some() && status == StatusCode::SWITCHING_PROTOCOLS)
        {
            return Ok(response);
        }
        let path = request.url.path();
        let signs_in = path.ends_with("/auth/login") || path.ends_with("/auth/device/token");
        if status == StatusCode::UNAUTHORIZED && matches!(self.identity, Identity::Nobody) && !signs_in {
            return Err(Error::NotSignedIn { url: self.base.to_string() });
        }
        if status.is_redirection() {
            let place = header(&response, "location").unwrap_or_default();
            let why = format!("it redirects to {place}");
            return Err(Error::Garbled { url: self.base.to_string(), why });
        }
        let request_id = header(&response, "x-request-id");
        let bytes = self.read(&request.url, response).await?;
        Err(Error::Problem(Box::new(Problem::read(status.as_u16(), request_id.as_deref(), &bytes))))
    }

    async fn send_once(
        &self,
        request: &Request,
        last_event: Option<u64>,
        token: Option<&SecretString>,
    ) -> Result<reqwest::Response, Error> {
        let mut builder = self.http.request(request.method.clone(), request.url.clone());
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose_secret());
        }
        builder = match &request.body {
            None => builder,
            Some(Body::Json(body)) => builder.json(body),
            Some(Body::Document(text, format)) => {
                let kind = match format {
                    Format::Yaml => "application/yaml",
                    Format::Json => "application/json",
                };
                builder.header("content-type", kind).body(text.clone())
            }
            Some(Body::File(path, size)) => {
                let file = fs_err::tokio::File::open(path).await.map_err(|error| {
                    Error::local("a file cannot be read", error, "Did it go away meanwhile? Deploy again.")
                })?;
                let content = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(file));
                builder = builder.header("content-type", "application/octet-stream");
                builder.header("content-length", *size).body(content)
            }
        };
        for (name, value) in [("idempotency-key", &request.idempotency_key), ("if-match", &request.if_match)]
        {
            if let Some(value) = value {
                builder = builder.header(name, value);
            }
        }
        if let Some(key) = &request.socket_key {
            builder = builder.header("connection", "Upgrade").header("upgrade", "websocket");
            builder = builder.header("sec-websocket-version", "13").header("sec-websocket-key", key);
        }
        if let Some(number) = last_event {
            builder = builder.header("accept", "text/event-stream").header("last-event-id", number);
        }
        let patience = match &request.body {
            Some(Body::File(_, size)) => self.timeout + Duration::from_secs(size / SLOWEST),
            _ => self.timeout,
        };
        let answer = tokio::time::timeout(patience, builder.send()).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => {
                return Err(Error::Unreachable {
                    url: self.base.to_string(),
                    why: format!("no answer within {} s", self.timeout.as_secs()),
                    fix: "Try again, or wait longer with --timeout.".to_owned(),
                });
            }
        };
        let id = header(&response, "x-request-id").unwrap_or_default();
        self.printer.trace(&format!(
            "{} {} {} {id}",
            request.method,
            request.url,
            response.status().as_u16()
        ));
        Ok(response)
    }

    async fn read(&self, url: &Url, mut response: reqwest::Response) -> Result<BytesMut, Error> {
        let mut bytes = BytesMut::new();
        loop {
            match tokio::time::timeout(self.timeout, response.chunk()).await {
                Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() <= MAX_ANSWER_BYTES => {
                    bytes.extend_from_slice(&chunk)
                }
                Ok(Ok(Some(_))) => {
                    let why = format!("the answer is longer than {} MiB", MAX_ANSWER_BYTES >> 20);
                    return Err(Error::Garbled { url: url.to_string(), why });
                }
                Ok(Ok(None)) => return Ok(bytes),
                Ok(Err(error)) => return Err(self.unreachable(&error)),
                Err(_) => {
                    return Err(Error::Unreachable {
                        url: self.base.to_string(),
                        why: "the answer stopped half-way".to_owned(),
                        fix: "Try again.".to_owned(),
                    });
                }
            }
        }
    }

    async fn token(&self) -> Option<SecretString> {
        match &self.identity {
            Identity::Nobody => None,
            Identity::Token(token) => Some(token.clone()),
            Identity::SignedIn { access, .. } => Some(access.lock().await.clone()),
        }
    }

    /// Gets a fresh access token; `false` when this identity cannot.
    async fn refresh(&self, used: &SecretString) -> Result<bool, Error> {
        let Identity::SignedIn { store, access } = &self.identity else { return Ok(false) };
        let mut access = access.lock().await;
        if access.expose_secret() != used.expose_secret() {
            return Ok(true);
        }
        let _lock = store.lock()?;
        // Another command may have refreshed it meanwhile.
        let Some(saved) = store.load()?.server(&self.base).cloned() else { return Ok(false) };
        if saved.access_token != used.expose_secret() {
            *access = saved.access_token.into();
            return Ok(true);
        }
        if saved.refresh_token.is_empty() {
            return Ok(false);
        }
        let body = types::Refresh { refresh_token: &saved.refresh_token };
        let request = self.request(Method::POST, &["auth", "refresh"]).body(&body);
        let response = self.send_once(&request, None, None).await?;
        if !response.status().is_success() {
            return Ok(false);
        }
        let bytes = self.read(&request.url, response).await?;
        let tokens: types::Tokens = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Garbled { url: request.url.to_string(), why: error.to_string() })?;
        let server = credentials::Server::new(saved.email, &tokens, Timestamp::now());
        *access = tokens.access_token.into();
        store.save(&self.base, server)?;
        Ok(true)
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Error {
        // The innermost cause says what is the matter: refused, unknown host, unknown certificate authority.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let why = cause.to_string();
        let fix = if why.to_ascii_lowercase().contains("certificate") {
            "Trust the certificate's authority on this machine, or name it in SSL_CERT_FILE."
        } else {
            "Is the server running (`pierhead up`)? Another address: --url, PIERHEAD_URL or `pierhead login --url`."
        };
        Error::Unreachable { url: self.base.to_string(), why, fix: fix.to_owned() }
    }
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}
