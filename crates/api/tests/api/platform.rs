//! A control plane in a temporary folder, and calls to its router.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use pierhead_api::{Options, router_with};
use pierhead_control::{
    Control, Detector, Error, MasterKey, Outside, PublicAddress, Repositories, SourceOptions,
};
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::UserId;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};
use pierhead_store::{InstanceRole, Store, User};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The real time, and what a test adds to it.
#[derive(Debug, Default)]
struct Host {
    ahead_s: AtomicI64,
}

impl Outside for Host {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_s.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(16) {
            // The last 16 bytes of a version 7 UUID differ enough for a test.
            let random = uuid::Uuid::now_v7().into_bytes();
            chunk.iter_mut().zip(random.iter().rev()).for_each(|(byte, random)| *byte = *random);
        }
    }
}

/// Recognises nothing.
#[derive(Debug)]
struct Blind;

#[async_trait]
impl Detector for Blind {
    async fn detect(
        &self,
        repository: &RepositoryUrl,
        _: Option<&GitReference>,
        _: &Folder,
        _: &BuildSettings,
    ) -> Result<BuildPlan, Error> {
        Err(Error::DetectionFailed { detail: format!("There is nothing to build in {repository}.") })
    }
}

#[async_trait]
impl Repositories for Blind {
    async fn references(
        &self,
        repository: &RepositoryUrl,
        _: &GitAccess,
        _: &[String],
    ) -> Result<References, Error> {
        Err(Error::Unavailable { detail: format!("Nobody looks at {repository} here.") })
    }

    async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, Error> {
        Err(Error::Unavailable { detail: format!("Nobody looks at {repository} here.") })
    }

    async fn compare(
        &self,
        (repository, _): (&RepositoryUrl, &GitAccess),
        _: Option<&str>,
        _: &str,
        _: &Folder,
    ) -> Result<Compared, Error> {
        Err(Error::Unavailable { detail: format!("Nobody looks at {repository} here.") })
    }
}

pub(crate) struct Platform {
    pub(crate) router: Router,
    pub(crate) token: String,
    control: Control,
    host: Arc<Host>,
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the problem's code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Platform {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Arc::new(Host::default());
        let database_url = format!("sqlite://{}", folder.path().join("db").display());
        let data_dir = folder.path().to_owned();
        let store = Store::open(&pierhead_store::Options { database_url, data_dir }).await.unwrap();
        let control = Control::start(pierhead_control::Options {
            store: store.clone(),
            outside: Arc::clone(&host) as Arc<dyn Outside>,
            key: MasterKey::from_bytes([7; 32]),
            base_domain: Hostname::parse("localhost").unwrap(),
            public: PublicAddress { scheme: "http".to_owned(), port: Some(8480), tls: None },
            detector: Arc::new(Blind),
            sources: SourceOptions { repositories: Arc::new(Blind), pushes: None, webhook_secret: None },
            build_limit: None,
            agents: None,
            allow_addresses: vec!["127.0.0.0/8".parse().unwrap()],
            ca_bundle: None,
            plugins: Vec::new(),
            access: Default::default(),
            edge: Default::default(),
        })
        .await
        .unwrap();
        let services = control.services();
        services.auth.create_first(EMAIL, PASSWORD.to_owned().into()).await.unwrap();
        let tokens =
            services.auth.login(EMAIL, PASSWORD.to_owned().into(), Default::default()).await.unwrap();
        let router = router_with(services, options);
        Self { router, token: tokens.access_token, control, host, store, _folder: folder }
    }

    /// Time passes.
    pub(crate) fn advance(&self, seconds: i64) {
        self.host.ahead_s.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) async fn stop(self) {
        self.control.stop().await;
    }

    /// Signed in; paths without a leading `/api` or the like are below `/api/v1`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.token, method, path, body).await
    }

    pub(crate) async fn call_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// A request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A request whose answer has no end: only how it begins.
    pub(crate) async fn begun(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, _) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, text: String::new() }
    }

    /// An API token with these scopes.
    pub(crate) async fn token_with(&self, scopes: &[&str]) -> String {
        let body = json!({ "name": "test", "scopes": scopes });
        let answer = self.call("POST", "/tokens", Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_owned()
    }
    /// Somebody who is signed in and no administrator.
    pub(crate) async fn member_token(&self) -> String {
        let admin = self.store.user_by_email(EMAIL).await.unwrap().unwrap();
        let email = "grace@example.com";
        let id = UserId::new(Timestamp::now(), 7);
        let member = User { id, email: email.to_owned(), role: InstanceRole::User, ..admin };
        self.store.user_create(&member).await.unwrap();
        let body = json!({ "email": email, "password": PASSWORD });
        let tokens = self.call_as("", "POST", "/auth/login", Some(body)).await.json();
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}
