//! A stand-in for GitHub's REST API, as an Enterprise Server: one app, its installations, their repositories, and what is told
//! there. It is as strict as GitHub says it is: who asks is proved by the app's signature or by a token, and a token of an
//! installation is good for what was asked for when it was made.
//!
//! `answers.json` has the least that each answer needs by GitHub's own description (`@octokit/openapi` 23.0.2, MIT); a test
//! validates what was asked and answered against that description.

mod routes;
mod sending;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One question that was asked, and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    /// Below the API's address.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
    pub status: u16,
    pub answer: Value,
}

/// The server. It ends with this value.
#[derive(Debug)]
pub struct GitHub {
    /// Where its pages are; its API is below `/api/v3`.
    pub url: String,
    /// The app's private key, as GitHub gives it.
    pub private_key: String,
    pub(crate) inside: Arc<Mutex<Inside>>,
    server: JoinHandle<()>,
}

/// A token of an installation.
#[derive(Debug, Clone)]
pub(crate) struct InstallationToken {
    pub(crate) installation: u64,
    pub(crate) repositories: BTreeSet<u64>,
    pub(crate) permissions: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) full_name: String,
    pub(crate) branches: Vec<String>,
    /// Logins.
    pub(crate) writers: BTreeSet<String>,
    pub(crate) readers: BTreeSet<String>,
}

/// A status, headers, a sentence.
pub(crate) type Instead = (u16, Vec<(String, String)>, String);

#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) url: String,
    public_key: Vec<u8>,
    pub(crate) repositories: Vec<Repository>,
    /// Account and repositories by installation.
    pub(crate) installations: BTreeMap<u64, (String, BTreeSet<u64>)>,
    pub(crate) tokens: BTreeMap<String, InstallationToken>,
    /// Logins by token.
    pub(crate) people: BTreeMap<String, String>,
    /// Who is signed in where somebody is asked, by the code they came back with.
    pub(crate) codes: BTreeMap<String, (String, String)>,
    pub(crate) refresh: BTreeMap<String, String>,
    pub(crate) statuses: Vec<Value>,
    pub(crate) deployments: Vec<Value>,
    pub(crate) deployment_statuses: Vec<(u64, Value)>,
    pub(crate) comments: Vec<(u64, Value)>,
    pub(crate) hooks: Vec<Value>,
    /// What was sent by webhooks, the newest first; by the id of the webhook, `None` for the app's.
    pub(crate) deliveries: Vec<(Option<u64>, Value)>,
    /// Where the app's webhook goes.
    pub(crate) app_hook: String,
    pub(crate) exchanges: Vec<Exchange>,
    /// What is answered instead.
    pub(crate) instead: VecDeque<Instead>,
    pub(crate) count: u64,
    /// Codes of manifests that an app was made of.
    pub(crate) manifests: BTreeSet<String>,
    pub(crate) private_key: String,
    /// Its clock, beside the machine's.
    pub(crate) ahead_s: u64,
}

impl Inside {
    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Whether this is a token that the app signed.
    pub(crate) fn is_app(&self, jwt: &str) -> bool {
        let Some((text, signature)) = jwt.rsplit_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key);
        let claims = text.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let own = claims.is_some_and(|claims| {
            claims["iss"].as_str().and_then(|iss| iss.parse().ok()) == Some(GitHub::APP_ID)
        });
        own && key.verify(text.as_bytes(), &signature).is_ok()
    }
}

impl GitHub {
    pub const APP_ID: u64 = 4711;
    pub const CLIENT_ID: &'static str = "Iv23lifrodo";
    pub const CLIENT_SECRET: &'static str = "the app's client secret";
    pub const WEBHOOK_SECRET: &'static str = "the app's webhook secret";

