//! Memory, processor and process counters straight from cgroup v1 and v2, and the freezer.
//!
//! A controller is looked up on its own, because hybrid hosts mount some as v1 and the rest as v2. Reading is
//! blocking but short; callers run it off the async threads. The cgroup disappears with the container's last
//! process: whoever needs the last values must have asked before ([`crate::memory_watch`]).

mod locate;

use std::{io, path::PathBuf};

pub use self::locate::Roots;
use crate::state::Stats;

/// Where one controller of a container is, and in which of the two dialects it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Dir {
    V1(PathBuf),
    V2(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    Yes,
    No,
}

/// The cgroup of a running container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    memory: Dir,
    cpu: Dir,
    pids: Dir,
    freezer: Dir,
}

impl Cgroup {
    /// The cgroup of `pid`, if its path names the container `id`. The check keeps us from a stranger's cgroup
    /// when the container has ended and its pid was given away: then, as when it just ended, `NotFound`.
    pub fn of_container(roots: &Roots, pid: u32, id: &str) -> io::Result<Self> {
        locate::find(roots, pid, id)
    }

    /// One sample. A file that a kernel does not have leaves its value at zero or `None`; only the memory usage
    /// itself must be there.
    pub fn stats(&self) -> io::Result<Stats> {
        let mut stats = match &self.memory {
            Dir::V1(dir) => {
                let usage = required(dir, "memory.usage_in_bytes")?;
                let inactive = keyed(dir, "memory.stat", "total_inactive_file")?.unwrap_or(0);
                Stats {
                    working_set: usage.saturating_sub(inactive),
                    memory_limit: number(dir, "memory.limit_in_bytes")?.unwrap_or(0),
                    memory_peak: number(dir, "memory.max_usage_in_bytes")?,
                    oom_kills: keyed(dir, "memory.oom_control", "oom_kill")?.unwrap_or(0),
                    ..Stats::default()
                }
            }
            Dir::V2(dir) => {
                let usage = required(dir, "memory.current")?;
                let inactive = keyed(dir, "memory.stat", "inactive_file")?.unwrap_or(0);
                Stats {
                    working_set: usage.saturating_sub(inactive),
                    // "max" is no number: no limit.
                    memory_limit: number(dir, "memory.max")?.unwrap_or(0),
                    memory_peak: number(dir, "memory.peak")?,
                    oom_kills: keyed(dir, "memory.events", "oom_kill")?.unwrap_or(0),
                    ..Stats::default()
                }
            }
        };
        stats.cpu_nanos = match &self.cpu {
            Dir::V1(dir) => number(dir, "cpuacct.usage")?.unwrap_or(0),
            Dir::V2(dir) => keyed(dir, "cpu.stat", "usage_usec")?.unwrap_or(0).saturating_mul(1000),
        };
        stats.pids = match &self.pids {
            Dir::V1(dir) | Dir::V2(dir) => number(dir, "pids.current")?.unwrap_or(0),
        };
        Ok(stats)
    }

    /// Whether its processes are stopped, or being stopped.
    pub fn frozen(&self) -> io::Result<Frozen> {
        let is_frozen = match &self.freezer {
            Dir::V1(dir) => text(dir, "freezer.state")?.is_some_and(|state| state.trim() != "THAWED"),
            Dir::V2(dir) => number(dir, "cgroup.freeze")? == Some(1),
        };
        Ok(if is_frozen { Frozen::Yes } else { Frozen::No })
    }

    /// Stops every process in place, or lets them go on. Repeating it changes nothing.
    pub fn set_frozen(&self, frozen: Frozen) -> io::Result<()> {
        let (file, text) = match (&self.freezer, frozen) {
            (Dir::V1(dir), Frozen::Yes) => (dir.join("freezer.state"), "FROZEN"),
            (Dir::V1(dir), Frozen::No) => (dir.join("freezer.state"), "THAWED"),
            (Dir::V2(dir), Frozen::Yes) => (dir.join("cgroup.freeze"), "1"),
            (Dir::V2(dir), Frozen::No) => (dir.join("cgroup.freeze"), "0"),
        };
        // Open without creating: a vanished cgroup must be an error.
        let mut file = fs_err::OpenOptions::new().write(true).open(file)?;
        io::Write::write_all(&mut file, text.as_bytes())
    }
}

/// The file's text, `None` when this kernel has no such file although the directory is there.
fn text(dir: &std::path::Path, file: &str) -> io::Result<Option<String>> {
    match fs_err::read_to_string(dir.join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.is_dir() => Ok(None),
        Err(error) => Err(error),
    }
}

fn number(dir: &std::path::Path, file: &str) -> io::Result<Option<u64>> {
    Ok(text(dir, file)?.and_then(|text| text.trim().parse().ok()))
}

fn required(dir: &std::path::Path, file: &str) -> io::Result<u64> {
    number(dir, file)?.ok_or_else(|| io::Error::other(format!("{file} in {} is no number", dir.display())))
}

