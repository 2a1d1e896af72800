//! A control plane without nodes, and repositories whose branches are where a test says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use parking_lot::Mutex;
use pierhead_control::{
    Client, Control, DeploymentFilter, DeploymentView, Detector, Error, Incoming, Mailer, MasterKey,
    NewAccount, NewProject, Outside, PageRequest, Principal, PublicAddress, Received, Repositories, Services,
    SourceOptions,
};
use pierhead_model::Timestamp;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::hostname::Hostname;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::project::{GitSource, ProjectSettings, Triggers};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Commit, Folder, GitReference, RepositoryUrl};
use pierhead_store::Store;
use serde_json::{Value, json};

use crate::agent::{self, obey};

const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const INSTALLATION: &str = "the secret of the whole installation";

/// The time, which a test may move on.
#[derive(Debug)]
struct Host(Mutex<i64>);

impl Outside for Host {
    fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_secs(*self.0.lock());
        Timestamp::now().checked_add(ahead).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// Repositories by place.
#[derive(Debug, Default)]
pub(crate) struct Pretended {
    branches: Mutex<HashMap<String, BTreeMap<String, String>>>,
    /// Commits that change nothing below a root directory.
    elsewhere: Mutex<Vec<String>>,
    messages: Mutex<HashMap<String, String>>,
    pub(crate) looks: Mutex<usize>,
    pub(crate) down: Mutex<bool>,
    /// What the last look had to show.
    pub(crate) entered_with: Mutex<Option<GitAccess>>,
    /// The same, by place.
    pub(crate) entered: Mutex<HashMap<String, GitAccess>>,
    /// Keys of its ssh servers.
    pub(crate) shown: Mutex<Vec<String>>,
}

#[async_trait]
impl Detector for Pretended {
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
impl Repositories for Pretended {
    async fn references(
        &self,
        repository: &RepositoryUrl,
        access: &GitAccess,
        wanted: &[String],
    ) -> Result<References, Error> {
        *self.looks.lock() += 1;
        *self.entered_with.lock() = Some(access.clone());
        self.entered.lock().insert(repository.place(), access.clone());
        if *self.down.lock() {
            return Err(Error::Unavailable { detail: "the host does not answer".into() });
        }
        let branches = self.branches.lock();
        let mut commits = branches.get(&repository.place()).cloned().unwrap_or_default();
        commits.retain(|name, _| wanted.contains(name));
        Ok(References { commits, default_branch: Some("refs/heads/main".into()) })
    }

    async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, Error> {
        let shown = self.shown.lock();
        Ok(shown.iter().filter_map(|key| HostKey::new(repository.authority(), "ssh-ed25519", key)).collect())
    }

    async fn compare(
        &self,
        _: (&RepositoryUrl, &GitAccess),
        from: Option<&str>,
        to: &str,
        _: &Folder,
    ) -> Result<Compared, Error> {
        let message = self.messages.lock().get(to).cloned().unwrap_or_else(|| "Change".to_owned());
        let commit = Commit { hash: to.to_owned(), message, author: "Ada".to_owned() };
        let changed = from.map(|_| !self.elsewhere.lock().iter().any(|it| it == to));
        Ok(Compared { commit, changed })
    }
}

impl Pretended {
    /// Moves a branch; `HEAD` goes with `main`.
    pub(crate) fn set(&self, place: &str, branch: &str, commit: &str) {
        let mut branches = self.branches.lock();
        let repository = branches.entry(place.to_owned()).or_default();
        repository.insert(format!("refs/heads/{branch}"), commit.to_owned());
        if branch == "main" {
            repository.insert("HEAD".to_owned(), commit.to_owned());
        }
    }

    pub(crate) fn set_reference(&self, place: &str, reference: &str, commit: &str) {
        let mut branches = self.branches.lock();
        branches.entry(place.to_owned()).or_default().insert(reference.to_owned(), commit.to_owned());
    }

    pub(crate) fn say(&self, commit: &str, message: &str) {
        self.messages.lock().insert(commit.to_owned(), message.to_owned());
    }

