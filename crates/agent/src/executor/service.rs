//! The container of a service: made from a release, started, found again.

use std::net::SocketAddr;
use std::sync::Arc;

use pierhead_engine::spec::{
    ContainerSpec, Limits as EngineLimits, Mount, NetworkMode, Profile, VolumeKind, VolumeSpec,
};
use pierhead_engine::state::{ContainerId, State};
use pierhead_model::deployment::Reason;
use pierhead_model::release::{Release, ServiceRelease, StartSettings};

use super::compile::millis;
use super::environment::{self, APP};
use super::network::{self, name_of};
use super::{Run, StepError};
use crate::handover::{self, Handover};
use crate::labels;
use crate::overlay::make_app_folder;
use crate::pipeline::Base;

/// Part of every runtime image: runs the command as the first process and passes signals on.
const ENTRY: &str = "/usr/local/bin/pierhead-entry";
const USER: &str = "10001:10001";

/// A started container.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: ContainerId,
    pub(crate) address: SocketAddr,
}

/// Makes the deployment's container run: takes the one that is there, or makes it.
pub(crate) async fn launch(run: &Run, release: &Release) -> Result<Instance, StepError> {
    let Some(start) = settings_of(release) else {
        return Err(StepError::failed(Reason::Internal, "a site has nothing to start"));
    };
    let found =
        run.node.engine.find(&name_of(run)).await.map_err(StepError::engine("looking for the container"))?;
    let runs =
        found.as_ref().is_some_and(|it| matches!(it.state, State::Running { .. } | State::Paused { .. }));
    if run.held.secrets_missing && !runs {
        run.log.say("service", "waiting for the control plane: only it knows this deployment's secrets");
        // The worker begins anew when they have come.
        return std::future::pending().await;
    }
    let (id, handover) = match found {
        Some(container) if runs || !handover::is_needed(&container) => (container.id, None),
        found => {
            let (spec, handover) = describe(run, release, start).await?;
            let id = match found {
                Some(container) => container.id,
                None => create(run, spec).await?,
            };
            (id, handover)
        }
    };
    pierhead_model::crash_point!("agent.container_created");
    let (engine, starting) = (Arc::clone(&run.node.engine), id.clone());
    run.settle("starting the service", handover::start(engine, starting, handover)).await?;
    run.has_started(id.clone());
    pierhead_model::crash_point!("agent.container_started");
    let container =
        run.node.engine.inspect(&id).await.map_err(StepError::engine("looking at the service"))?;
    match (&container.state, container.addresses.get(&name_of(run))) {
        (State::Running { .. } | State::Paused { .. }, Some(ip)) => {
            Ok(Instance { id, address: SocketAddr::new((*ip).into(), start.port) })
        }
        // It has ended already: whoever waits for it learns how. The address will not be asked.
        _ => {
            Ok(Instance { id, address: SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), start.port) })
        }
    }
}

pub(crate) const fn settings_of(release: &Release) -> Option<&StartSettings> {
    match release {
        Release::Site(_) | Release::Run(_) => None,
        Release::Service(service) => Some(&service.start),
        Release::Image(image) => Some(&image.start),
    }
}

async fn create(run: &Run, spec: ContainerSpec) -> Result<ContainerId, StepError> {
    let engine = Arc::clone(&run.node.engine);
    let created =
        run.settle("creating the service's container", async move { engine.create(&spec).await }).await?;
    Ok(created.id)
}

