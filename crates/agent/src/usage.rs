//! What the machine and each service use.

use std::collections::HashMap;
use std::time::Duration;

use pierhead_engine::state::{ContainerId, Stats, Status};
use pierhead_model::id::DeploymentId;
use pierhead_model::pipeline::StepName;
use pierhead_wire::AgentToControl;
use pierhead_wire::agent_to_control::{DeploymentUsage, Machine, MachineUsage, ServiceUsage};
use tokio::time::Instant;

use crate::labels;
use crate::node::Node;
use crate::steps::place::Place;

/// What the machine has.
pub(crate) async fn machine(node: &Node) -> Machine {
    let info = match node.engine.info().await {
        Ok(info) => Some(info),
        Err(error) => {
            tracing::warn!(%error, "the engine does not answer");
            None
        }
    };
    let memory = fs_err::read_to_string("/proc/meminfo").ok().map(|text| meminfo(&text)).unwrap_or_default();
    let disk =
        rustix::fs::statvfs(node.layout.root()).map(|status| status.f_blocks * status.f_frsize).unwrap_or(0);
    Machine {
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        cpu_cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1)),
        memory_bytes: memory.total,
        disk_bytes: disk,
        engine_version: info.map(|info| info.version).unwrap_or_default(),
    }
}

/// Turns counters that only grow into what is used now.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    machine: Option<(Instant, f64)>,
    containers: HashMap<ContainerId, (Instant, u64)>,
}

impl Meter {
    pub(crate) async fn sample(&mut self, node: &Node) -> AgentToControl {
        let mut machine = self.sample_machine(node);
        let deployments = self.sample_containers(node).await;
        machine.containers = u32::try_from(self.containers.len()).unwrap_or(u32::MAX);
        AgentToControl::Usage { machine, deployments }
    }

    fn sample_machine(&mut self, node: &Node) -> MachineUsage {
        let now = Instant::now();
        let memory =
            fs_err::read_to_string("/proc/meminfo").ok().map(|text| meminfo(&text)).unwrap_or_default();
        let busy =
            fs_err::read_to_string("/proc/stat").ok().and_then(|text| busy_seconds(&text)).unwrap_or(0.0);
        let cpu = match self.machine.replace((now, busy)) {
            Some((then, before)) => rate(busy - before, now - then),
            None => 0.0,
        };
        MachineUsage {
            cpu,
            memory_bytes: memory.total.saturating_sub(memory.available),
            disk_free_bytes: node.free_disk().unwrap_or(0),
            containers: 0,
        }
    }

    async fn sample_containers(&mut self, node: &Node) -> Vec<DeploymentUsage> {
        let Some(identity) = node.identity() else { return Vec::new() };
        let Ok(containers) = node.engine.list(&labels::of_node(&identity)).await else { return Vec::new() };
        let mut samples = HashMap::new();
        let mut usages: HashMap<DeploymentId, DeploymentUsage> = HashMap::new();
        for container in containers.into_iter().filter(|container| container.status == Status::Running) {
            let Some(deployment) = labels::deployment_of(&container.labels) else { continue };
            let Ok(stats) = node.engine.stats(&container.id).await else { continue };
            let now = Instant::now();
            let cpu = match self.containers.get(&container.id) {
                Some((then, before)) => {
                    let used = Duration::from_nanos(stats.cpu_nanos.saturating_sub(*before));
                    rate(used.as_secs_f64(), now - *then)
                }
                None => 0.0,
            };
            samples.insert(container.id, (now, stats.cpu_nanos));
            let usage = usages.entry(deployment.clone()).or_insert(DeploymentUsage {
                deployment,
                cpu: 0.0,
                memory_bytes: 0,
                services: Vec::new(),
            });
            usage.cpu += cpu;
            usage.memory_bytes += stats.working_set;
            // Not what is only there to build, or to lead elsewhere.
            let is_service = Place::attempt_and_replica(&container.name).is_some();
            let service = container.labels.get(labels::STEP).filter(|_| is_service);
            if let Some(service) = service.and_then(|step| StepName::parse(step).ok()) {
                add_replica(&mut usage.services, service, cpu, &stats);
            }
        }
        self.containers = samples;
        usages.into_values().collect()
    }
}

/// Replicas of one service share what is told of it.
fn add_replica(services: &mut Vec<ServiceUsage>, service: StepName, cpu: f64, stats: &Stats) {
    match services.iter_mut().find(|known| known.service == service) {
        Some(known) => {
            known.cpu += cpu;
            known.memory_bytes = known.memory_bytes.max(stats.working_set);
            known.memory_limit_bytes = known.memory_limit_bytes.max(stats.memory_limit);
        }
        None => services.push(ServiceUsage {
            service,
            cpu,
            memory_bytes: stats.working_set,
            memory_limit_bytes: stats.memory_limit,
        }),
    }
}

fn rate(seconds: f64, during: Duration) -> f64 {
    if during.is_zero() { 0.0 } else { (seconds / during.as_secs_f64()).max(0.0) }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    total: u64,
    available: u64,
}

/// `/proc/meminfo`, in kibibytes there.
fn meminfo(text: &str) -> Memory {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    Memory { total: value("MemTotal"), available: value("MemAvailable") }
}

/// Seconds of all cores that were not idle since the machine started (`/proc/stat`, in hundredths there).
fn busy_seconds(text: &str) -> Option<f64> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = fields.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let busy =
        ticks.iter().take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4)).map(|(_, ticks)| ticks);
    Some(busy.sum::<f64>() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_add_up_and_the_one_with_most_memory_counts() {
        let mut services = Vec::new();
        for (name, cpu, working_set) in
            [("web", 0.5, 10), ("api", 1.0, 99), ("web", 0.25, 30), ("web", 0.0, 20)]
        {
            let stats = Stats { working_set, memory_limit: 100, ..Stats::default() };
            add_replica(&mut services, StepName::parse(name).unwrap(), cpu, &stats);
        }
        let told: Vec<_> = services.iter().map(|it| (it.service.as_str(), it.cpu, it.memory_bytes)).collect();
        assert_eq!(told, [("web", 0.75, 30), ("api", 1.0, 99)]);
        assert!(services.iter().all(|it| it.memory_limit_bytes == 100));
    }

    #[test]
    fn what_the_kernel_says() {
        let text = "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    4000 kB\n";
        assert_eq!(meminfo(text), Memory { total: 16_384_000, available: 4_096_000 });
        assert_eq!(meminfo(""), Memory::default());
        assert_eq!(busy_seconds("cpu  100 0 50 9999 7 1 2 0 0 0\ncpu0 1"), Some(1.53));
        assert_eq!(busy_seconds("intr 1"), None);
    }
}
