//! Creating, running and looking at containers.

use std::time::Duration;

use bollard::{
    models::{
        ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummaryStateEnum, EndpointSettings,
        NetworkConnectRequest,
    },
    query_parameters::{
        CreateContainerOptions, DownloadFromContainerOptions, KillContainerOptions, ListContainersOptions,
        RemoveContainerOptions, StopContainerOptions, WaitContainerOptions,
    },
};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{
    DockerEngine,
    call::{Call, classify, label_filter, path_part},
    host_config::create_body,
};
use crate::{
    engine::ByteStream,
    error::{Error, Object, Result},
    labels,
    spec::{Attachment, ContainerSpec, Labels, Mount, NetworkMode},
    state::{Container, ContainerId, ContainerSummary, Created, Exit, Made, Removal, State, Status},
};

/// How often a removal that another caller began is looked at again.
const REMOVAL_POLL: Duration = Duration::from_millis(50);

impl DockerEngine {
    pub(super) async fn container_create(&self, spec: &ContainerSpec) -> Result<Created> {
        spec.validate()?;
        path_part(Object::Image, &spec.image)?;
        self.check_parts(spec).await?;
        let call = Call::on("creating a container", Object::Container, &spec.name);
        let options = CreateContainerOptions { name: Some(spec.name.clone()), ..Default::default() };
        let error = match self.docker.create_container(Some(options), create_body(spec)).await {
            Ok(made) => {
                let id = ContainerId::new(made.id);
                self.attach_further(&id, spec).await?;
                return Ok(Created { id, made: Made::Now });
            }
            Err(error) => classify(error, call),
        };
        if !matches!(error, Error::Conflict { .. }) {
            return Err(error);
        }
        match self.container_find(&spec.name).await? {
            Some(found) if found.labels.get(labels::SPEC) == Some(&spec.hash()) => {
                // Whoever made it may have died before it was attached.
                self.attach_further(&found.id, spec).await?;
                Ok(Created { id: found.id, made: Made::Before })
            }
            Some(_) => Err(Error::NameTaken { object: Object::Container, name: spec.name.clone() }),
            // It vanished between the two calls.
            None => Err(error),
        }
    }

    /// Engines before 25 take one network at creation, so further ones follow. Being on one already is fine.
    async fn attach_further(&self, id: &ContainerId, spec: &ContainerSpec) -> Result<()> {
        if spec.also_on.is_empty() {
            return Ok(());
        }
        let call = Call::on("attaching a container to a network", Object::Container, &spec.name);
        let found = self.docker.inspect_container(id.as_str(), None).await;
        let networks = found.map_err(|error| classify(error, call))?.network_settings;
        let networks = networks.and_then(|settings| settings.networks).unwrap_or_default();
        for Attachment { network, aliases } in &spec.also_on {
            if networks.contains_key(network) {
                continue;
            }
            let request = NetworkConnectRequest {
                container: id.as_str().to_owned(),
                endpoint_config: Some(EndpointSettings {
                    aliases: Some(aliases.clone()),
                    ..Default::default()
                }),
            };
            let connected = self.docker.connect_network(network, request).await;
            connected.map_err(|error| classify(error, call))?;
        }
        Ok(())
    }

    /// Docker makes missing volumes up and notices missing networks only at the start; here they are errors.
    async fn check_parts(&self, spec: &ContainerSpec) -> Result<()> {
        for (network, _) in spec.attachments() {
            drop(self.network_get(network).await?);
        }
        if let NetworkMode::SharedWith { container } = &spec.network {
            drop(self.container_inspect(container.as_str()).await?);
        }
        for mount in &spec.mounts {
            if let Mount::Volume { name, .. } = mount {
                let call = Call::on("creating a container", Object::Volume, name);
                self.docker.inspect_volume(name).await.map_err(|error| classify(error, call))?;
            }
        }
        Ok(())
    }

    pub(super) async fn container_start(&self, id: &ContainerId) -> Result<()> {
        let call = Call::on("starting a container", Object::Container, id.as_str());
        let name = path_part(Object::Container, id.as_str())?;
        self.docker.start_container(name, None).await.map_err(|error| classify(error, call))
    }

