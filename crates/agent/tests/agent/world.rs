//! An agent with everything around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pierhead_agent::{Agent, Handle, Options, RuntimeError, RuntimeImage, RuntimeImages, Say, Tools};
use pierhead_engine::{Engine, labels};
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Assignment, Goal, Phase, Report, Source, Work};
use pierhead_model::health::{HealthCheck, HealthKind};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, InstallId, NodeId, ProjectId};
use pierhead_model::limit::Limits;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use pierhead_model::plan::BuildSettings;
use pierhead_model::sleep::RestOrder;
use pierhead_model::source::{Folder, GitReference};
use pierhead_wire::ControlToAgent;
use pierhead_wire::traffic::NoLeaders;
use pierhead_wire::version::Version;

use crate::control::{Connection, Control, Manner};
use crate::memory_blobs::MemoryBlobs;
use crate::repository::Repository;

/// One image for every runtime.
#[derive(Debug)]
struct OneImage(String);

#[async_trait]
impl RuntimeImages for OneImage {
    fn reference(&self, _runtime: &str, _version: Option<&str>) -> Result<String, RuntimeError> {
        Ok(self.0.clone())
    }

    async fn ensure(
        &self,
        _runtime: &str,
        version: Option<&str>,
        _say: &Say<'_>,
    ) -> Result<RuntimeImage, RuntimeError> {
        let version = version.unwrap_or("22").to_owned();
        Ok(RuntimeImage { reference: self.0.clone(), id: format!("id of {}", self.0), version })
    }
}

pub(crate) struct World {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) control: Control,
    pub(crate) connection: Connection,
    pub(crate) repository: Repository,
    pub(crate) epoch: u64,
    pub(crate) options: Options,
    pub(crate) health: HealthKind,
    install: u128,
    image: String,
    handle: Option<Handle>,
    _folder: tempfile::TempDir,
}

impl World {
    /// `install` tells worlds apart that share an engine.
    pub(crate) async fn new(
        engine: Arc<dyn Engine>,
        image: &str,
        install: u128,
        manner: Manner,
        files: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let mut options = Options::new(folder.path());
        options.allow_addresses = vec!["127.0.0.0/8".parse().unwrap()];
        options.resend_after = Duration::from_millis(200);
        options.restart_backoff = (Duration::from_millis(20), Duration::from_millis(200));
        options.disk_reserve_bytes = 0;
        let control = Control::new(manner);
        let (connection, link) = control.connect();
        drop(link);
        let mut world = Self {
            engine,
            blobs: Arc::default(),
            control,
            connection,
            repository: Repository::new(files).await,
            epoch: 1,
            options,
            health: HealthKind::Process,
            install,
            image: image.to_owned(),
            handle: None,
            _folder: folder,
        };
        world.start(Vec::new()).await;
        world
    }

    /// Starts the agent and greets it with a list.
    pub(crate) async fn start(&mut self, list: Vec<Assignment>) {
        let (connection, link) = self.control.connect();
        let tools = Tools {
            engine: Arc::clone(&self.engine),
            blobs: Arc::clone(&self.blobs) as _,
            runtimes: Arc::new(OneImage(self.image.clone())),
            leaders: Arc::new(NoLeaders),
        };
        self.handle = Some(Agent::start(self.options.clone(), tools, link).await.unwrap());
        self.connection = connection;
        self.greet(list).await;
    }

    async fn greet(&self, list: Vec<Assignment>) {
        let hello = ControlToAgent::Hello {
            version: Version::current(),
            install: self.install(),
            node: self.node(),
            epoch: self.epoch,
        };
        self.connection.send(hello).await;
        self.connection.send(ControlToAgent::Sync { assignments: list }).await;
    }

    /// The agent's process ends and another one starts.
    pub(crate) async fn restart(&mut self, list: Vec<Assignment>) {
        self.stop_agent().await;
        self.start(list).await;
    }

