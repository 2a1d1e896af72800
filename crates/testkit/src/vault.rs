//! A stand-in for Vault's transit engine, after its published HTTP API: a key has versions, ciphertexts say which one they are of
//! (`vault:v2:…`), and a token may do what it may do.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Dropping it stops it.
#[derive(Debug)]
pub struct Vault {
    pub url: String,
    port: u16,
    state: Shared,
    server: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inside {
    token: String,
    sealed: bool,
    /// Of the one key, oldest first.
    versions: Vec<[u8; 32]>,
    /// Ciphertexts of versions before this one do not open any more; counts from 1.
    oldest: usize,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Inside>>;

impl Vault {
    /// Its engine is mounted at `transit/`, and has one key.
    pub const KEY: &'static str = "pierhead";

    /// One that does not answer yet.
    pub fn unstarted() -> Self {
        let port = crate::free_port();
        let inside = Inside {
            token: "hvs.the-first-token".to_owned(),
            sealed: false,
            versions: vec![rand::random()],
            oldest: 1,
            asked: Vec::new(),
        };
        Self {
            url: format!("http://127.0.0.1:{port}"),
            port,
            state: Arc::new(Mutex::new(inside)),
            server: None,
        }
    }

    pub async fn start() -> Self {
        let mut vault = Self::unstarted();
        vault.answer().await;
        vault
    }

    /// It answers from now on.
    pub async fn answer(&mut self) {
        let routes = Router::new()
            .route("/v1/transit/{what}/{key}", post(transit).put(transit))
            .fallback(|| async { refuse(StatusCode::NOT_FOUND, "no handler for route") })
            .with_state(Arc::clone(&self.state));
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.server = Some(tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }));
    }

    /// It is gone; what it knows is kept for when it answers again.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    pub fn token(&self) -> String {
        self.state.lock().token.clone()
    }

    /// Another token is the good one from now on.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut self.state.lock().token);
    }

    pub fn seal(&self, sealed: bool) {
        self.state.lock().sealed = sealed;
    }

    /// A newer version of the key; older ones open, until they are retired.
    pub fn rotate(&self) {
        self.state.lock().versions.push(rand::random());
    }

    /// Only the newest version opens anything.
    pub fn retire(&self) {
        let mut inside = self.state.lock();
        inside.oldest = inside.versions.len();
    }

    /// What it was asked for, in order: `encrypt`, `decrypt`, `rewrap`.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().asked.clone()
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "errors": [why] }))).into_response()
}

async fn transit(
    State(state): State<Shared>,
    Path((what, key)): Path<(String, String)>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    let mut inside = state.lock();
    if inside.sealed {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "Vault is sealed");
    }
    if headers.get("x-vault-token").is_none_or(|token| token.as_bytes() != inside.token.as_bytes()) {
        return refuse(StatusCode::FORBIDDEN, "permission denied");
    }
    if key != Vault::KEY {
        return refuse(StatusCode::BAD_REQUEST, "encryption key not found");
    }
    inside.asked.push(what.clone());
    let field = |name: &str| asked[name].as_str().map(str::to_owned);
    let done = match what.as_str() {
        "encrypt" => field("plaintext").and_then(|text| BASE64.decode(text).ok()).map(
            |plain| json!({ "ciphertext": inside.encrypt(&plain), "key_version": inside.versions.len() }),
        ),
        "decrypt" => field("ciphertext")
            .and_then(|text| inside.decrypt(&text))
            .map(|plain| json!({ "plaintext": BASE64.encode(plain) })),
        "rewrap" => field("ciphertext").and_then(|text| inside.decrypt(&text)).map(
            |plain| json!({ "ciphertext": inside.encrypt(&plain), "key_version": inside.versions.len() }),
        ),
        _ => return refuse(StatusCode::NOT_FOUND, "unsupported path"),
    };
    match done {
        Some(data) => Json(json!({
            "request_id": "c2c4d1f0", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data,
        }))
        .into_response(),
        None => refuse(StatusCode::BAD_REQUEST, "invalid ciphertext: unable to decrypt"),
    }
}

impl Inside {
    fn encrypt(&self, plain: &[u8]) -> String {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        let key = cipher(self.versions.last().unwrap());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).unwrap();
        format!("vault:v{}:{}", self.versions.len(), BASE64.encode([&nonce[..], &sealed].concat()))
    }

    fn decrypt(&self, text: &str) -> Option<Vec<u8>> {
        let (version, body) = text.strip_prefix("vault:v")?.split_once(':')?;
        let version: usize = version.parse().ok().filter(|version| *version >= self.oldest)?;
        let key = cipher(self.versions.get(version.checked_sub(1)?)?);
        let bytes = BASE64.decode(body).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        Some(key.open_in_place(nonce, Aad::empty(), &mut body).ok()?.to_vec())
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap())
}
