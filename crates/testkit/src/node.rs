//! A `pierhead agent` of the test's own.

use std::process::{Child, Command, Stdio};

use crate::Machine;
use crate::server::free_port;

/// An agent on a machine of its own, as far as its control plane can tell. Dropping it ends it and removes everything of it
/// from the engine.
#[derive(Debug)]
pub struct NodeAgent {
    binary: String,
    process: Option<Child>,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
    node: String,
    pub token: String,
    subnet_pool: String,
    control_address: Option<String>,
    machine: Option<Machine>,
}

impl NodeAgent {
    /// One that listens, and does not run yet.
    pub fn unstarted(binary: &str) -> Self {
        Self {
            binary: binary.to_owned(),
            process: None,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            node: String::new(),
            token: String::new(),
            subnet_pool: format!("10.{}.{}.0/24", rand::random_range(212..250_u8), rand::random::<u8>()),
            control_address: None,
            machine: None,
        }
    }

    /// One that runs on a machine of its own.
    pub fn on(machine: Machine, binary: &str) -> Self {
        let mut agent = Self::unstarted(binary);
        agent.machine = Some(machine);
        agent
    }

    pub fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().unwrap()
    }

    /// From the answer that added the node.
    pub fn is(&mut self, added: &serde_json::Value) {
        self.node = added["id"].as_str().unwrap().to_owned();
        self.token = added["token"].as_str().unwrap().to_owned();
    }

    /// It dials instead of listening.
    pub fn dials(&mut self, address: String) {
        self.control_address = Some(address);
    }

    pub fn id(&self) -> &str {
        &self.node
    }

    /// Starts the process, or starts it again.
    pub fn boot(&mut self) {
        let log = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = match &self.machine {
            Some(machine) => machine.command(&self.binary),
            None => Command::new(&self.binary),
        };
        if let Some(machine) = &self.machine {
            command.env("PIERHEAD_ENGINE_SOCKET", machine.socket());
        }
        command
            .arg("agent")
            .arg("--data-dir")
            .arg(self.data_dir())
            .env("PIERHEAD_AGENT_TOKEN", &self.token)
            .env("PIERHEAD_ALLOW_ADDRESSES", "127.0.0.0/8")
            .env("PIERHEAD_SUBNET_POOL", &self.subnet_pool)
            .env("PIERHEAD_FIREWALL", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_file());
        match &self.control_address {
            Some(address) => command.args(["--control-address", address]),
            None => command.args(["--listen", &format!("0.0.0.0:{}", self.port)]),
        };
        self.process = Some(command.spawn().unwrap());
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// As `kill -STOP` and `kill -CONT` do.
    pub fn pause(&self, paused: bool) {
        crate::process::pause(self.process.as_ref(), paused);
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub fn log(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for NodeAgent {
    fn drop(&mut self) {
        self.kill();
        if self.machine.is_none() {
            crate::engine::remove_all_of(&self.node);
        }
        if std::thread::panicking() {
            let kept = std::env::temp_dir().join(format!("pierhead-test-agent-{}.log", std::process::id()));
            let _ = fs_err::copy(self.folder.path().join("log"), &kept);
        }
    }
}
