//! A `pierhead ingress` of the test's own that calls its control plane over the network.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::free_port;

/// Dropping it ends it, with the process that looks after it.
#[derive(Debug)]
pub struct RemoteIngress {
    binary: String,
    process: Option<Child>,
    folder: tempfile::TempDir,
    id: String,
    pub token: String,
    control_address: String,
    /// Where visitors come.
    pub port: u16,
    pub tls_port: u16,
}

impl RemoteIngress {
    /// From the answer that added it; it does not run yet.
    pub fn unstarted(binary: &str, added: &serde_json::Value, control_address: String) -> Self {
        Self {
            binary: binary.to_owned(),
            process: None,
            folder: tempfile::tempdir().unwrap(),
            id: added["id"].as_str().unwrap().to_owned(),
            token: added["token"].as_str().unwrap().to_owned(),
            control_address,
            port: free_port(),
            tls_port: free_port(),
        }
    }

    /// Starts the process, or starts it again. Nobody looks after it, so that the test alone decides when it runs.
    pub fn boot(&mut self) {
        let log = fs_err::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let process = Command::new(&self.binary)
            .args(["ingress", "--serve", "--control-address", &self.control_address])
            .args(["--ingress-listen", &format!("127.0.0.1:{}", self.port)])
            .args(["--ingress-tls-listen", &format!("127.0.0.1:{}", self.tls_port)])
            .arg("--data-dir")
            .arg(self.folder.path())
            .env("PIERHEAD_INGRESS_TOKEN", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap().into_file())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// What it keeps on disk.
    pub fn kept(&self) -> PathBuf {
        self.folder.path().join("ingress").join(&self.id)
    }

    pub fn log(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The status and text that a visitor of a hostname gets; status 0 and the reason when there is none.
    pub async fn visit(&self, host: &str, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        match client.get(url).header("host", host).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    }
}

impl Drop for RemoteIngress {
    fn drop(&mut self) {
        self.kill();
    }
}
