//! An engine, a log in memory, and attempts that belong to nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pierhead_agent::steps::contract::{Action, DeploymentInput, Input, StepInput};
use pierhead_agent::steps::network::Networks;
use pierhead_agent::steps::place::Place;
use pierhead_agent::steps::plugin::{self, Attempt, Limits, Outcome};
use pierhead_agent::steps::service::{Check, Health, Service};
use pierhead_agent::steps::{Context, Line, Lines};
use pierhead_engine::image::ImageConfig;
use pierhead_engine::log::LogCursor;
use pierhead_engine::simulated::{Act, Behaviour, Mode, Selector, SimulatedEngine};
use pierhead_engine::spec::{Labels, NetworkSpec};
use pierhead_engine::{Engine, labels};
use pierhead_model::Timestamp;
use pierhead_model::id::{DeploymentId, InstallId, NodeId, ProjectId};
use pierhead_model::log::LogStream;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use pierhead_model::pipeline::service::Privileges;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const IMAGE: &str = "plugin:1";
/// Nowhere but in the input.
pub(crate) const SECRET: &str = "canary-7f3a\"9c";

/// A log that survives crashes of whoever writes to it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    lines: Mutex<Vec<(String, Line)>>,
    cursors: Mutex<HashMap<String, LogCursor>>,
}

impl Lines for Memory {
    fn read_up_to(&self, container: &str) -> Option<LogCursor> {
        self.cursors.lock().unwrap().get(container).copied()
    }

    fn keep(&self, step: &str, container: &str, lines: Vec<Line>, read_up_to: Option<LogCursor>) {
        self.lines.lock().unwrap().extend(lines.into_iter().map(|line| (step.to_owned(), line)));
        if let Some(cursor) = read_up_to {
            self.cursors.lock().unwrap().insert(container.to_owned(), cursor);
        }
    }
}

impl Memory {
    /// What programs printed.
    pub(crate) fn printed(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let printed = lines.iter().filter(|(_, line)| line.stream != LogStream::System);
        printed.map(|(_, line)| line.text.clone()).collect()
    }
}

pub(crate) struct Lab {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) context: Context,
    pub(crate) memory: Arc<Memory>,
    pub(crate) place: Place,
    _folder: tempfile::TempDir,
}

impl Lab {
    /// `install` tells labs apart that share an engine.
    pub(crate) fn new(engine: Arc<dyn Engine>, install: u128) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let memory = Arc::new(Memory::default());
        let context = Context {
            engine: Arc::clone(&engine),
            lines: Arc::clone(&memory) as _,
            settling: TaskTracker::new(),
            folder: folder.path().join("steps"),
            init: pierhead_agent::programs::INIT.install(&folder.path().join("init")).unwrap(),
            log_limit_bytes: 4 << 20,
            now: Timestamp::now,
        };
        let epoch = Timestamp::UNIX_EPOCH;
        let place = Place {
            install: InstallId::new(epoch, install),
            node: NodeId::new(epoch, install),
            epoch: 1,
            deployment: DeploymentId::from_random(install as u64),
            project_id: ProjectId::new(epoch, install),
            project: ProjectName::parse("shop").unwrap(),
            environment: EnvironmentName::local(),
            slot: SlotName::parse("qa").unwrap(),
        };
        Self { engine, context, memory, place, _folder: folder }
    }

    pub(crate) fn attempt(&self, step: &str) -> Attempt {
        let deployment = self.place.deployment.to_string();
        Attempt {
            place: self.place.clone(),
            step: step.to_owned(),
            generation: 1,
            image: IMAGE.to_owned(),
            input: Input {
                action: Action::Create,
                idempotency_key: format!("{deployment}/{step}/create"),
                deployment: DeploymentInput {
                    id: deployment,
                    project: self.place.project.to_string(),
                    environment: self.place.environment.to_string(),
                    slot: self.place.slot.to_string(),
                    network: None,
                },
                step: StepInput { id: step.to_owned(), name: step.to_owned() },
                parameters: json!({"name": "orders"}).as_object().cloned().unwrap(),
                secrets: [("PASSWORD".to_owned(), SECRET.to_owned())].into(),
                outputs: Default::default(),
            },
            secret_values: Vec::new(),
            limits: Limits::default(),
            timeout: Duration::from_secs(60),
            network: None,
            volumes: Vec::new(),
        }
    }

    pub(crate) async fn run(&self, attempt: &Attempt) -> Outcome {
        plugin::run(&self.context, attempt, &CancellationToken::new()).await.unwrap()
    }

    pub(crate) fn service(&self, step: &str, image: &str, check: Check) -> Service {
        Service {
            place: self.place.clone(),
            step: step.to_owned(),
            generation: 1,
            replica: 1,
            image: image.to_owned(),
            entrypoint: None,
            command: None,
            working_directory: None,
            user: None,
            variables: Vec::new(),
            secret_values: Vec::new(),
            memory_mb: 256,
            cpu: 1.0,
            pids: 64,
            volumes: Vec::new(),
            mounts: Vec::new(),
            privileges: Privileges::default(),
            networks: Networks::of(&self.place),
            health: Health {
                check,
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(5),
                healthy_after: 1,
                unhealthy_after: 3,
            },
            port: None,
            unknown: false,
            startup_timeout: Duration::from_secs(60),
            starts: 3,
            pause: Duration::from_millis(100),
        }
    }

    /// The networks of the deployment; their subnets begin with `10.second.third`.
    pub(crate) async fn networks(&self, second: u8, third: u8) -> Networks {
        let names = Networks::of(&self.place);
        for (name, fourth, internal) in
            [(&names.outside, 0, false), (names.inside.as_ref().unwrap(), 16, true)]
        {
            let spec = NetworkSpec {
                name: name.clone(),
                labels: labels::owner(self.place.install.as_ref(), self.place.node.as_ref()),
                subnet: format!("10.{second}.{third}.{fourth}/28").parse().unwrap(),
                internal,
            };
            self.engine.network_create(&spec).await.unwrap();
        }
        names
    }

    /// What the engine holds of this lab.
    pub(crate) async fn held(&self) -> Vec<String> {
        let ours = labels::owner(self.place.install.as_ref(), self.place.node.as_ref());
        let containers = self.engine.list(&ours).await.unwrap().into_iter().map(|one| one.name);
        let volumes = self.engine.volume_list(&ours).await.unwrap().into_iter().map(|one| one.name);
        containers.chain(volumes).collect()
    }
}

/// A simulated engine with an image, and a lab on it.
pub(crate) fn simulated() -> (Arc<SimulatedEngine>, Lab) {
    let engine = Arc::new(SimulatedEngine::new(Mode::Automatic, Timestamp::now()));
    engine.add_image(IMAGE, Labels::new(), ImageConfig::default());
    let lab = Lab::new(Arc::clone(&engine) as _, 7);
    (engine, lab)
}

/// What the plugin's container does after it has read its input.
pub(crate) fn behave(engine: &SimulatedEngine, acts: impl IntoIterator<Item = Act>) {
    let acts: Vec<Act> = std::iter::once(Act::ReadObject).chain(acts).collect();
    engine.script(Selector::Any, Behaviour::runs(acts));
}

pub(crate) fn says(text: &str) -> Act {
    Act::Print { output: pierhead_engine::log::Output::Stderr, text: text.to_owned() }
}
