//! What the container engine holds of a node.

use std::process::Command;

/// Removes every container, network, volume and image of a node.
pub(crate) fn remove_all_of(node: &str) {
    if node.is_empty() {
        return;
    }
    let filter = format!("label=pierhead.node={node}");
    for (list, remove) in [
        (["ps", "--all", "--quiet"].as_slice(), ["rm", "--force"].as_slice()),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm"]),
        (&["image", "ls", "--quiet"], &["image", "rm", "--force"]),
    ] {
        let Ok(found) = Command::new("docker").args(list).args(["--filter", &filter]).output() else {
            return;
        };
        for id in String::from_utf8_lossy(&found.stdout).lines() {
            let _ = Command::new("docker").args(remove).arg(id).output();
        }
    }
}
