//! Signals to processes that a test started.

use std::process::{Child, Command};

/// As `kill -STOP` and `kill -CONT` do.
pub(crate) fn pause(process: Option<&Child>, paused: bool) {
    let Some(process) = process else { return };
    let signal = if paused { "-STOP" } else { "-CONT" };
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill {signal}");
}