/// The value of one `key value` line.
fn keyed(dir: &std::path::Path, file: &str, key: &str) -> io::Result<Option<u64>> {
    Ok(text(dir, file)?.and_then(|text| {
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .find_map(|(name, value)| (name == key).then(|| value.trim().parse().ok()).flatten())
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ID: &str = "c0ffee";

    /// Writes a fixture tree; `{R}` in a text is the tree's own root.
    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().to_str().expect("UTF-8").to_owned();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs_err::create_dir_all(path.parent().expect("parent")).expect("directory");
            fs_err::write(path, text.replace("{R}", &root)).expect("file");
        }
        let roots = Roots { proc: dir.path().join("proc") };
        (dir, roots)
    }

    fn v1() -> Vec<(&'static str, &'static str)> {
        vec![
            (
                "proc/self/mounts",
                "tmpfs {R}/cg tmpfs rw 0 0\n\
                 cgroup {R}/cg/memory cgroup rw,relatime,memory 0 0\n\
                 cgroup {R}/cg/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                 cgroup {R}/cg/pids cgroup rw,pids 0 0\n\
                 cgroup {R}/cg/freezer cgroup rw,freezer 0 0\n\
                 cgroup2 {R}/cg/unified cgroup2 rw 0 0\n",
            ),
            (
                "proc/42/cgroup",
                "9:memory:/docker/c0ffee\n8:pids:/docker/c0ffee\n7:freezer:/docker/c0ffee\n\
                 3:cpu,cpuacct:/docker/c0ffee\n1:name=systemd:/docker/c0ffee\n0::/\n",
            ),
            ("cg/memory/docker/c0ffee/memory.usage_in_bytes", "5000\n"),
            ("cg/memory/docker/c0ffee/memory.stat", "inactive_file 7\ntotal_inactive_file 1000\n"),
            ("cg/memory/docker/c0ffee/memory.limit_in_bytes", "8000\n"),
            ("cg/memory/docker/c0ffee/memory.max_usage_in_bytes", "7000\n"),
            ("cg/memory/docker/c0ffee/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("cg/cpu,cpuacct/docker/c0ffee/cpuacct.usage", "123\n"),
            ("cg/pids/docker/c0ffee/pids.current", "4\n"),
            ("cg/freezer/docker/c0ffee/freezer.state", "THAWED\n"),
        ]
    }

    fn v2() -> Vec<(&'static str, &'static str)> {
        vec![
            ("proc/self/mounts", "cgroup2 {R}/cg cgroup2 rw,nsdelegate 0 0\n"),
            ("proc/42/cgroup", "0::/system.slice/docker-c0ffee.scope\n"),
            ("cg/system.slice/docker-c0ffee.scope/memory.current", "5000\n"),
            ("cg/system.slice/docker-c0ffee.scope/memory.stat", "anon 1\ninactive_file 1000\n"),
            ("cg/system.slice/docker-c0ffee.scope/memory.max", "8000\n"),
            ("cg/system.slice/docker-c0ffee.scope/memory.peak", "7000\n"),
            ("cg/system.slice/docker-c0ffee.scope/memory.events", "low 0\noom 3\noom_kill 2\n"),
            ("cg/system.slice/docker-c0ffee.scope/cpu.stat", "usage_usec 5\nuser_usec 2\n"),
            ("cg/system.slice/docker-c0ffee.scope/pids.current", "4\n"),
            ("cg/system.slice/docker-c0ffee.scope/cgroup.freeze", "0\n"),
        ]
    }

    fn stats(files: &[(&str, &str)]) -> io::Result<Stats> {
        let (_dir, roots) = tree(files);
        Cgroup::of_container(&roots, 42, ID)?.stats()
    }

    #[test]
    fn both_versions_are_read() {
        let expected = Stats {
            working_set: 4000,
            memory_limit: 8000,
            memory_peak: Some(7000),
            oom_kills: 2,
            cpu_nanos: 123,
            pids: 4,
        };
        assert_eq!(stats(&v1()).expect("v1"), expected);
        assert_eq!(stats(&v2()).expect("v2"), Stats { cpu_nanos: 5000, ..expected });
    }

    #[test]
    fn an_old_kernel_has_no_peak_and_max_is_no_limit() {
        let mut files = v2();
        files.retain(|(path, _)| !path.ends_with("memory.peak"));
        for (path, text) in &mut files {
            if path.ends_with("memory.max") {
                *text = "max\n";
            }
        }
        let stats = stats(&files).expect("read");
        assert_eq!((stats.memory_peak, stats.memory_limit), (None, 0));
    }

    #[test]
    fn a_pid_that_is_another_process_by_now_is_not_found() {
        for mut files in [v1(), v2()] {
            for (path, text) in &mut files {
                if *path == "proc/42/cgroup" {
                    *text = "9:memory:/docker/other\n0::/system.slice/docker-other.scope\n";
                }
            }
            assert_eq!(stats(&files).expect_err("refused").kind(), io::ErrorKind::NotFound);
        }
        assert_eq!(stats(&[("proc/self/mounts", "")]).expect_err("gone").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_freezer_is_written_in_both_dialects_and_never_created() {
        for (files, path, frozen) in [
            (v1(), "cg/freezer/docker/c0ffee/freezer.state", "FROZEN"),
            (v2(), "cg/system.slice/docker-c0ffee.scope/cgroup.freeze", "1"),
        ] {
            let (dir, roots) = tree(&files);
            let group = Cgroup::of_container(&roots, 42, ID).expect("found");
            assert_eq!(group.frozen().expect("read"), Frozen::No);
            group.set_frozen(Frozen::Yes).expect("frozen");
            assert_eq!(group.frozen().expect("read"), Frozen::Yes);
            let file: &Path = &dir.path().join(path);
            assert!(fs_err::read_to_string(file).expect("read").starts_with(frozen));
            fs_err::remove_file(file).expect("removed");
            group.set_frozen(Frozen::No).expect_err("not created");
            assert!(!file.exists());
        }
    }
}
