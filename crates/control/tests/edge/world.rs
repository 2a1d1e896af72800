//! A control plane with an ingress that only listens, DNS that the test writes, and a clock that it turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::SignedDuration;
use parking_lot::Mutex;
use pierhead_control::{
    AccessOptions, Client, Control, Detector, DomainView, EdgeOptions, Error, MasterKey, NewDeployment,
    NewDomain, NewProject, Outside, Principal, PublicAddress, Repositories, Resolver, Services,
    SourceOptions,
};
use pierhead_model::Timestamp;
use pierhead_model::domain::DomainState;
use pierhead_model::hostname::Hostname;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};
use pierhead_store::Store;
use pierhead_testkit::Dns;
use pierhead_wire::{ControlToIngress, IngressToControl, link};
use serde_json::json;

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
    async fn references(&self, repository: &RepositoryUrl, _: &[String]) -> Result<References, Error> {
        Err(Error::Unavailable { detail: format!("Nobody looks at {repository} here.") })
    }

    async fn compare(
        &self,
        repository: &RepositoryUrl,
        _: Option<&str>,
        _: &str,
        _: &Folder,
    ) -> Result<Compared, Error> {
        Err(Error::Unavailable { detail: format!("Nobody looks at {repository} here.") })
    }
}

/// What an ingress was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The project of every hostname.
    routes: BTreeMap<String, String>,
}

pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) admin: Principal,
    pub(crate) dns: Dns,
    pub(crate) clock: Arc<Clock>,
    told: Arc<Mutex<Told>>,
    _control: Control,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}", folder.path().join("db").display());
        let data_dir = folder.path().to_owned();
        let store = Store::open(&pierhead_store::Options { database_url, data_dir }).await.unwrap();
        let (dns, clock) = (Dns::start().await, Arc::new(Clock::default()));
        let names = Arc::new(Resolver::new(&[dns.address]).unwrap());
        let control = Control::start(pierhead_control::Options {
            store,
            outside: Arc::clone(&clock) as Arc<dyn Outside>,
            key: MasterKey::from_bytes([7; 32]),
            base_domain: Hostname::parse("apps.test").unwrap(),
            public: PublicAddress { scheme: "http".to_owned(), port: None },
            detector: Arc::new(Blind),
            sources: SourceOptions { repositories: Arc::new(Blind), pushes: None, webhook_secret: None },
            agents: None,
            allow_addresses: Vec::new(),
            ca_bundle: None,
            plugins: Vec::new(),
            access: AccessOptions {
                console_url: "https://console.test".to_owned(),
                ..AccessOptions::default()
            },
            edge: EdgeOptions { names },
        })
        .await
        .unwrap();
        let services = control.services();
        let password = || "correct horse battery".to_owned().into();
        services.auth.create_first("ada@example.com", password()).await.unwrap();
        let tokens = services.auth.login("ada@example.com", password(), Client::default()).await.unwrap();
        let admin = services.auth.authenticate(&tokens.access_token).await.unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let (to_ingress, from_control) = link::memory();
        control.attach_ingress(to_ingress);
        tokio::spawn(listen(from_control, Arc::clone(&told)));
        Self { services, admin, dns, clock, told, _control: control, _folder: folder }
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
            ControlToIngress::Certificates { .. } | ControlToIngress::Challenges { .. } => {}
        }
    }
}