    pub(super) async fn container_stop(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        self.thaw_if_frozen(id).await?;
        let call = Call::on("stopping a container", Object::Container, id.as_str());
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options =
            StopContainerOptions { signal: None, t: Some(i32::try_from(seconds).unwrap_or(i32::MAX)) };
        let stopped = self.docker.stop_container(id.as_str(), Some(options)).await;
        stopped.map_err(|error| classify(error, call))
    }

    pub(super) async fn container_kill(&self, id: &ContainerId) -> Result<()> {
        if !self.thaw_if_frozen(id).await? {
            return Ok(());
        }
        let call = Call::on("killing a container", Object::Container, id.as_str());
        // PID 1 of its namespace: the kernel kills all others with it.
        let options = KillContainerOptions { signal: "SIGKILL".to_owned() };
        match self
            .docker
            .kill_container(id.as_str(), Some(options))
            .await
            .map_err(|error| classify(error, call))
        {
            // It ended in between, which is what was asked for.
            Err(Error::Conflict { .. }) => Ok(()),
            result => result,
        }
    }

    pub(super) async fn container_remove(&self, id: &ContainerId, how: Removal) -> Result<()> {
        if how == Removal::Force {
            match self.thaw_if_frozen(id).await {
                Err(error) if error.is_not_found() => return Ok(()),
                result => result?,
            };
        }
        let call = Call::on("removing a container", Object::Container, id.as_str());
        loop {
            let options = RemoveContainerOptions { v: true, force: how == Removal::Force, link: false };
            let removed = self.docker.remove_container(id.as_str(), Some(options)).await;
            match removed.map_err(|error| classify(error, call)) {
                Err(Error::NotFound { .. }) => return Ok(()),
                Err(Error::Conflict { reason, .. }) if reason.contains("already in progress") => {
                    tokio::time::sleep(REMOVAL_POLL).await;
                }
                result => return result,
            }
        }
    }

    pub(super) async fn container_inspect(&self, id: &str) -> Result<Container> {
        let call = Call::on("inspecting a container", Object::Container, id);
        let name = path_part(Object::Container, id)?;
        let answer = self.docker.inspect_container(name, None).await;
        describe(answer.map_err(|error| classify(error, call))?)
    }

