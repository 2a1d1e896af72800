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
            thaw(id);
            let _ = Command::new("docker").args(remove).arg(id).output();
        }
    }
}

/// A test that was killed may leave a service asleep, and what is frozen cannot be ended. Anything else is not touched.
fn thaw(id: &str) {
    let Ok(found) = Command::new("docker").args(["inspect", "--format", "{{.Id}}", id]).output() else {
        return;
    };
    let id = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    for (file, text) in [
        (format!("/sys/fs/cgroup/freezer/docker/{id}/freezer.state"), "THAWED"),
        (format!("/sys/fs/cgroup/docker/{id}/cgroup.freeze"), "0"),
        (format!("/sys/fs/cgroup/system.slice/docker-{id}.scope/cgroup.freeze"), "0"),
    ] {
        if std::path::Path::new(&file).exists() {
            let _ = fs_err::write(file, text);
        }
    }
}

/// The name of the container of a deployment's step.
pub(crate) fn container_of(deployment: &str, step: &str) -> String {
    let of = format!("label=pierhead.deployment={deployment}");
    let named = format!("label=pierhead.step={step}");
    let output = Command::new("docker")
        .args(["ps", "--format", "{{.Names}}", "--filter", &of, "--filter", &named])
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    assert_eq!(names.lines().count(), 1, "containers of {step}: {names}");
    names.trim().to_owned()
}

/// Where a container is in its network.
pub(crate) fn address_of(container: &str) -> String {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let output = Command::new("docker").args(["inspect", "--format", format, container]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
