//! A step as it is written → a container as it is run.

use std::time::Duration;

use pierhead_engine::spec::Mount;
use pierhead_model::assignment::Work;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::health::HealthKind;
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::definition::{NetworkAccess, PluginStep, Volume};
use pierhead_model::pipeline::plugin::Plugins as _;
use pierhead_model::pipeline::reference::Template;
use pierhead_model::pipeline::resolve::resolve_parameters;
use pierhead_model::pipeline::service::{Check, ServiceStep};
use pierhead_model::run::IdempotencyKey;

use super::values::Values;
use crate::steps::contract::{Action, DeploymentInput, Input, StepInput};
use crate::steps::network::Networks;
use crate::steps::place::Place;
use crate::steps::plugin::{Attempt, Limits};
use crate::steps::service::{self, Service, SlotVolume};

/// Starts of a service whose process ends before it is healthy: a database that it needs may be a moment late.
const STARTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// The same of an application that waits for nobody.
const APP_STARTS: u32 = 4;

/// What a container is made of beside its step.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) image: String,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) working_directory: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    /// Where it listens unless the step says otherwise.
    pub(crate) port: Option<u16>,
}

impl Base {
    /// An image that says for itself how it is run.
    pub(crate) const fn of_image(image: String) -> Self {
        Self {
            image,
            entrypoint: None,
            command: None,
            working_directory: None,
            user: None,
            variables: Vec::new(),
            mounts: Vec::new(),
            port: None,
        }
    }
}

