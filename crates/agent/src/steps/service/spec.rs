//! The container of a service, built from what its description names and nothing else.

use pierhead_engine::spec::{Attachment, ContainerSpec, Limits, NetworkMode, Profile};

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
    let aliases = vec![service.step.clone()];
    let Networks { outside, inside } = service.networks.clone();
    spec.network = NetworkMode::Named { network: outside, aliases: aliases.clone() };
    spec.also_on = vec![Attachment { network: inside, aliases }];
    spec
}