    pub(crate) fn changes_elsewhere(&self, commit: &str) {
        self.elsewhere.lock().push(commit.to_owned());
    }
}

pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) admin: Principal,
    pub(crate) repositories: Arc<Pretended>,
    host: Arc<Host>,
    control: Option<Control>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Vec::new()).await
    }

    /// One that may reach addresses of this range too.
    pub(crate) async fn reaching(range: &str) -> Self {
        Self::with(vec![range.parse().unwrap()]).await
    }

    /// One that can send letters.
    pub(crate) async fn posting(mailer: Arc<dyn Mailer>) -> Self {
        Self::made(Vec::new(), Some(mailer)).await
    }

    async fn with(allow_addresses: Vec<ipnet::IpNet>) -> Self {
        Self::made(allow_addresses, None).await
    }

    async fn made(allow_addresses: Vec<ipnet::IpNet>, mailer: Option<Arc<dyn Mailer>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}", folder.path().join("db").display());
        let data_dir = folder.path().to_owned();
        let store = Store::open(&pierhead_store::Options { database_url, data_dir }).await.unwrap();
        let repositories = Arc::new(Pretended::default());
        let host = Arc::new(Host(Mutex::new(0)));
        let control = Control::start(pierhead_control::Options {
            store,
            outside: Arc::<Host>::clone(&host),
            key: MasterKey::from_bytes([7; 32]),
            base_domain: Hostname::parse("localhost").unwrap(),
            public: PublicAddress { scheme: "http".to_owned(), port: None, tls: None },
            detector: Arc::<Pretended>::clone(&repositories),
            sources: SourceOptions {
                repositories: Arc::<Pretended>::clone(&repositories),
                pushes: None,
                webhook_secret: Some(INSTALLATION.into()),
            },
            build_limit: None,
            agents: None,
            allow_addresses,
            ca_bundle: None,
            plugins: Vec::new(),
            access: pierhead_control::AccessOptions { mailer, ..Default::default() },
            edge: Default::default(),
        })
        .await
        .unwrap();
        let services = control.services();
        let password = || "correct horse battery".to_owned().into();
        services.auth.create_first("ada@example.com", password()).await.unwrap();
        let tokens = services.auth.login("ada@example.com", password(), Client::default()).await.unwrap();
        let admin = services.auth.authenticate(&tokens.access_token).await.unwrap();
        Self { services, admin, repositories, host, control: Some(control), _folder: folder }
    }

    /// Somebody else who is signed in.
    pub(crate) async fn person(&self, email: &str) -> Principal {
        let link = self.services.invitations.invite_account(&self.admin, email).await.unwrap().link.unwrap();
        let (_, token) = link.split_once('#').unwrap();
        let new = NewAccount { token: token.into(), name: None, password: "correct horse battery".into() };
        let auth = &self.services.auth;
        let tokens = self.services.invitations.create_account(auth, new, Client::default()).await.unwrap();
        auth.authenticate(&tokens.access_token).await.unwrap()
    }

    /// A project of `https://git.example.com/team/<name>`.
    pub(crate) async fn project(&self, name: &str, change: impl FnOnce(&mut ProjectSettings)) {
        let repository = RepositoryUrl::parse(&format!("https://git.example.com/team/{name}.git")).unwrap();
        let source = GitSource { repository, branch: None, root_directory: Folder::default() };
        let mut settings = ProjectSettings { source: Some(source), ..ProjectSettings::default() };
        settings.triggers = Triggers::default();
        change(&mut settings);
        let new = NewProject { name: name.to_owned(), team: None, settings };
        self.services.projects.create(&self.admin, new).await.unwrap();
    }

    pub(crate) async fn receive(&self, incoming: Incoming<'_>) -> Result<Received, Error> {
        self.services.hooks.receive(incoming).await
    }

    /// A push as GitHub tells it, signed with the installation's secret.
    pub(crate) async fn push(&self, name: &str, branch: &str, commit: &str, delivery: &str) -> Received {
        self.send("push", delivery, &push_payload(name, branch, commit)).await
    }

    /// Something that GitHub tells, signed with the installation's secret.
    pub(crate) async fn send(&self, event: &str, delivery: &str, payload: &Value) -> Received {
        let payload = payload.to_string();
        let headers = github(event, delivery, INSTALLATION, payload.as_bytes());
        let incoming = Incoming { provider: "github", project: None, headers, body: payload.as_bytes() };
        self.receive(incoming).await.unwrap()
    }

    /// The project's deployments, the oldest first.
    pub(crate) async fn deployments(&self, project: &str) -> Vec<DeploymentView> {
        let filter = DeploymentFilter { project: Some(project.to_owned()), ..DeploymentFilter::default() };
        let page = PageRequest { limit: Some(200), ..PageRequest::default() };
        let mut found = self.services.deployments.list(&self.admin, &filter, &page).await.unwrap().items;
        found.reverse();
        found
    }

    /// The commits of a project's deployments, the oldest first.
    pub(crate) async fn commits(&self, project: &str) -> Vec<String> {
        let found = self.deployments(project).await;
        found.into_iter().map(|it| it.commit.map_or_else(String::new, |commit| commit.hash)).collect()
    }

    /// Waits until nothing is left to look at, and says what the last look at the first branch came to.
    pub(crate) async fn until_looked(&self, project: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.services.sources.get(&self.admin, project).await.unwrap();
            let due =
                view.followed.iter().any(|it| it.looked_at.is_none() || it.next_look_at <= self.host.now());
            if !due && let Some(first) = view.followed.first() {
                return first.outcome.clone().unwrap_or_default();
            }
            assert!(Instant::now() < deadline, "{view:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Moves the clock on.
    pub(crate) fn later(&self, seconds: i64) {
        *self.host.0.lock() += seconds;
    }

    /// An agent that does at once what it is told.
    pub(crate) fn attach_agent(&self) {
        let (to_agent, from_control) = pierhead_wire::link::memory();
        self.control.as_ref().unwrap().attach_local_agent(to_agent);
        let (_, nothing_waits) = tokio::sync::watch::channel(std::collections::HashSet::default());
        tokio::spawn(obey(agent::Pretended::default(), from_control, nothing_waits));
    }

    pub(crate) async fn stop(mut self) {
        if let Some(control) = self.control.take() {
            control.stop().await;
        }
    }
}

/// A commit's name.
pub(crate) fn commit(number: u64) -> String {
    format!("{number:040x}")
}

pub(crate) fn push_payload(name: &str, branch: &str, commit: &str) -> Value {
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": "0".repeat(40),
        "after": commit,
        "repository": {
            "clone_url": format!("https://git.example.com/team/{name}.git"),
            "ssh_url": format!("git@git.example.com:team/{name}.git"),
            "default_branch": "main",
        },
        "head_commit": { "id": commit, "message": "Change the shop\n\nFor good reasons." },
        "sender": { "login": "octocat" },
    })
}

/// The headers of GitHub.
pub(crate) fn github(event: &str, delivery: &str, secret: &str, body: &[u8]) -> BTreeMap<String, String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = format!("sha256={}", hex::encode(hmac::sign(&key, body)));
    [("x-github-event", event), ("x-github-delivery", delivery), ("x-hub-signature-256", &signature)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}
