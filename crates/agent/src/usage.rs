//! What the machine has and uses.

use std::path::Path;

use pierhead_wire::agent_to_control::{Machine, MachineUsage};

/// What this machine has. What cannot be found out is zero or empty, never a reason to stop.
pub(crate) fn machine(data_dir: &Path, engine_version: String) -> Machine {
    let hostname = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let cores =
        std::thread::available_parallelism().map_or(0, |cores| u32::try_from(cores.get()).unwrap_or(0));
    Machine {
        hostname,
        architecture: std::env::consts::ARCH.to_owned(),
        cpu_cores: cores,
        memory_bytes: memory("MemTotal:"),
        disk_bytes: rustix::fs::statvfs(data_dir).map_or(0, |stat| stat.f_blocks * stat.f_frsize),
        engine_version,
    }
}

/// What it uses now; `before` and the result are the processor's idle and total time.
pub(crate) fn usage(data_dir: &Path, before: CpuTime) -> (MachineUsage, CpuTime) {
    let now = CpuTime::read();
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let total = now.total.saturating_sub(before.total);
    let idle = now.idle.saturating_sub(before.idle);
    let busy = if total == 0 { 0.0 } else { cores * (total.saturating_sub(idle)) as f64 / total as f64 };
    let usage = MachineUsage {
        cpu: busy,
        memory_bytes: memory("MemTotal:").saturating_sub(memory("MemAvailable:")),
        disk_free_bytes: disk_free(data_dir),
    };
    (usage, now)
}

pub(crate) fn disk_free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |stat| stat.f_bavail * stat.f_frsize)
}

/// The processor's time since the machine started, in ticks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    idle: u64,
    total: u64,
}

impl CpuTime {
    pub(crate) fn read() -> Self {
        let text = fs_err::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
        Self { idle: ticks.iter().skip(3).take(2).sum(), total: ticks.iter().sum() }
    }
}

fn memory(field: &str) -> u64 {
    let text = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}
