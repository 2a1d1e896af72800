//! A control plane with nodes that come and go.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::SignedDuration;
use pierhead_control::{
    Client, Control, DeploymentView, Detector, Error, MasterKey, NewDeployment, NewProject, NodeView,
    Outside, Principal, PublicAddress, Repositories, Services, SourceOptions,
};
use pierhead_model::Timestamp;
use pierhead_model::deployment::State;
use pierhead_model::git_access::{GitAccess, HostKey};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::name::EnvironmentName;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};
use pierhead_store::{Node, NodeLink, Store};
use pierhead_wire::link;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::{Pretended, obey};

const PATIENCE: Duration = Duration::from_secs(60);

/// The real clock, put forward when told.
#[derive(Debug, Default)]
struct Host {
    ahead_s: AtomicI64,
}

impl Outside for Host {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_s.load(Ordering::SeqCst))
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

pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) admin: Principal,
    control: Control,
    store: Store,
    /// The agents that are connected.
    agents: HashMap<NodeId, JoinHandle<()>>,
    /// Builds that may end, where agents wait with them.
    built: watch::Sender<HashSet<DeploymentId>>,
    host: Arc<Host>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With at most so many builds at once.
    pub(crate) async fn start_with(build_limit: Option<usize>) -> Self {
        let host = Arc::new(Host::default());
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}", folder.path().join("db").display());
        let data_dir = folder.path().to_owned();
        let store = Store::open(&pierhead_store::Options { database_url, data_dir }).await.unwrap();
        let control = Control::start(pierhead_control::Options {
            store: store.clone(),
            outside: Arc::clone(&host) as Arc<dyn Outside>,
            key: MasterKey::from_bytes([7; 32]),
            base_domain: Hostname::parse("localhost").unwrap(),
            public: PublicAddress { scheme: "http".to_owned(), port: None, tls: None },
            detector: Arc::new(Blind),
            sources: SourceOptions { repositories: Arc::new(Blind), pushes: None, webhook_secret: None },
            build_limit: build_limit.and_then(NonZeroUsize::new),
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
        let password = || "correct horse battery".to_owned().into();
        services.auth.create_first("ada@example.com", password()).await.unwrap();
        let tokens = services.auth.login("ada@example.com", password(), Client::default()).await.unwrap();
        let admin = services.auth.authenticate(&tokens.access_token).await.unwrap();
        let (agents, built) = (HashMap::new(), watch::Sender::default());
        Self { services, admin, control, store, agents, built, host, _folder: folder }
    }

    /// A build ends, where its agent waits with it.
    pub(crate) fn finish(&self, id: &str) {
        self.built.send_modify(|built| {
            built.insert(id.parse().unwrap());
        });
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.host.ahead_s.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A node that is registered and connected.
    pub(crate) async fn join(&mut self, name: &str, pretended: Pretended) -> NodeId {
        let environment = self.store.environment_by_name(&EnvironmentName::local()).await.unwrap().unwrap();
        let node = Node {
            id: NodeId::new(Timestamp::now(), rand::random()),
            environment: environment.id,
            name: name.to_owned(),
            schedulable: true,
            draining: false,
            created_at: Timestamp::now(),
            link: NodeLink::local(),
        };
        let node = self.store.node_ensure(&node).await.unwrap();
        self.connect(&node.id, pretended);
        node.id
    }

    pub(crate) fn connect(&mut self, node: &NodeId, pretended: Pretended) {
        let (to_agent, from_control) = link::memory();
        self.control.attach_agent(node.clone(), to_agent);
        let agent = tokio::spawn(obey(pretended, from_control, self.built.subscribe()));
        self.agents.insert(node.clone(), agent);
    }

    /// Waits until a node looks like that.
    pub(crate) async fn until_node(&self, name: &str, holds: impl Fn(&NodeView) -> bool) -> NodeView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let nodes = self.nodes().await;
            let node = nodes.into_iter().find(|node| node.name == name).unwrap();
            if holds(&node) {
                return node;
            }
            assert!(Instant::now() < deadline, "{node:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its link is cut.
    pub(crate) fn cut(&mut self, node: &NodeId) {
        if let Some(agent) = self.agents.remove(node) {
            agent.abort();
        }
    }

    pub(crate) async fn nodes(&self) -> Vec<NodeView> {
        self.services.environments.nodes(&self.admin, "local").await.unwrap()
    }

    pub(crate) async fn until_online(&self, wanted: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.nodes().await.iter().filter(|node| node.status == "online" && node.usage.is_some()).count()
            < wanted
        {
            assert!(Instant::now() < deadline, "not all nodes came online");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn project(&self, name: &str, memory_mb: u32) {
        let settings = json!({
            "source": { "repository": format!("https://git.example/{name}.git") },
            "limits": { "memory_mb": memory_mb, "build_timeout_s": 3_600 },
        });
        let new = NewProject {
            name: name.to_owned(),
            team: None,
            settings: serde_json::from_value(settings).unwrap(),
        };
        self.services.projects.create(&self.admin, new).await.unwrap();
    }

    pub(crate) async fn accept(&self, project: &str) -> String {
        let new = NewDeployment::default();
        let accepted = self.services.deployments.deploy_project(&self.admin, project, new).await.unwrap();
        accepted.id.to_string()
    }

    pub(crate) async fn settled(&self, id: &str) -> DeploymentView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.services.deployments.get(&self.admin, id).await.unwrap();
            if matches!(now.state, State::Production | State::Failed | State::Inactive) {
                return now;
            }
            assert!(Instant::now() < deadline, "{now:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn deploy(&self, project: &str) -> DeploymentView {
        let id = self.accept(project).await;
        self.settled(&id).await
    }
}
