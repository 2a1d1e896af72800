//! Programs of other people in Node.js that tests speak with: see `crates/pierhead/tests/peers`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::repository_root;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running peer. It ends with this value, and with the test, however that ends: its standard input does then.
#[derive(Debug)]
pub struct Peer {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it said when it was ready.
    pub ready: Value,
}

impl Peer {
    pub async fn start(script: &str, arguments: &[&str]) -> Self {
        let folder = repository_root().join("crates/pierhead/tests/peers");
        assert!(folder.join("node_modules").exists(), "the peers are not installed: run scripts/peers.sh");
        let mut process = Command::new("node")
            .arg(folder.join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node is there");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut peer = Self { _process: process, lines, ready: Value::Null };
        peer.ready = peer.next().await;
        peer
    }

    /// The next line that it says.
    pub async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("the peer says something").unwrap().expect("the peer is running");
        serde_json::from_str(&line).unwrap()
    }
}
