//! The container that holds a name on a deployment's network for a service that runs on another node.

use std::path::PathBuf;
use std::sync::Arc;

use pierhead_engine::spec::{Attachment, ContainerSpec, Limits, Mount, NetworkMode, Profile};
use pierhead_engine::state::State;

use super::network::Networks;
use super::place::Place;
use super::{Context, StepError, end};
use crate::executor::millis;

/// What the containers are labelled as: no step of a pipeline is called like that, since it begins with a capital.
const STEP: &str = "Relay";
/// Where the program, and the folder with the agent's socket, are in the container.
const PROGRAM: &str = "/.pierhead-relay";
const FOLDER: &str = "/.pierhead";
/// The agent's socket in that folder.
pub const SOCKET: &str = "agent.sock";
/// It listens and waits. The engine wants at least 6 MiB.
const MEMORY_BYTES: u64 = 8 << 20;
const CORES: f64 = 0.1;
const PROCESSES: u32 = 8;
/// Nobody: it needs nothing of the image it runs in, not even a name for its user.
const USER: &str = "65534:65534";

/// One name, completely described.
#[derive(Debug, Clone)]
pub struct Relay {
    pub place: Place,
    /// The service's name: a host label.
    pub service: String,
    /// Where it listens.
    pub ports: Vec<u16>,
    /// Any that is on the node: nothing of it is used.
    pub image: String,
    /// The program and the folder of the agent's socket, on the node.
    pub program: PathBuf,
    pub folder: PathBuf,
}

/// Makes the container run, unless it does.
pub async fn ensure(context: &Context, relay: &Relay) -> Result<(), StepError> {
    let name = relay.place.relay_container(&relay.service);
    let find = || context.engine.find(&name);
    let found = context.patiently("looking for a relay", find).await?;
    let id = match found {
        Some(found) if matches!(found.state, State::Running { .. }) => return Ok(()),
        Some(found) if found.state != State::Dead => found.id,
        Some(_) | None => {
            end::remove(context, &name).await?;
            let (engine, spec) = (Arc::clone(&context.engine), spec_of(relay, &name));
            context.settle("creating a relay", async move { engine.create(&spec).await }).await?.id
        }
    };
    let engine = Arc::clone(&context.engine);
    context.settle("starting a relay", async move { engine.start(&id).await }).await
}

fn spec_of(relay: &Relay, name: &str) -> ContainerSpec {
    let limits = Limits::new(MEMORY_BYTES, millis(CORES), PROCESSES);
    let mut spec = ContainerSpec::new(name, &relay.image, Profile::Service, limits);
    spec.entrypoint = Some(vec![PROGRAM.to_owned()]);
    let socket = format!("{FOLDER}/{SOCKET}");
    spec.command = Some(std::iter::once(socket).chain(relay.ports.iter().map(u16::to_string)).collect());
    spec.user = Some(USER.to_owned());
    spec.working_dir = Some("/".to_owned());
    spec.read_only_root = true;
    spec.labels = relay.place.labels_of_step(STEP);
    let mount = |source: &PathBuf, target: &str| Mount::Bind {
        source: source.clone(),
        target: target.to_owned(),
        read_only: true,
    };
    spec.mounts = vec![mount(&relay.program, PROGRAM), mount(&relay.folder, FOLDER)];
    let aliases = vec![relay.service.clone()];
    let Networks { outside, inside } = Networks::of(&relay.place);
    spec.network = NetworkMode::Named { network: outside, aliases: aliases.clone() };
    spec.also_on = inside.map(|network| Attachment { network, aliases }).into_iter().collect();
    spec
}