/// The container, without its secrets, and these.
async fn describe(
    run: &Run,
    release: &Release,
    start: &StartSettings,
) -> Result<(ContainerSpec, Option<Handover>), StepError> {
    let network = network::ensure(run).await?;
    let limits = &run.held.assignment.work.limits;
    let limits = EngineLimits::new(u64::from(limits.memory_mb) << 20, millis(limits.cpu), limits.pids);
    let mut spec = match release {
        Release::Service(service) => {
            let version = Some(service.runtime_version.as_str());
            let say = |line: &str| run.log.say("service", line);
            let image = run.node.runtime(&service.runtime, version, &say).await;
            let image = image.map_err(|error| StepError::failed(Reason::Internal, error.to_string()))?;
            mount_layers(run, service, "service", &name_of(run)).await?;
            let mut spec = ContainerSpec::new(name_of(run), image.reference, Profile::Service, limits);
            let volume =
                Mount::Volume { name: name_of(run), target: APP.to_owned(), read_only: false, filled: false };
            spec.mounts.push(volume);
            spec.entrypoint = Some(vec![ENTRY.to_owned()]);
            spec.command = start.command.as_ref().map(|command| shell(command));
            spec.user = Some(USER.to_owned());
            spec.working_dir = Some(environment::in_app(&start.working_directory));
            spec
        }
        Release::Image(image) => {
            let tag = super::image::tag_of(run);
            run.node
                .images
                .ensure(&image.image, &tag)
                .await
                .map_err(StepError::image("fetching the image"))?;
            let mut spec = ContainerSpec::new(name_of(run), &image.image, Profile::Service, limits);
            if let Some(command) = &start.command {
                spec.entrypoint = Some(shell(command));
                spec.command = Some(Vec::new());
            }
            spec
        }
        Release::Site(_) | Release::Run(_) => {
            return Err(StepError::failed(Reason::Internal, "this release has nothing to start"));
        }
    };
    spec.env = environment::of_service(run, start);
    spec.labels = labels::of_object(&run.identity, &run.held, "service");
    spec.network = NetworkMode::Named { network, aliases: Vec::new() };
    run.conceal(spec).await
}

/// The user's command, run by a shell inside the container and nowhere else.
pub(crate) fn shell(command: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()]
}

/// What runs a built service as a part of a run: the same container that it would have by itself, under another name.
pub(crate) async fn app_base(run: &Run, service: &ServiceRelease, part: &str) -> Result<Base, StepError> {
    let say = |line: &str| run.log.say(part, line);
    let version = Some(service.runtime_version.as_str());
    let image = run.node.runtime(&service.runtime, version, &say).await;
    let image = image.map_err(|error| StepError::failed(Reason::Internal, error.to_string()))?;
    let volume = format!("{}-{part}", name_of(run));
    mount_layers(run, service, part, &volume).await?;
    let start = &service.start;
    Ok(Base {
        image: image.reference,
        entrypoint: Some(vec![ENTRY.to_owned()]),
        command: start.command.as_ref().map(|command| shell(command)),
        working_directory: Some(environment::in_app(&start.working_directory)),
        user: Some(USER.to_owned()),
        variables: environment::of_service(run, start),
        mounts: vec![Mount::Volume { name: volume, target: APP.to_owned(), read_only: false, filled: false }],
        port: Some(start.port),
    })
}

/// The service's files: its layers as they lie, under a folder of its own that it may write in.
async fn mount_layers(
    run: &Run,
    service: &ServiceRelease,
    part: &str,
    volume: &str,
) -> Result<(), StepError> {
    let mut lower = Vec::new();
    for digest in service.layers.iter().rev() {
        lower.push(
            run.node.layers.folder(*digest).await.map_err(StepError::layers("making the service's files"))?,
        );
    }
    let folder = run.folder(part);
    let empty = lower.is_empty();
    let (upper, work, nothing) = (folder.join("upper"), folder.join("work"), folder.join("nothing"));
    if empty {
        lower.push(nothing.clone());
    }
    let folders = [upper.clone(), work.clone(), nothing];
    run.blocking("making the service's folders", move || {
        folders.iter().try_for_each(|path| make_app_folder(path))
    })
    .await?;
    let labels = labels::of_object(&run.identity, &run.held, part);
    let volume =
        VolumeSpec { name: volume.to_owned(), labels, kind: VolumeKind::Overlay { lower, upper, work } };
    let engine = Arc::clone(&run.node.engine);
    run.settle("making the service's volume", async move { engine.volume_create(&volume).await }).await
}