    pub(super) async fn container_find(&self, name: &str) -> Result<Option<Container>> {
        match self.container_inspect(name).await {
            // The engine also finds by id and by the beginning of an id.
            Ok(found) => Ok((found.name == name).then_some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn container_list(&self, labels: &Labels) -> Result<Vec<ContainerSummary>> {
        let options =
            ListContainersOptions { all: true, filters: label_filter(labels), ..Default::default() };
        let found = self.docker.list_containers(Some(options)).await;
        let found = found.map_err(|error| classify(error, Call::plain("listing containers")))?;
        Ok(found
            .into_iter()
            .map(|one| ContainerSummary {
                id: ContainerId::new(one.id.unwrap_or_default()),
                name: one
                    .names
                    .and_then(|names| names.into_iter().next())
                    .map(|name| name.trim_start_matches('/').to_owned())
                    .unwrap_or_default(),
                image: one.image.unwrap_or_default(),
                labels: one.labels.unwrap_or_default().into_iter().collect(),
                status: match one.state {
                    Some(
                        ContainerSummaryStateEnum::RUNNING
                        | ContainerSummaryStateEnum::RESTARTING
                        | ContainerSummaryStateEnum::STOPPING,
                    ) => Status::Running,
                    Some(ContainerSummaryStateEnum::PAUSED) => Status::Paused,
                    Some(ContainerSummaryStateEnum::EXITED) => Status::Exited,
                    Some(ContainerSummaryStateEnum::CREATED) => Status::Created,
                    Some(
                        ContainerSummaryStateEnum::REMOVING
                        | ContainerSummaryStateEnum::DEAD
                        | ContainerSummaryStateEnum::EMPTY,
                    )
                    | None => Status::Dead,
                },
            })
            .collect())
    }

    /// The exit is read from the container's state after the wait, never from the wait's own answer: so a caller
    /// that comes too late, or again after a crash, learns the same.
    pub(super) async fn container_wait(&self, id: &ContainerId) -> Result<Exit> {
        let call = Call::on("waiting for a container", Object::Container, id.as_str());
        loop {
            let inspect = self.container_inspect(id.as_str());
            let found = super::bounded("waiting for a container", self.timeouts.quick, inspect).await?;
            let condition = match found.state {
                State::Exited(exit) => return Ok(exit),
                State::Created => "next-exit",
                State::Running { .. } | State::Paused { .. } => "not-running",
                State::Dead => return Err(Error::not_found(Object::Container, id.as_str())),
            };
            let options = WaitContainerOptions { condition: condition.to_owned() };
            let mut waiting = Box::pin(self.docker.wait_container(id.as_str(), Some(options)));
            match waiting.next().await {
                None | Some(Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. })) => {}
                Some(Err(error)) => return Err(classify(error, call)),
            }
        }
    }

    pub(super) async fn container_copy_out(&self, id: &ContainerId, path: &str) -> Result<ByteStream> {
        let id = path_part(Object::Container, id.as_str())?.to_owned();
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let place = format!("{id}:{path}");
        let failed = move |error| classify(error, Call::on("copying out", Object::Path, &place));
        let mut bytes = Box::pin(self.docker.download_from_container(&id, Some(options)).map_err(failed));
        // The first piece shows whether there is anything; an absent path must fail the call, not the stream.
        let first = bytes.try_next().await?;
        Ok(Box::pin(futures::stream::iter(first.map(Ok)).chain(bytes)))
    }
}

fn describe(found: ContainerInspectResponse) -> Result<Container> {
    let broken = |what: &str| Error::Other {
        operation: "reading a container's description",
        cause: Some(std::sync::Arc::new(std::io::Error::other(format!("the engine's answer has no {what}")))),
    };
    let state = found.state.ok_or_else(|| broken("state"))?;
    let config = found.config.ok_or_else(|| broken("configuration"))?;
    let started_at = state.started_at.as_deref().and_then(moment);
    let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    let at_start = started_at.unwrap_or(Timestamp::UNIX_EPOCH);
    let state = match state.status {
        Some(
            ContainerStateStatusEnum::RUNNING
            | ContainerStateStatusEnum::RESTARTING
            | ContainerStateStatusEnum::STOPPING,
        ) => State::Running { pid, started_at: at_start },
        Some(ContainerStateStatusEnum::PAUSED) => State::Paused { pid, started_at: at_start },
        Some(ContainerStateStatusEnum::EXITED) => {
            let finished_at = state.finished_at.as_deref().and_then(moment).unwrap_or(at_start);
            State::Exited(Exit {
                code: state.exit_code.unwrap_or(-1),
                oom_killed: state.oom_killed.unwrap_or(false),
                // The engine notes the start after the fact: a short life would end before it began.
                started_at: started_at.map(|at| at.min(finished_at)),
                finished_at,
            })
        }
        Some(ContainerStateStatusEnum::CREATED) => State::Created,
        Some(
            ContainerStateStatusEnum::REMOVING
            | ContainerStateStatusEnum::DEAD
            | ContainerStateStatusEnum::EMPTY,
        )
        | None => State::Dead,
    };
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    Ok(Container {
        id: ContainerId::new(found.id.ok_or_else(|| broken("id"))?),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        created_at: found.created.as_deref().and_then(moment).unwrap_or(Timestamp::UNIX_EPOCH),
        state,
        addresses: networks
            .into_iter()
            .filter_map(|(name, endpoint)| Some((name, endpoint.ip_address?.parse().ok()?)))
            .collect(),
        memory_limit: found
            .host_config
            .and_then(|host| host.memory)
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(0),
    })
}

/// The engine's times; the year 1 means never.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}