    pub(crate) async fn stop_agent(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.stop().await;
        }
    }

    /// The link is cut and made anew.
    pub(crate) async fn reconnect(&mut self, list: Vec<Assignment>) {
        let (connection, link) = self.control.connect();
        self.connection = connection;
        self.handle.as_ref().unwrap().attach(link).await;
        self.greet(list).await;
    }

    pub(crate) fn install(&self) -> InstallId {
        InstallId::new(Timestamp::UNIX_EPOCH, self.install)
    }

    pub(crate) fn node(&self) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, self.install)
    }

    pub(crate) fn assignment(&self, number: u64) -> Assignment {
        Assignment {
            deployment: self.id(number),
            generation: 1,
            goal: Goal::Run,
            project_id: ProjectId::new(Timestamp::UNIX_EPOCH, 1),
            project: ProjectName::parse("shop").unwrap(),
            environment: EnvironmentName::local(),
            slot: SlotName::production(),
            work: Work {
                source: Source::Git {
                    repository: self.repository.url(),
                    reference: Some(GitReference::parse("main").unwrap()),
                    root_directory: Folder::default(),
                },
                settings: BuildSettings::default(),
                limits: Limits { stop_grace_s: 1, startup_timeout_s: 20, ..Limits::default() },
                health: HealthCheck { kind: self.health, interval_ms: 200, ..HealthCheck::default() },
                variables: Vec::new(),
                hostname: Hostname::parse("shop.localhost").unwrap(),
                deployment_hostname: Hostname::parse("0.localhost").unwrap(),
                no_cache: false,
                keys: None,
                access: None,
            },
            rest: RestOrder::default(),
            known: None,
        }
    }

    pub(crate) fn id(&self, number: u64) -> DeploymentId {
        DeploymentId::from_random(
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ (self.install as u64).wrapping_mul(0xff51_afd7_ed55_8ccd),
        )
    }

    pub(crate) async fn assign(&self, assignment: &Assignment) {
        self.connection.send(ControlToAgent::Assign(assignment.clone())).await;
    }

    pub(crate) async fn rest(&self, assignment: &Assignment, order: RestOrder) {
        let deployment = assignment.deployment.clone();
        self.connection.send(ControlToAgent::Rest { deployment, order }).await;
    }

    /// Assigns it and waits for its end: healthy, failed or stopped.
    pub(crate) async fn deploy(&self, assignment: &Assignment) -> Report {
        self.assign(assignment).await;
        self.ended(&assignment.deployment).await
    }

    pub(crate) async fn ended(&self, id: &DeploymentId) -> Report {
        self.control.report(id, "an end", |report| report.phase >= Phase::Healthy).await
    }

    pub(crate) async fn stop(&self, assignment: &Assignment) -> Report {
        let stop =
            Assignment { goal: Goal::Stop, generation: assignment.generation + 1, ..assignment.clone() };
        self.assign(&stop).await;
        self.control.report(&assignment.deployment, "stopped", |report| report.phase == Phase::Stopped).await
    }

    /// What the engine holds of this world: names of containers, networks, volumes.
    pub(crate) async fn held(&self) -> Vec<String> {
        let ours = labels::owner(self.install().as_ref(), self.node().as_ref());
        let mut held = Vec::new();
        for container in self.engine.list(&ours).await.unwrap() {
            held.push(format!("container {}", container.name));
        }
        for network in self.engine.network_list(&ours).await.unwrap() {
            held.push(format!("network {}", network.name));
        }
        for volume in self.engine.volume_list(&ours).await.unwrap() {
            held.push(format!("volume {}", volume.name));
        }
        held
    }

    pub(crate) fn work_folders(&self) -> usize {
        fs_err::read_dir(self.options.data_dir.join("agent/work")).unwrap().count()
    }

    /// What is noted of a deployment's run: each step with its state.
    pub(crate) fn noted_steps(&self, deployment: &DeploymentId) -> Vec<(String, String)> {
        let path = self.options.data_dir.join(format!("agent/runs/{deployment}.json"));
        let notes: serde_json::Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
        let steps = notes["state"]["steps"].as_object().unwrap();
        steps
            .iter()
            .map(|(name, step)| (name.clone(), step["state"]["name"].as_str().unwrap().to_owned()))
            .collect()
    }

    /// A site is live first, and what its build made goes then.
    pub(crate) async fn until_nothing_is_left(&self) {
        let begun = Instant::now();
        while (self.held().await, self.work_folders()) != (Vec::new(), 0) {
            assert!(begun.elapsed() < Duration::from_secs(30), "left over: {:?}", self.held().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A real file system: overlays cannot lie on an overlay.
fn scratch() -> std::path::PathBuf {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("agent");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}
