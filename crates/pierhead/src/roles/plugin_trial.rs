//! A plugin tried on this machine: run as a deployment would run it, with the same limits, the same judgement and nothing left.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ipnet::Ipv4Net;
use pierhead_agent::plugins::Manifest;
use pierhead_agent::plugins::manifest::Network;
use pierhead_agent::steps::contract::{Action, DeploymentInput, Input, StepInput};
use pierhead_agent::steps::place::Place;
use pierhead_agent::steps::plugin::{self, Attempt, Outcome};
use pierhead_agent::steps::{Context, Line, Lines, end};
use pierhead_engine::log::LogCursor;
use pierhead_engine::spec::NetworkSpec;
use pierhead_engine::{Engine, Error as EngineError, labels};
use pierhead_model::Timestamp;
use pierhead_model::id::{DeploymentId, InstallId, NodeId, ProjectId};
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine;
use crate::settings::Settings;

/// The step that a trial is: what outputs are found under.
const STEP: &str = "try";
/// What a trial may print.
const LOG_LIMIT: u64 = 64 << 20;
/// Subnets that are tried for a network of its own.
const SUBNETS: u8 = 32;

/// What is tried.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) manifest: Manifest,
    pub(crate) action: Action,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) secrets: BTreeMap<String, String>,
    /// What its `create` left, for a `destroy`.
    pub(crate) outputs: Map<String, Value>,
    /// An engine's network to run on; without one it gets its own, if it needs one.
    pub(crate) network: Option<String>,
}

/// Hands each line on as it comes.
struct Told(Box<dyn Fn(&Line) + Send + Sync>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

impl Lines for Told {
    fn read_up_to(&self, _container: &str) -> Option<LogCursor> {
        None
    }

    fn keep(&self, _step: &str, _container: &str, lines: Vec<Line>, _read_up_to: Option<LogCursor>) {
        lines.iter().for_each(&*self.0);
    }
}

/// Runs it once. `told` gets every line that it prints on standard error. `Ctrl+C` stops it as a cancel would.
pub(crate) async fn run(
    settings: &Settings,
    trial: Trial,
    told: impl Fn(&Line) + Send + Sync + 'static,
) -> Result<Outcome> {
    let engine = engine::connect(&settings.engine_socket).await?;
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let context = Context {
        engine: Arc::clone(&engine),
        lines: Arc::new(Told(Box::new(told))),
        settling: TaskTracker::new(),
        folder: folder.path().to_path_buf(),
        init: pierhead_agent::programs::INIT
            .install(&folder.path().join("init"))
            .context("the program for containers cannot be written")?,
        log_limit_bytes: LOG_LIMIT,
        now: Timestamp::now,
    };
    let place = place()?;
    let own_network = trial.network.is_none() && trial.manifest.network != Network::None;
    let network = if own_network {
        Some(make_network(engine.as_ref(), &place, trial.manifest.network).await?)
    } else {
        trial.network.clone()
    };
    let attempt = attempt(trial, place, network.clone());
    let cancel = CancellationToken::new();
    let outcome = {
        let mut running = std::pin::pin!(plugin::run(&context, &attempt, &cancel));
        tokio::select! {
            outcome = &mut running => outcome,
            interrupted = tokio::signal::ctrl_c() => {
                if let Err(error) = interrupted {
                    tracing::debug!(%error, "Ctrl+C cannot be heard");
                }
                cancel.cancel();
                running.await
            }
        }
    };
    let removed = end::remove(&context, &attempt.container()).await;
    if let (true, Some(network)) = (own_network, network) {
        engine.network_remove(&network).await.context("the network of the trial could not be removed")?;
    }
    removed.context("the container of the trial could not be removed")?;
    outcome.context("the plugin could not be run")
}

/// A deployment that nobody else has.
fn place() -> Result<Place> {
    let (now, random) = (Timestamp::now(), rand::random::<u128>());
    Ok(Place {
        install: InstallId::new(now, random),
        node: NodeId::new(now, random),
        epoch: 1,
        deployment: DeploymentId::from_random(rand::random()),
        project_id: ProjectId::new(now, random),
        project: ProjectName::parse("trial").context("the trial's project")?,
        environment: EnvironmentName::local(),
        slot: SlotName::parse("trial").context("the trial's slot")?,
    })
}

async fn make_network(engine: &dyn Engine, place: &Place, access: Network) -> Result<String> {
    let name = format!("ph-{}", place.deployment);
    let start: u8 = rand::random();
    for step in 0..SUBNETS {
        let third = start.wrapping_add(step);
        let spec = NetworkSpec {
            name: name.clone(),
            labels: labels::owner(place.install.as_ref(), place.node.as_ref()),
            subnet: Ipv4Net::new_assert([10, 210, third, 0].into(), 28),
            internal: access != Network::Internet,
        };
        match engine.network_create(&spec).await {
            Err(EngineError::SubnetOverlap { .. }) => {}
            result => return result.map(|()| name).context("no network can be made for the trial"),
        }
    }
    bail!("no subnet is free in 10.210.0.0/16: name a network of the engine with --network")
}

fn attempt(trial: Trial, place: Place, network: Option<String>) -> Attempt {
    let Trial { manifest, action, parameters, secrets, outputs, .. } = trial;
    let deployment = DeploymentInput {
        id: place.deployment.to_string(),
        project: place.project.to_string(),
        environment: place.environment.to_string(),
        slot: place.slot.to_string(),
        network: network.clone(),
    };
    let is_secret = |name: &str| manifest.outputs.get(name).is_some_and(|output| output.secret);
    let secret_values =
        outputs.iter().filter(|(name, _)| is_secret(name)).filter_map(|(_, value)| value.as_str());
    Attempt {
        step: STEP.to_owned(),
        generation: 1,
        image: manifest.image.clone(),
        secret_values: secret_values.map(str::to_owned).collect(),
        limits: manifest.limits.of_step(),
        timeout: manifest.timeout(),
        network,
        volumes: Vec::new(),
        input: Input {
            action,
            idempotency_key: format!("{}/{STEP}/{}", place.deployment, action.as_str()),
            deployment,
            step: StepInput { id: STEP.to_owned(), name: "Trial".to_owned() },
            parameters,
            secrets,
            outputs: [(STEP.to_owned(), outputs)]
                .into_iter()
                .filter(|(_, outputs)| !outputs.is_empty())
                .collect(),
        },
        place,
    }
}
