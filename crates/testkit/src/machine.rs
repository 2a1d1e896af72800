//! A machine of its own, as far as an agent can tell: its own network and its own Docker that has no image.
//!
//! Needs root. What a killed run left is removed by the next one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::namespace;

/// So that what a killed run left is known.
const PREFIX: &str = "phm-";

/// Dropping it ends everything that runs on it.
#[derive(Debug)]
pub struct Machine {
    namespace: String,
    address: String,
    folder: PathBuf,
    docker: Option<Child>,
}

impl Machine {
    /// With a Docker that answers.
    pub fn build() -> Self {
        sweep();
        let id: u16 = rand::random();
        let namespace = namespace::name(PREFIX, id);
        // Of the range that carriers use inside (RFC 6598), so that no wire's addresses are taken.
        let network = |last: u16| format!("100.100.{}.{}", id >> 6 & 255, (id & 63) * 4 + last);
        let (here, address) = (network(1), network(2));
        let cable = format!("pm{id:04x}");
        for command in [
            format!("ip netns add {namespace}"),
            format!("ip link add {cable} type veth peer name cable netns {namespace}"),
            format!("ip address add {here}/30 dev {cable}"),
            format!("ip link set dev {cable} up"),
            format!("ip -n {namespace} address add {address}/30 dev cable"),
            format!("ip -n {namespace} link set dev cable up"),
            format!("ip -n {namespace} link set dev lo up"),
            format!("ip -n {namespace} route add default via {here}"),
        ] {
            namespace::run(&command);
        }
        let folder = std::env::temp_dir().join(&namespace);
        fs_err::create_dir(&folder).unwrap();
        let mut machine = Self { namespace, address, folder, docker: None };
        machine.start_docker();
        machine
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// A command that runs on it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace)).arg(program);
        command
    }

    /// What `docker` on it says.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let host = format!("unix://{}", self.socket().display());
        let output = Command::new("docker").args(["--host", &host]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts Docker, or starts it again.
    pub fn start_docker(&mut self) {
        let folder = &self.folder;
        let log =
            fs_err::OpenOptions::new().create(true).append(true).open(folder.join("docker.log")).unwrap();
        // A process id that somebody else has by now would keep it from starting.
        for process in ["docker.pid", "exec/containerd/containerd.pid"] {
            let _ = fs_err::remove_file(folder.join(process));
        }
        let started = self
            .command("dockerd")
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("docker.pid"))
            .arg("--host")
            .arg(format!("unix://{}", self.socket().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_file())
            .spawn()
            .unwrap();
        self.docker = Some(started);
        let begun = Instant::now();
        while self.docker(&["version", "--format", "{{.Server.Version}}"]).trim().is_empty() {
            let log = fs_err::read_to_string(self.folder.join("docker.log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "Docker did not start:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As `kill -9` does.
    pub fn kill_docker(&mut self) {
        if let Some(mut docker) = self.docker.take() {
            let _ = docker.kill();
            let _ = docker.wait();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(docker) = &mut self.docker {
            // Politely, so that it ends its containers and lets go of what it mounted.
            let _ = Command::new("kill").arg(docker.id().to_string()).status();
            let _ = docker.wait();
        }
        namespace::remove(&self.namespace);
        clear(&self.folder);
    }
}

/// Removes what machines of processes that are gone left.
fn sweep() {
    namespace::sweep(PREFIX);
    for entry in fs_err::read_dir(std::env::temp_dir()).unwrap().flatten() {
        if entry.file_name().to_str().is_some_and(|name| namespace::is_abandoned(PREFIX, name)) {
            clear(&entry.path());
        }
    }
}

/// Removes a folder with everything that is mounted in it.
fn clear(folder: &Path) {
    let mounts = fs_err::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for mount in inside.filter(|mount| Path::new(mount).starts_with(folder)).collect::<Vec<_>>().iter().rev()
    {
        let _ = Command::new("umount").args(["--lazy", mount]).status();
    }
    let _ = fs_err::remove_dir_all(folder);
}