/// One attempt at a plugin.
pub(super) fn plugin(
    values: Values<'_>,
    place: &Place,
    (name, step): (&StepName, &PluginStep),
    (action, attempt, key): (Action, u32, &IdempotencyKey),
) -> Result<Attempt, Failure> {
    let failed = |why: String| Failure::new(Reason::PluginFailed, format!("the step `{name}`: {why}"));
    let declared = values
        .work
        .plugins
        .plugin(&step.image)
        .ok_or_else(|| failed(format!("the plugin {} is not registered", step.image.repository())))?;
    let parameters = resolve_parameters(&step.parameters, &values).map_err(|problems| {
        failed(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let mut secrets = std::collections::BTreeMap::new();
    for wanted in &step.secrets {
        let found = values.assignment.work.variables.iter();
        let found = found.filter(|it| it.secret).find(|it| it.key.as_str() == wanted.as_str());
        let found = found
            .ok_or_else(|| failed(format!("there is no secret `{wanted}` here; add it to the project")))?;
        secrets.insert(wanted.to_string(), found.value.clone());
    }
    let access = step.network.unwrap_or(declared.network);
    let networks = Networks::of(place);
    let network = match access {
        NetworkAccess::None => None,
        NetworkAccess::Deployment => networks.inside,
        NetworkAccess::Internet => Some(networks.outside),
    };
    let resources =
        |step: Option<u32>, declared: Option<u32>, otherwise| step.or(declared).unwrap_or(otherwise);
    let standard = Limits::default();
    Ok(Attempt {
        place: place.clone(),
        step: name.to_string(),
        generation: attempt,
        image: step.image.to_string(),
        input: Input {
            action,
            idempotency_key: key.as_str().to_owned(),
            deployment: DeploymentInput {
                id: place.deployment.to_string(),
                project: place.project.to_string(),
                environment: place.environment.to_string(),
                slot: place.slot.to_string(),
                network: network.clone(),
            },
            step: StepInput {
                id: name.to_string(),
                name: step.description.clone().unwrap_or_else(|| name.to_string()),
            },
            parameters: parameters.expose().as_object().cloned().unwrap_or_default(),
            secrets,
            outputs: values
                .notes
                .outputs
                .iter()
                .map(|(step, left)| (step.to_string(), left.clone()))
                .collect(),
        },
        secret_values: values.secrets(),
        limits: Limits {
            memory_mb: resources(step.resources.memory_mb, declared.resources.memory_mb, standard.memory_mb),
            cpu: step.resources.cpu.or(declared.resources.cpu).unwrap_or(standard.cpu),
            pids: resources(step.resources.pids, declared.resources.pids, standard.pids),
            scratch_mb: standard.scratch_mb,
        },
        timeout: Duration::from_secs(step.timeout_s.unwrap_or(declared.timeout_s.max(1)).into()),
        network,
        volumes: volumes(&step.volumes),
    })
}

/// One replica of a service.
pub(super) fn service(
    values: Values<'_>,
    place: &Place,
    (name, step): (&StepName, &ServiceStep),
    base: Base,
    (attempt, replica): (u32, u32),
) -> Result<Service, Failure> {
    let Work { limits: defaults, .. } = &values.assignment.work;
    let is_app = values.work.is_generated();
    let failed = |why: String| {
        Failure::new(Reason::StartFailed { exit_code: None }, format!("the service `{name}`: {why}"))
    };
    let text = |template: &Template| -> Result<String, Failure> {
        template.resolve(&values).map(|value| value.expose_text()).map_err(|why| failed(why.to_string()))
    };
    let port = step.public.or_else(|| step.ports.first().copied()).or(base.port);
    let mut variables = base.variables;
    if let Some(port) = port {
        set(&mut variables, "PORT", port.to_string());
    }
    for (key, template) in &step.variables {
        set(&mut variables, key.as_str(), text(template)?);
    }
    let command = match &step.command {
        Some(words) => Some(words.iter().map(text).collect::<Result<Vec<_>, _>>()?),
        None => base.command,
    };
    Ok(Service {
        place: place.clone(),
        step: name.to_string(),
        generation: attempt,
        replica,
        image: base.image,
        entrypoint: step.entrypoint.clone().or(base.entrypoint),
        command,
        working_directory: step.working_directory.clone().or(base.working_directory),
        user: step.user.clone().or(base.user),
        variables,
        secret_values: values.secrets(),
        memory_mb: step.resources.memory_mb.unwrap_or(defaults.memory_mb),
        cpu: step.resources.cpu.unwrap_or(defaults.cpu),
        pids: step.resources.pids.unwrap_or(defaults.pids),
        volumes: volumes(&step.volumes),
        mounts: base.mounts,
        privileges: step.privileges.clone(),
        networks: if is_app { Networks::of_app(place) } else { Networks::of(place) },
        health: if is_app { app_health(values, name, port) } else { health(values, name, step, port) },
        port,
        unknown: values.unknown,
        startup_timeout: Duration::from_secs(
            step.startup_timeout_s.unwrap_or(defaults.startup_timeout_s).into(),
        ),
        starts: if is_app { APP_STARTS } else { STARTS },
        pause: PAUSE,
    })
}

/// What the project asks its application, to the millisecond.
fn app_health(values: Values<'_>, name: &StepName, port: Option<u16>) -> service::Health {
    let asked = &values.assignment.work.health;
    let port = port.unwrap_or(0);
    service::Health {
        check: match asked.kind {
            HealthKind::Http => {
                service::Check::Http { port, path: asked.path.clone(), host: host_of(values, name) }
            }
            HealthKind::Tcp => service::Check::Tcp { port },
            HealthKind::Process => service::Check::Process,
        },
        interval: Duration::from_millis(asked.interval_ms.into()),
        timeout: Duration::from_millis(asked.timeout_ms.into()),
        healthy_after: asked.healthy_after,
        unhealthy_after: asked.unhealthy_after,
    }
}

fn host_of(values: Values<'_>, name: &StepName) -> String {
    values.work.public.get(name).map_or_else(|| name.to_string(), |public| public.host.to_string())
}

fn health(values: Values<'_>, name: &StepName, step: &ServiceStep, port: Option<u16>) -> service::Health {
    let asked = step.effective_health();
    let or_port = |said: Option<u16>| said.or(port).unwrap_or(0);
    let host = host_of(values, name);
    let check = match asked.check {
        Check::Http { path, port } => service::Check::Http { port: or_port(port), path, host },
        Check::Tcp { port } => service::Check::Tcp { port: or_port(port) },
        Check::Command { command } => service::Check::Command(command),
        // A built service that names no port is asked where it was built to listen.
        Check::Process if step.health.is_none() && port.is_some() => {
            service::Check::Tcp { port: or_port(None) }
        }
        Check::Process => service::Check::Process,
    };
    service::Health {
        check,
        interval: Duration::from_secs(asked.interval_s.into()),
        timeout: Duration::from_secs(asked.timeout_s.into()),
        healthy_after: asked.healthy_after,
        unhealthy_after: asked.unhealthy_after,
    }
}

fn set(variables: &mut Vec<(String, String)>, key: &str, value: String) {
    variables.retain(|(known, _)| known != key);
    variables.push((key.to_owned(), value));
}

fn volumes(written: &[Volume]) -> Vec<SlotVolume> {
    let volume = |volume: &Volume| SlotVolume {
        name: volume.name.to_string(),
        path: volume.path.clone(),
        read_only: volume.read_only,
    };
    written.iter().map(volume).collect()
}
