//! A plugin's image, a network to its surroundings, and one line to run it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use pierhead_agent::plugins::{Manifest, PluginBuilder, first_party};
use pierhead_agent::steps::contract::{Action, Answer};
use pierhead_agent::steps::end;
use pierhead_agent::steps::network::Networks;
use pierhead_agent::steps::plugin::{Attempt, Outcome};
use pierhead_agent::steps::service::SlotVolume;
use pierhead_agent::{RuntimeBuilder, RuntimeError, RuntimeImage, RuntimeImages, Say};
use pierhead_engine::docker::{DockerEngine, Timeouts};
use pierhead_engine::state::Removal;
use pierhead_engine::{Engine, labels};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::lab::Lab;

/// Two tests must not make the same image at the same time.
static MAKING: Mutex<()> = Mutex::const_new(());

/// A deployment's surroundings for one test; what an earlier, killed run of it left is removed first.
pub(crate) struct Harness {
    pub(crate) lab: Lab,
    pub(crate) volumes: Vec<SlotVolume>,
    /// Where containers find what listens on this machine.
    pub(crate) host: String,
    subnet: String,
    generation: AtomicU32,
    runtimes: Arc<dyn RuntimeImages>,
}

#[derive(Debug)]
struct Shared(RuntimeBuilder);

#[async_trait]
impl RuntimeImages for Shared {
    fn reference(&self, runtime: &str, version: Option<&str>) -> Result<String, RuntimeError> {
        self.0.reference(runtime, version)
    }

    async fn ensure(
        &self,
        runtime: &str,
        version: Option<&str>,
        say: &Say<'_>,
    ) -> Result<RuntimeImage, RuntimeError> {
        self.0.ensure(runtime, version, say).await
    }
}

fn scratch() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugins")
}

impl Harness {
    /// `number` tells tests apart that run at the same time.
    pub(crate) async fn new(number: u8) -> Self {
        let connected = DockerEngine::connect(Path::new("/var/run/docker.sock"), Timeouts::default()).await;
        let engine: Arc<dyn Engine> = Arc::new(connected.unwrap());
        let lab = Lab::new(Arc::clone(&engine), 0x91a6_1000 + u128::from(number));
        let runtimes = Arc::new(Shared(RuntimeBuilder::new(engine, scratch().join("runtimes"))));
        let harness = Self {
            host: format!("10.215.{number}.1"),
            subnet: format!("10.215.{number}.0/28"),
            lab,
            volumes: Vec::new(),
            generation: AtomicU32::new(0),
            runtimes,
        };
        harness.sweep().await;
        harness.lab.networks(215, number).await;
        harness
    }

    pub(crate) fn subnet(&self) -> &str {
        &self.subnet
    }

    /// The image of a runtime, for services that a test needs.
    pub(crate) async fn runtime(&self) -> String {
        let _one_at_a_time = MAKING.lock().await;
        self.runtimes.ensure("plugin", None, &|_| {}).await.unwrap().reference
    }

    async fn manifest(&self, plugin: &str) -> Manifest {
        let _one_at_a_time = MAKING.lock().await;
        let engine = Arc::clone(&self.lab.engine);
        let builder = PluginBuilder::new(engine, Arc::clone(&self.runtimes), scratch().join("compiled"));
        builder.ensure(plugin, &|_| {}).await.unwrap_or_else(|error| panic!("{plugin}: {error}"));
        first_party().unwrap().into_iter().find(|manifest| manifest.name == plugin).unwrap()
    }

    /// One attempt, with the manifest's limits, in a container of its own.
    pub(crate) async fn attempt(&self, plugin: &str, action: Action, parameters: &Value) -> Attempt {
        let manifest = self.manifest(plugin).await;
        let mut attempt = self.lab.attempt("made");
        attempt.generation = self.generation.fetch_add(1, Ordering::Relaxed);
        attempt.image.clone_from(&manifest.image);
        attempt.limits = manifest.limits.of_step();
        attempt.timeout = manifest.timeout();
        attempt.network = manifest.network.of(&Networks::of(&self.lab.place));
        attempt.volumes.clone_from(&self.volumes);
        attempt.input.action = action;
        attempt.input.idempotency_key = format!("{}/made/{}", self.lab.place.deployment, action.as_str());
        attempt.input.parameters = parameters.as_object().cloned().unwrap();
        attempt.input.secrets.clear();
        attempt
    }

    pub(crate) async fn outcome(&self, attempt: &Attempt) -> Outcome {
        let outcome = self.lab.run(attempt).await;
        end::remove(&self.lab.context, &attempt.container()).await.unwrap();
        outcome
    }

    async fn run(&self, plugin: &str, action: Action, parameters: &Value) -> Outcome {
        let attempt = self.attempt(plugin, action, parameters).await;
        self.outcome(&attempt).await
    }

    fn succeeded(&self, outcome: Outcome) -> Answer {
        match outcome {
            Outcome::Succeeded(answer) => answer,
            other => panic!("{other:?}\n{:#?}", self.lab.memory.printed()),
        }
    }

    /// A create that goes well: its outputs.
    pub(crate) async fn create(&self, plugin: &str, parameters: &Value) -> Map<String, Value> {
        self.succeeded(self.run(plugin, Action::Create, parameters).await).outputs
    }

    /// A destroy that goes well: what it says.
    pub(crate) async fn destroy(&self, plugin: &str, parameters: &Value) -> String {
        self.succeeded(self.run(plugin, Action::Destroy, parameters).await).output
    }

    /// A create that fails, with this exit code: what it says.
    pub(crate) async fn refused(&self, plugin: &str, parameters: &Value, code: u8) -> String {
        let outcome = self.run(plugin, Action::Create, parameters).await;
        let Outcome::Failed(failure) = outcome else { panic!("it did not fail: {outcome:?}") };
        let detail = failure.detail;
        assert!(
            detail.contains(&format!("exit code {code}:")) || detail.contains(&format!("exit code {code})")),
            "{detail}\n{:#?}",
            self.lab.memory.printed()
        );
        detail
    }

    pub(crate) async fn sweep(&self) {
        let ours = labels::owner(self.lab.place.install.as_ref(), self.lab.place.node.as_ref());
        let engine = &self.lab.engine;
        for container in engine.list(&ours).await.unwrap() {
            engine.remove(&container.id, Removal::Force).await.unwrap();
        }
        for network in engine.network_list(&ours).await.unwrap() {
            engine.network_remove(&network.name).await.unwrap();
        }
        for volume in engine.volume_list(&ours).await.unwrap() {
            engine.volume_remove(&volume.name).await.unwrap();
        }
    }
}
