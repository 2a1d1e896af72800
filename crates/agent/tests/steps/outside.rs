//! Something outside of this machine: a network namespace behind a cable, with a server in it. Containers get there only if the
//! engine forwards what they send. Needs root.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NAMESPACE: &str = "phsteps";
/// A range for documentation, which nobody has.
const ADDRESS: &str = "198.51.100.2";
const PORT: u16 = 8123;

pub(crate) struct Outside {
    server: Child,
}

impl Outside {
    /// What an earlier, killed run left is removed first.
    pub(crate) fn start() -> Self {
        remove();
        for command in [
            "netns add phsteps",
            "link add phsteps0 type veth peer name phsteps1 netns phsteps",
            "addr add 198.51.100.1/30 dev phsteps0",
            "link set phsteps0 up",
            "-n phsteps addr add 198.51.100.2/30 dev phsteps1",
            "-n phsteps link set phsteps1 up",
            "-n phsteps route add default via 198.51.100.1",
        ] {
            let output = Command::new("ip").args(command.split(' ')).output().unwrap();
            assert!(output.status.success(), "ip {command}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let server = Command::new("ip")
            .args([
                "netns",
                "exec",
                NAMESPACE,
                "python3",
                "-m",
                "http.server",
                &PORT.to_string(),
                "--bind",
                ADDRESS,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let outside = Self { server };
        let (begun, address) = (Instant::now(), SocketAddr::new(ADDRESS.parse().unwrap(), PORT));
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        outside
    }

    /// Python that fails unless it gets there.
    pub(crate) fn reached_by(&self) -> String {
        format!("import socket; socket.create_connection(('{ADDRESS}', {PORT}), timeout=5)")
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ended = self.server.kill().and_then(|()| self.server.wait());
        remove();
    }
}

fn remove() {
    // A server that outlived a killed run holds the namespace.
    let listed = Command::new("ip").args(["netns", "pids", NAMESPACE]).output().unwrap();
    for pid in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        let _ended = Command::new("kill").arg(pid).status();
    }
    let _absent = Command::new("ip").args(["netns", "del", NAMESPACE]).stderr(Stdio::null()).status();
}
