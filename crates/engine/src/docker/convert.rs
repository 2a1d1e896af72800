//! Between our types and Docker's: the request is built field by field, never passed through.

use std::collections::{BTreeMap, HashMap};

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary,
    ContainerSummaryStateEnum, HostConfig, HostConfigLogConfig, Mount as DockerMount, MountType,
    MountVolumeOptions, RestartPolicy, RestartPolicyNameEnum,
};
use pierhead_model::digest::Digest;

use super::to_ordered;
use crate::{Container, ContainerSpec, EngineError, Exit, Listed, Mount, Result, Status};

/// Holds the digest of a container's specification: whether an existing one is the one that is wanted.
pub(super) const SPEC_LABEL: &str = "pierhead.spec";

/// The engine's own log of a container; we read it at once, so it is only a buffer.
const LOG_FILE_BYTES: &str = "64m";
const LOG_FILES: &str = "2";

pub(super) fn container(spec: &ContainerSpec) -> Result<ContainerCreateBody> {
    let refused = |reason| EngineError::Refused { name: spec.name.clone(), reason };
    if spec.limits.memory_bytes < 4 << 20 || spec.limits.cpu_millis == 0 || spec.limits.pids == 0 {
        return Err(refused("it needs limits on memory (at least 4 MiB), processor and processes"));
    }
    let text = serde_json::to_string(spec).map_err(|_| refused("it cannot be written down"))?;
    let mut labels: HashMap<String, String> = spec.labels.clone().into_iter().collect();
    labels.insert(SPEC_LABEL.to_owned(), Digest::of(text.as_bytes()).to_hex());
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.entrypoint.clone(),
        cmd: spec.command.clone(),
        env: Some(spec.env.iter().map(|(key, value)| format!("{key}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        user: spec.user.clone(),
        labels: Some(labels),
        host_config: Some(host_config(spec)),
        ..ContainerCreateBody::default()
    })
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    let limits = &spec.limits;
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    let log_options = [("max-size", LOG_FILE_BYTES), ("max-file", LOG_FILES)];
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(limits.cpu_millis) * 1_000_000),
        cpu_shares: Some(spec.profile.cpu_shares()),
        pids_limit: Some(i64::from(limits.pids)),
        oom_score_adj: Some(spec.profile.oom_score_adj()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(spec.profile.capabilities().iter().map(ToString::to_string).collect()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        init: Some(true),
        readonly_rootfs: Some(spec.read_only_root),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        network_mode: Some(spec.network.clone().unwrap_or_else(|| "none".to_owned())),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(log_options.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        }),
        ..HostConfig::default()
    }
}

fn mount(mount: &Mount) -> DockerMount {
    match mount {
        Mount::Volume { name, target } => DockerMount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            target: Some(target.clone()),
            // What the image has at this place must not be copied into the volume.
            volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
            ..DockerMount::default()
        },
        Mount::ReadOnlyBind { source, target } => DockerMount {
            typ: Some(MountType::BIND),
            source: Some(source.display().to_string()),
            target: Some(target.clone()),
            read_only: Some(true),
            ..DockerMount::default()
        },
    }
}

pub(super) fn inspected(found: ContainerInspectResponse) -> Container {
    let state = found.state.unwrap_or_default();
    let status = match state.status {
        Some(ContainerStateStatusEnum::CREATED) => Status::Created,
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::PAUSED) => Status::Running,
        Some(ContainerStateStatusEnum::RESTARTING) => Status::Running,
        _ => Status::Exited,
    };
    let exit = (status == Status::Exited).then(|| Exit {
        code: state.exit_code.unwrap_or(-1),
        out_of_memory: state.oom_killed.unwrap_or(false),
    });
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.into_values().filter_map(|network| network.ip_address?.parse().ok()).next();
    Container {
        status,
        address,
        exit,
        labels: to_ordered(found.config.and_then(|config| config.labels)),
        started_at: state.started_at.and_then(|text| text.parse().ok()),
    }
}

pub(super) fn listed(found: ContainerSummary) -> Listed {
    let name = found.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    Listed {
        name: name.trim_start_matches('/').to_owned(),
        labels: to_ordered(found.labels),
        running: found.state == Some(ContainerSummaryStateEnum::RUNNING),
    }
}

pub(super) fn label_filter(labels: &BTreeMap<String, String>) -> HashMap<String, Vec<String>> {
    let labels = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    HashMap::from([("label".to_owned(), labels)])
}

/// What Docker's answer means.
pub(super) fn error(doing: &'static str, what: &'static str, name: &str, error: Error) -> EngineError {
    let (status, message) = match error {
        Error::DockerResponseServerError { status_code, message } => (status_code, message),
        Error::DockerStreamError { error } => (500, error),
        Error::RequestTimeoutError => return EngineError::Timeout { doing, seconds: 600 },
        error => return EngineError::Unavailable { doing, source: Box::new(error) },
    };
    let name = name.to_owned();
    if message.contains("no space left on device") {
        return EngineError::OutOfSpace;
    }
    if message.contains("Pool overlaps") {
        return EngineError::SubnetOverlap { subnet: name };
    }
    match status {
        404 => EngineError::NotFound { what, name },
        409 => EngineError::NameTaken { what, name },
        _ => EngineError::Other { doing, message },
    }
}
