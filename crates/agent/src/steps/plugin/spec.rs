//! The container of an attempt. It gets no environment, no command and no label of what it is told.

use pierhead_engine::spec::{ContainerSpec, Limits as EngineLimits, Mount, NetworkMode, Profile};

use super::Attempt;
use crate::executor::millis;
use crate::steps::service::SlotVolume;

/// The only place where it can write, beside volumes.
const SCRATCH: &str = "/tmp";

pub(super) fn of(attempt: &Attempt, container: &str) -> ContainerSpec {
    let limits = EngineLimits::new(
        u64::from(attempt.limits.memory_mb) << 20,
        millis(attempt.limits.cpu),
        attempt.limits.pids,
    );
    let mut spec = ContainerSpec::new(container, &attempt.image, Profile::Plugin, limits);
    spec.labels = attempt.place.labels_of_step(&attempt.step);
    spec.stdin = true;
    spec.read_only_root = true;
    spec.mounts.push(Mount::Tmpfs {
        target: SCRATCH.to_owned(),
        size_bytes: u64::from(attempt.limits.scratch_mb.max(1)) << 20,
    });
    spec.mounts.extend(attempt.volumes.iter().map(|volume: &SlotVolume| volume.mount(&attempt.place)));
    spec.network = match &attempt.network {
        None => NetworkMode::None,
        Some(network) => NetworkMode::Named { network: network.clone(), aliases: Vec::new() },
    };
    spec
}
