//! A stand-in for the four places of GitHub that a sign-in needs. It is as strict as GitHub says it is: a code is good once, with
//! the secret, and with the verifier of the challenge (RFC 7636).

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An Enterprise Server, by its API's place, with whoever is signed in there.
#[derive(Debug)]
pub struct GitHubAccounts {
    pub url: String,
    state: Arc<Mutex<Inside>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Who is in front of the screen.
    account: Value,
    addresses: Value,
    /// Challenges by code.
    codes: HashMap<String, String>,
    count: u32,
}

type Shared = Arc<Mutex<Inside>>;
type Fields = HashMap<String, String>;

impl GitHubAccounts {
    pub const CLIENT_ID: &'static str = "Iv1.0123456789abcdef";
    pub const CLIENT_SECRET: &'static str = "github's secret";

    pub async fn start() -> Self {
        let state = Shared::default();
        let routes = Router::new()
            .route("/login/oauth/authorize", get(authorize))
            .route("/login/oauth/access_token", post(exchange))
            .route("/api/v3/user", get(user))
            .route("/api/v3/user/emails", get(emails))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, state, server }
    }

    /// Somebody sits down there.
    pub fn sign_in(&self, id: u64, login: &str, addresses: &[(&str, bool, bool)]) {
        let mut state = self.state.lock();
        state.account = json!({ "id": id, "login": login, "name": null });
        let address = |(email, primary, verified): &(&str, bool, bool)| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
        state.addresses = addresses.iter().map(address).collect();
    }
}

impl Drop for GitHubAccounts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn authorize(State(state): State<Shared>, Query(query): Query<Fields>) -> Response {
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    if of("client_id") != GitHubAccounts::CLIENT_ID || of("code_challenge_method") != "S256" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut state = state.lock();
    state.count += 1;
    let code = format!("code-{}", state.count);
    state.codes.insert(code.clone(), of("code_challenge"));
    Redirect::to(&format!("{}?code={code}&state={}", of("redirect_uri"), of("state"))).into_response()
}

async fn exchange(State(state): State<Shared>, Form(form): Form<Fields>) -> Json<Value> {
    let of = |name: &str| form.get(name).cloned().unwrap_or_default();
    let challenge = state.lock().codes.remove(&of("code"));
    let verifier = of("code_verifier");
    let proven = BASE64.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    // GitHub answers mistakes with 200 too.
    Json(if of("client_secret") != GitHubAccounts::CLIENT_SECRET {
        json!({ "error": "incorrect_client_credentials" })
    } else if challenge != Some(proven) {
        json!({ "error": "bad_verification_code" })
    } else {
        json!({ "access_token": "gho_test", "token_type": "bearer", "scope": "read:user,user:email" })
    })
}

fn known(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == "Bearer gho_test")
}

async fn user(State(state): State<Shared>, headers: HeaderMap) -> Response {
    if known(&headers) { Json(state.lock().account.clone()).into_response() } else { refused() }
}

async fn emails(State(state): State<Shared>, headers: HeaderMap) -> Response {
    if known(&headers) { Json(state.lock().addresses.clone()).into_response() } else { refused() }
}

fn refused() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response()
}
