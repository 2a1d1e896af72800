//! The container of a service, built from what its description names and nothing else.

use pierhead_engine::spec::{Attachment, ContainerSpec, Limits, Mount, NetworkMode, Privileges, Profile};
use pierhead_model::pipeline::service as model;
use pierhead_model::pipeline::service::HostMount;

use super::Service;
use crate::executor::millis;
use crate::steps::network::Networks;

pub(super) fn of(service: &Service, container: &str) -> ContainerSpec {
    let limits = Limits::new(u64::from(service.memory_mb) << 20, millis(service.cpu), service.pids);
    let mut spec = ContainerSpec::new(container, &service.image, Profile::Service, limits);
    spec.entrypoint.clone_from(&service.entrypoint);
    spec.command.clone_from(&service.command);
    if spec.entrypoint.is_some() && spec.command.is_none() {
        // The image's own arguments belong to the image's own entrypoint.
        spec.command = Some(Vec::new());
    }
    spec.working_dir.clone_from(&service.working_directory);
    spec.user.clone_from(&service.user);
    spec.env.clone_from(&service.variables);
    spec.labels = service.place.labels_of_step(&service.step);
    spec.mounts = service.volumes.iter().map(|volume| volume.mount(&service.place)).collect();
    spec.mounts.extend(service.mounts.iter().cloned());
    spec.mounts.extend(service.privileges.host_mounts.iter().map(host_mount));
    spec.privileges = privileges(&service.privileges);
    if service.privileges.host_network {
        // There it has no name of its own: the others of its deployment reach it at the node's address.
        spec.network = NetworkMode::Host;
        return spec;
    }
    let aliases = vec![service.step.clone()];
    let Networks { outside, inside } = service.networks.clone();
    spec.network = NetworkMode::Named { network: outside, aliases: aliases.clone() };
    spec.also_on = inside.map(|network| Attachment { network, aliases }).into_iter().collect();
    spec
}

fn host_mount(mount: &HostMount) -> Mount {
    Mount::Bind { source: (&mount.source).into(), target: mount.path.clone(), read_only: mount.read_only }
}

fn privileges(given: &model::Privileges) -> Privileges {
    Privileges {
        privileged: given.privileged,
        host_processes: given.host_processes,
        capabilities: given.capabilities.iter().cloned().collect(),
        devices: given.devices.iter().cloned().collect(),
    }
}
