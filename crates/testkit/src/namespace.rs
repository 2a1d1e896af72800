//! Network namespaces whose names say which process made them.

use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn name(prefix: &str, id: u16) -> String {
    format!("{prefix}{}-{id:04x}", std::process::id())
}

pub(crate) fn run(command: &str) {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Its cables go with it, and so does what still runs in it.
pub(crate) fn remove(namespace: &str) {
    let inside = Command::new("ip").args(["netns", "pids", namespace]).output();
    for process in inside.iter().flat_map(|output| output.stdout.split(|byte| *byte == b'\n')) {
        if !process.is_empty() {
            let _ = Command::new("kill").arg("-KILL").arg(String::from_utf8_lossy(process).as_ref()).status();
        }
    }
    let _ = Command::new("ip").args(["netns", "delete", namespace]).stderr(Stdio::null()).status();
}

/// The process that gave this name is gone.
pub(crate) fn is_abandoned(prefix: &str, name: &str) -> bool {
    let owner = name.strip_prefix(prefix).and_then(|rest| rest.split_once('-')).map(|(owner, _)| owner);
    owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists())
}

/// Removes namespaces of processes that are gone.
pub(crate) fn sweep(prefix: &str) {
    let Ok(list) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        if is_abandoned(prefix, name) {
            remove(name);
        }
    }
}
