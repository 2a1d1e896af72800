//! What a container uses, read from its cgroup: version 1 and 2.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Usage;

/// Where the kernel shows the cgroups of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroup {
    V1 { memory: PathBuf, cpu: PathBuf, pids: PathBuf },
    V2(PathBuf),
}

impl Cgroup {
    /// Finds the cgroup from the text of `/proc/<pid>/cgroup`; `root` is `/sys/fs/cgroup`.
    pub fn find(proc_cgroup: &str, root: &Path) -> Option<Self> {
        let mut controllers = std::collections::HashMap::new();
        for line in proc_cgroup.lines() {
            let mut parts = line.splitn(3, ':');
            let (_, names, path) = (parts.next()?, parts.next()?, parts.next()?);
            for name in names.split(',') {
                controllers.insert(name.to_owned(), path.trim_start_matches('/').to_owned());
            }
        }
        let place = |controller: &str| Some(root.join(controller).join(controllers.get(controller)?));
        match place("memory") {
            Some(memory) => Some(Self::V1 { memory, cpu: place("cpuacct")?, pids: place("pids")? }),
            None => Some(Self::V2(root.join(controllers.get("")?))),
        }
    }

    /// `None` when the container has ended and its cgroup is gone.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::V1 { memory, cpu, pids } => Some(Usage {
                memory_bytes: number(&memory.join("memory.usage_in_bytes"))?
                    .saturating_sub(field(&memory.join("memory.stat"), "total_inactive_file").unwrap_or(0)),
                memory_peak_bytes: number(&memory.join("memory.max_usage_in_bytes")).unwrap_or(0),
                oom_kills: field(&memory.join("memory.oom_control"), "oom_kill").unwrap_or(0),
                cpu_time: Duration::from_nanos(number(&cpu.join("cpuacct.usage")).unwrap_or(0)),
                pids: number(&pids.join("pids.current")).unwrap_or(0),
                pids_refused: field(&pids.join("pids.events"), "max").unwrap_or(0),
            }),
            Self::V2(path) => {
                let current = number(&path.join("memory.current"))?;
                Some(Usage {
                    memory_bytes: current
                        .saturating_sub(field(&path.join("memory.stat"), "inactive_file").unwrap_or(0)),
                    memory_peak_bytes: number(&path.join("memory.peak")).unwrap_or(current),
                    oom_kills: field(&path.join("memory.events"), "oom_kill").unwrap_or(0),
                    cpu_time: Duration::from_micros(field(&path.join("cpu.stat"), "usage_usec").unwrap_or(0)),
                    pids: number(&path.join("pids.current")).unwrap_or(0),
                    pids_refused: field(&path.join("pids.events"), "max").unwrap_or(0),
                })
            }
        }
    }
}

fn number(path: &Path) -> Option<u64> {
    fs_err::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs_err::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn version_1() {
        let root = tree(&[
            ("memory/docker/c/memory.usage_in_bytes", "1000\n"),
            ("memory/docker/c/memory.max_usage_in_bytes", "2000\n"),
            ("memory/docker/c/memory.stat", "cache 5\ntotal_inactive_file 300\n"),
            ("memory/docker/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("cpuacct/docker/c/cpuacct.usage", "7000000000\n"),
            ("pids/docker/c/pids.current", "4\n"),
            ("pids/docker/c/pids.events", "max 9\n"),
        ]);
        let proc = "9:pids:/docker/c\n8:memory:/docker/c\n3:cpu:/docker/c\n2:cpuacct:/docker/c\n0::/system";
        let usage = Cgroup::find(proc, root.path()).unwrap().usage().unwrap();
        let expected = Usage {
            memory_bytes: 700,
            memory_peak_bytes: 2000,
            oom_kills: 2,
            cpu_time: Duration::from_secs(7),
            pids: 4,
            pids_refused: 9,
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn version_2_with_and_without_a_recorded_peak() {
        let files = [
            ("system.slice/docker-c.scope/memory.current", "1000\n"),
            ("system.slice/docker-c.scope/memory.stat", "anon 5\ninactive_file 400\n"),
            ("system.slice/docker-c.scope/memory.events", "low 0\noom 1\noom_kill 1\n"),
            ("system.slice/docker-c.scope/cpu.stat", "usage_usec 5000000\n"),
            ("system.slice/docker-c.scope/pids.current", "4\n"),
        ];
        let root = tree(&files);
        let cgroup = Cgroup::find("0::/system.slice/docker-c.scope\n", root.path()).unwrap();
        let usage = cgroup.usage().unwrap();
        assert_eq!((usage.memory_bytes, usage.memory_peak_bytes, usage.oom_kills), (600, 1000, 1));
        std::fs::remove_dir_all(root.path().join("system.slice")).unwrap();
        assert_eq!(cgroup.usage(), None, "it has ended");
    }
}