    pub async fn start() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let private_key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let public_key = key.public_key().as_ref().to_vec();
        let inside =
            Inside { url: url.clone(), public_key, private_key: private_key.clone(), ..Inside::default() };
        let inside = Arc::new(Mutex::new(inside));
        let app = Router::new().fallback(routes::answer).with_state(Arc::clone(&inside));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, private_key, inside, server }
    }

    /// Host and port, as addresses of repositories say them.
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// A repository with people who may write, and people who may only read. Its id.
    pub fn repository(&self, full_name: &str, branches: &[&str], writers: &[&str], readers: &[&str]) -> u64 {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let mut inside = self.inside.lock();
        let id = 1000 + inside.next();
        inside.repositories.push(Repository {
            id,
            full_name: full_name.to_owned(),
            branches: branches.iter().map(|&branch| branch.to_owned()).collect(),
            writers: owned(writers),
            readers: owned(readers),
        });
        id
    }

    /// The app is installed for some repositories of an account. The installation's id.
    pub fn install(&self, account: &str, repositories: &[u64]) -> u64 {
        let mut inside = self.inside.lock();
        let id = 100 + inside.next();
        inside.installations.insert(id, (account.to_owned(), repositories.iter().copied().collect()));
        id
    }

    pub fn uninstall(&self, installation: u64) {
        let mut inside = self.inside.lock();
        inside.installations.remove(&installation);
        inside.tokens.retain(|_, token| token.installation != installation);
    }

    /// Somebody lets the app see what they see: the code that they come back with. `address` is where they were sent.
    pub fn authorize(&self, login: &str, address: &str) -> (String, String) {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        let field = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap_or_default().to_owned()
        };
        assert_eq!(
            (field("client_id").as_str(), field("code_challenge_method").as_str()),
            (Self::CLIENT_ID, "S256")
        );
        let mut inside = self.inside.lock();
        let code = format!("code-{}", inside.next());
        inside.codes.insert(code.clone(), (login.to_owned(), field("code_challenge")));
        (code, field("state"))
    }

    /// An administrator posted a manifest: the code that they come back with.
    pub fn make_app(&self, manifest: &Value) -> String {
        for field in
            ["name", "url", "redirect_url", "callback_urls", "hook_attributes", "default_permissions"]
        {
            assert!(!manifest[field].is_null(), "{field} of {manifest:#}");
        }
        let mut inside = self.inside.lock();
        let code = format!("manifest-{}", inside.next());
        inside.manifests.insert(code.clone());
        code
    }

    /// A personal token.
    pub fn personal_token(&self, login: &str) -> String {
        let mut inside = self.inside.lock();
        let token = format!("ghp_{}", inside.next());
        inside.people.insert(token.clone(), login.to_owned());
        token
    }

    /// The next questions are answered so, whatever they are.
    pub fn answer_instead(&self, status: u16, headers: &[(&str, &str)], message: &str) {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.inside.lock().instead.push_back((status, headers, message.to_owned()));
    }

    /// How many questions are still to be answered so.
    pub fn answers_instead(&self) -> usize {
        self.inside.lock().instead.len()
    }

    /// Moves its clock on.
    pub fn later(&self, seconds: u64) {
        self.inside.lock().ahead_s += seconds;
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inside.lock().exchanges.clone()
    }

    /// Statuses of commits, the oldest first.
    pub fn statuses(&self) -> Vec<Value> {
        self.inside.lock().statuses.clone()
    }

    pub fn deployments(&self) -> Vec<Value> {
        self.inside.lock().deployments.clone()
    }

    /// States of a deployment, the oldest first.
    pub fn deployment_states(&self, id: u64) -> Vec<String> {
        let inside = self.inside.lock();
        let of_it = inside.deployment_statuses.iter().filter(|(of, _)| *of == id);
        of_it.filter_map(|(_, status)| status["state"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// What is written below an issue or pull request.
    pub fn comments(&self, number: u64) -> Vec<String> {
        let inside = self.inside.lock();
        let of_it = inside.comments.iter().filter(|(of, _)| *of == number);
        of_it.filter_map(|(_, comment)| comment["body"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// Where the app's webhook goes from now on.
    pub fn app_hook(&self, url: &str) {
        url.clone_into(&mut self.inside.lock().app_hook);
    }

    /// The app's webhook sent a push, and this became of it.
    pub fn app_sent(&self, status: &str, status_code: u16) {
        sending::note(&mut self.inside.lock(), None, "push", (status, status_code));
    }

    /// Somebody took every webhook away.
    pub fn forget_hooks(&self) {
        self.inside.lock().hooks.clear();
    }

    pub fn hooks(&self) -> Vec<Value> {
        self.inside.lock().hooks.clone()
    }

    /// What a repository looks like in payloads of webhooks.
    pub fn payload_of(&self, full_name: &str) -> Value {
        json!({ "clone_url": format!("https://{}/{full_name}.git", self.authority()), "default_branch": "main" })
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}
