//! A control plane with an ingress that only listens, DNS that the test writes, and a clock that it turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::SignedDuration;
use parking_lot::Mutex;
use pierhead_control::{
    AccessOptions, AcmeOptions, Client, Control, Detector, DomainView, EdgeOptions, Error, MasterKey,
    NewCertificate, NewDeployment, NewDomain, NewProject, Outside, Principal, PublicAddress, Records,
    Repositories, Resolver, Services, SourceOptions,
};
use pierhead_model::Timestamp;
use pierhead_model::domain::DomainState;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::hostname::Hostname;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};
use pierhead_store::Store;
use pierhead_testkit::{Dns, Pebble};
use pierhead_wire::{ControlToIngress, IngressToControl, link};
use serde_json::json;

use crate::cloudflare::{Cloudflare, TOKEN};

/// In seconds.
pub(crate) const DAY: i64 = 86_400;
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that a test may turn ahead.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicI64);

impl Outside for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

#[derive(Debug)]
struct Blind;

#[async_trait]
impl Detector for Blind {
    async fn detect(
        &self,
        _: &RepositoryUrl,
        _: Option<&GitReference>,
        _: &Folder,
        _: &BuildSettings,
    ) -> Result<BuildPlan, Error> {
        Err(Error::DetectionFailed { detail: "nothing is looked at here".into() })
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
        Err(unseen(repository))
    }

    async fn compare(
        &self,
        (repository, _): (&RepositoryUrl, &GitAccess),
        _: Option<&str>,
        _: &str,
        _: &Folder,
    ) -> Result<Compared, Error> {
        Err(unseen(repository))
    }

    async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, Error> {
        Err(unseen(repository))
    }
}

fn unseen(repository: &RepositoryUrl) -> Error {
    Error::Unavailable { detail: format!("Nobody looks at {repository} here.") }
}

/// What an ingress was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The project of every hostname.
    routes: BTreeMap<String, String>,
    /// The chain of every name.
    certificates: BTreeMap<String, String>,
    /// Answers by token.
    challenges: BTreeMap<String, String>,
    /// Whether authorities are not answered.
    deaf: bool,
}

pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) admin: Principal,
    pub(crate) dns: Arc<Dns>,
    cloudflare: Option<Cloudflare>,
    _pebble: Option<Pebble>,
    pub(crate) clock: Arc<Clock>,
    told: Arc<Mutex<Told>>,
    _control: Control,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::around(Arc::new(Dns::start().await), None, None, Arc::default()).await
    }

    /// Certificates are ordered at an authority, and are good for so long.
    pub(crate) async fn with_authority(validity: Duration) -> Self {
        let (dns, told) = (Arc::new(Dns::start().await), Arc::default());
        let port = answer(Arc::clone(&told)).await;
        let pebble = Pebble::start(dns.address, port, validity).await;
        Self::around(dns, Some(pebble), None, told).await
    }

    /// And the zone of the base domain is at Cloudflare.
    pub(crate) async fn with_cloudflare(validity: Duration) -> Self {
        let (dns, told) = (Arc::new(Dns::start().await), Arc::default());
        let cloudflare = Cloudflare::start(Arc::clone(&dns)).await;
        let pebble = Pebble::start(dns.address, 1, validity).await;
        Self::around(dns, Some(pebble), Some(cloudflare), told).await
    }

    async fn around(
        dns: Arc<Dns>,
        pebble: Option<Pebble>,
        cloudflare: Option<Cloudflare>,
        told: Arc<Mutex<Told>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}", folder.path().join("db").display());
        let data_dir = folder.path().to_owned();
        let store = Store::open(&pierhead_store::Options { database_url, data_dir }).await.unwrap();
        let clock = Arc::new(Clock::default());
        let names = Arc::new(Resolver::new(&[dns.address]).unwrap());
        let control = Control::start(pierhead_control::Options {
            store,
            outside: Arc::clone(&clock) as Arc<dyn Outside>,
            key: MasterKey::from_bytes([7; 32]),
            base_domain: Hostname::parse("apps.test").unwrap(),
            public: PublicAddress { scheme: "http".to_owned(), port: None, tls: None },
            detector: Arc::new(Blind),
            sources: SourceOptions { repositories: Arc::new(Blind), pushes: None, webhook_secret: None },
            build_limit: None,
            agents: None,
            allow_addresses: Vec::new(),
            ca_bundle: None,
            plugins: Vec::new(),
            access: AccessOptions {
                console_url: "https://console.test".to_owned(),
                ..AccessOptions::default()
            },
            edge: EdgeOptions {
                names,
                acme: pebble.as_ref().map(|pebble| AcmeOptions {
                    directory: pebble.directory.clone(),
                    email: Some("ops@example.com".to_owned()),
                    ca_bundle: Some(fs_err::read(&pebble.trust).unwrap()),
                }),
                caches: None,
                records: cloudflare.as_ref().map(|stand_in| {
                    let (token, api_url) = (TOKEN.into(), stand_in.url.clone());
                    let options = pierhead_control::CloudflareOptions { token, api_url };
                    Arc::new(pierhead_control::Cloudflare::new(options).unwrap()) as Arc<dyn Records>
                }),
            },
        })
        .await
        .unwrap();
        let services = control.services();
        let password = || "correct horse battery".to_owned().into();
        services.auth.create_first("ada@example.com", password()).await.unwrap();
        let tokens = services.auth.login("ada@example.com", password(), Client::default()).await.unwrap();
        let admin = services.auth.authenticate(&tokens.access_token).await.unwrap();
        let (to_ingress, from_control) = link::memory();
        control.attach_ingress(to_ingress);
        tokio::spawn(listen(from_control, Arc::clone(&told)));
        Self {
            services,
            admin,
            dns,
            cloudflare,
            _pebble: pebble,
            clock,
            told,
            _control: control,
            _folder: folder,
        }
    }

    /// A project with a deployment that waits for a node: enough for its hostnames to have routes.
    pub(crate) async fn deploy(&self, name: &str) {
        let source = json!({ "source": { "repository": format!("https://git.example/{name}.git") } });
        let settings = serde_json::from_value(source).unwrap();
        let new = NewProject { name: name.to_owned(), team: None, settings };
        self.services.projects.create(&self.admin, new).await.unwrap();
        let accepted =
            self.services.deployments.deploy_project(&self.admin, name, NewDeployment::default()).await;
        accepted.unwrap();
        self.until_routed(&format!("{name}.apps.test"), Some(name)).await;
    }

    pub(crate) async fn claim(&self, project: &str, host: &str) -> DomainView {
        let new = NewDomain { name: host.to_owned(), slot: None };
        self.services.domains.put(&self.admin, project, new).await.unwrap()
    }

    /// Puts the proof into DNS and waits until the hostname is the project's.
    pub(crate) async fn prove(&self, project: &str, host: &str) {
        let claim = self.claim(project, host).await;
        self.dns.txt(&claim.records[0].name, &claim.records[0].value);
        self.until_verified(project, host).await;
    }

    /// A project with a hostname that leads here.
    pub(crate) async fn own(&self, project: &str, host: &str) {
        self.deploy(project).await;
        self.dns.address(host, [127, 0, 0, 1].into());
        self.prove(project, host).await;
    }

    pub(crate) fn cloudflare(&self) -> &Cloudflare {
        self.cloudflare.as_ref().unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn turn_ahead(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.told.lock().deaf = deaf;
    }

    pub(crate) fn challenges(&self) -> Vec<String> {
        self.told.lock().challenges.keys().cloned().collect()
    }

    /// The chain that a name is served with.
    pub(crate) fn certified(&self, name: &str) -> Option<String> {
        self.told.lock().certificates.get(name).cloned()
    }

    pub(crate) async fn until_certified(&self, name: &str, holds: impl Fn(&String) -> bool) -> String {
        self.until_told(|told| told.certificates.get(name).is_some_and(&holds)).await;
        self.certified(name).unwrap()
    }

    /// Asks again, some time later.
    pub(crate) async fn verify(&self, project: &str, host: &str) -> DomainView {
        self.clock.0.fetch_add(3, Ordering::Relaxed);
        self.services.domains.verify(&self.admin, project, host).await.unwrap()
    }

    /// Asks until the answer holds.
    pub(crate) async fn until(
        &self,
        project: &str,
        host: &str,
        holds: impl Fn(&DomainView) -> bool,
    ) -> DomainView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.verify(project, host).await;
            if holds(&view) {
                return view;
            }
            assert!(Instant::now() < deadline, "{view:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_state(&self, project: &str, host: &str, state: DomainState) -> DomainView {
        self.until(project, host, |view| view.state == state).await
    }

    pub(crate) async fn until_verified(&self, project: &str, host: &str) -> DomainView {
        self.until_state(project, host, DomainState::Verified).await
    }

    pub(crate) async fn until_explained(&self, project: &str, host: &str, words: &str) -> DomainView {
        self.until(project, host, |view| view.explanation.contains(words)).await
    }

    /// The project that the ingress shows for a hostname.
    pub(crate) fn routed(&self, host: &str) -> Option<String> {
        self.told.lock().routes.get(host).cloned()
    }

    pub(crate) async fn until_routed(&self, host: &str, project: Option<&str>) {
        self.until_told(|told| told.routes.get(host).map(String::as_str) == project).await;
    }

    pub(crate) async fn until_told(&self, holds: impl Fn(&Told) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.told.lock()) {
            assert!(Instant::now() < deadline, "{:?}", self.told.lock());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn listen(mut link: link::End<IngressToControl, ControlToIngress>, told: Arc<Mutex<Told>>) {
    while let Some(message) = link.receive().await {
        match message {
            ControlToIngress::Table { epoch, generation, routes } => {
                let routes = routes.into_iter().map(|it| (it.host.to_string(), it.project.to_string()));
                told.lock().routes = routes.collect();
                let _ = link.send(IngressToControl::Applied { epoch, generation }).await;
            }
            ControlToIngress::Change { epoch, generation, upserts, removals, .. } => {
                {
                    let mut told = told.lock();
                    for host in removals {
                        told.routes.remove(host.as_str());
                    }
                    let upserts = upserts.into_iter().map(|it| (it.host.to_string(), it.project.to_string()));
                    told.routes.extend(upserts);
                }
                let _ = link.send(IngressToControl::Applied { epoch, generation }).await;
            }
            ControlToIngress::Certificates { whole, certificates, removals } => {
                let mut told = told.lock();
                if whole {
                    told.certificates.clear();
                }
                for name in removals {
                    told.certificates.remove(&name);
                }
                for certificate in certificates {
                    assert!(certificate.key.expose().contains("PRIVATE KEY"));
                    let chain = certificate.chain;
                    let names = certificate.names.into_iter();
                    told.certificates.extend(names.map(|name| (name, chain.clone())));
                }
            }
            ControlToIngress::Challenges { version, answers } => {
                told.lock().challenges = answers.into_iter().collect();
                let _ = link.send(IngressToControl::Answering { version }).await;
            }
            // It counts nothing.
            ControlToIngress::Counted { .. } => {}
        }
    }
}

/// What an authority meets: the ingress's answers to its challenges. The port is the answer.
async fn answer(told: Arc<Mutex<Told>>) -> u16 {
    let by_token = |Path(token): Path<String>| async move {
        let told = told.lock();
        let found = told.challenges.get(&token).filter(|_| !told.deaf);
        found.cloned().ok_or(StatusCode::NOT_FOUND)
    };
    let router = Router::new().route("/.well-known/acme-challenge/{token}", get(by_token));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// A certificate for these names that somebody made for themselves.
pub(crate) fn upload(names: &[&str]) -> NewCertificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    NewCertificate { chain: made.pem(), key: key.serialize_pem().into() }
}
