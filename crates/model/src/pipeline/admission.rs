//! What a pipeline may ask of a node, whoever wrote it and wherever it came from.
//!
//! A container with one of these can read other tenants' data, become root on the node, or starve everybody: so each is
//! refused, with its own reason, for everyone but an admin. The engine's socket is all of them at once, under many names: a
//! mount of a folder above it gives it as well.

use super::definition::{Pipeline, Step};
use super::document::Problem;
use super::name::StepName;
use super::service::{HostMount, Privileges, ServiceStep};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    Member,
    /// May ask for anything; is told what it means.
    Admin,
}

/// The most that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Of one container, in MiB.
    pub memory_mb: u32,
    /// Of one container, in cores.
    pub cpu: f64,
    pub pids: u32,
    pub replicas: u32,
    /// Of one attempt of a plugin.
    pub plugin_timeout_s: u32,
    pub build_timeout_s: u32,
    pub steps: usize,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self {
            memory_mb: 8_192,
            cpu: 4.0,
            pids: 4_096,
            replicas: 10,
            plugin_timeout_s: 1_800,
            build_timeout_s: 3_600,
            steps: 100,
        }
    }
}

/// Where engines put their sockets. `/var/run` is `/run` on every system that has both.
const SOCKETS: [&str; 8] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
];

/// Everything that is refused, or for an admin everything that deserves a second look.
pub fn judge(pipeline: &Pipeline, authority: Authority, ceiling: &Ceiling) -> Vec<Problem> {
    let mut found = Vec::new();
    if pipeline.steps.len() > ceiling.steps {
        let count = pipeline.steps.len();
        found.push(Problem::error(
            "steps",
            format!("{count} steps are more than the {} allowed", ceiling.steps),
        ));
    }
    for (name, step) in &pipeline.steps {
        limits(name, step, ceiling, &mut found);
        if let Step::Service(service) = step {
            privileges(&format!("steps.{name}.privileges"), &service.privileges, &mut found);
        }
    }
    if authority == Authority::Admin {
        for problem in &mut found {
            *problem =
                Problem::warning(problem.path.clone(), format!("allowed for an admin: {}", problem.message));
        }
    }
    found
}

fn limits(name: &StepName, step: &Step, ceiling: &Ceiling, found: &mut Vec<Problem>) {
    let mut check = |field: &str, value: Option<f64>, maximum: f64| {
        if let Some(value) = value.filter(|value| *value > maximum) {
            let message = format!("{value} is above the ceiling of {maximum}: lower it, or ask an admin");
            found.push(Problem::error(format!("steps.{name}.{field}"), message));
        }
    };
    if let Some(resources) = step.resources() {
        check("resources.memory_mb", resources.memory_mb.map(f64::from), f64::from(ceiling.memory_mb));
        check("resources.cpu", resources.cpu, ceiling.cpu);
        check("resources.pids", resources.pids.map(f64::from), f64::from(ceiling.pids));
    }
    match step {
        Step::Service(service) => {
            check("replicas", Some(f64::from(service.replicas)), f64::from(ceiling.replicas));
        }
        Step::Plugin(plugin) => {
            check("timeout_s", plugin.timeout_s.map(f64::from), f64::from(ceiling.plugin_timeout_s));
        }
        Step::Build(build) => {
            check("timeout_s", build.timeout_s.map(f64::from), f64::from(ceiling.build_timeout_s));
        }
        Step::Site(_) => {}
    }
}

/// What of a container's privileges is refused; `path` is where they stand.
pub(super) fn privileges(path: &str, asked: &Privileges, found: &mut Vec<Problem>) {
    let mut refuse = |field: &str, message: String| {
        found.push(Problem::error(format!("{path}.{field}"), message));
    };
    if asked.privileged {
        refuse(
            "privileged",
            "a privileged container is root on the node: every tenant's data is open to it".into(),
        );
    }
    if asked.host_network {
        refuse(
            "host_network",
            "on the node's network it reaches other deployments and what listens on localhost only".into(),
        );
    }
    if asked.host_processes {
        refuse(
            "host_processes",
            "among the node's processes it can read the memory and variables of other deployments".into(),
        );
    }
    for capability in &asked.capabilities {
        refuse(
            "capabilities",
            format!("`{capability}` lets the kernel's checks be passed that keep deployments apart"),
        );
    }
    for device in &asked.devices {
        refuse("devices", format!("`{device}` belongs to the node, not to a deployment"));
    }
    for (at, mount) in asked.host_mounts.iter().enumerate() {
        refuse(&format!("host_mounts[{at}]"), mount_reason(mount));
    }
}

fn mount_reason(mount: &HostMount) -> String {
    let source = &mount.source;
    let prefix = if source == "/" { "/".to_owned() } else { format!("{source}/") };
    if SOCKETS.iter().any(|socket| socket == source || socket.starts_with(&prefix)) {
        return format!(
            "`{source}` gives the engine's socket, and with it every container and root on the node"
        );
    }
    format!(
        "`{source}` is a path of the node, shared with everything on it: use a volume, and a plugin that fills it"
    )
}

impl ServiceStep {
    /// Whether only an admin may run it.
    pub fn is_elevated(&self) -> bool {
        !self.privileges.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::document::Severity;
    use crate::pipeline::{Format, read};

    fn judged(step: &str, authority: Authority) -> Vec<Problem> {
        let text = format!("version: 1\nsteps:\n  a: {{kind: service, image: 'a:1', {step}}}");
        judge(&read(&text, Format::Yaml).unwrap().pipeline, authority, &Ceiling::default())
    }

    #[test]
    fn each_is_refused_with_its_reason() {
        for (step, path, reason) in [
            ("privileges: {privileged: true}", "privileges.privileged", "root on the node"),
            ("privileges: {host_network: true}", "privileges.host_network", "reaches other deployments"),
            ("privileges: {host_processes: true}", "privileges.host_processes", "read the memory"),
            ("privileges: {capabilities: [cap_sys_admin]}", "privileges.capabilities", "`SYS_ADMIN`"),
            ("privileges: {devices: [/dev/kvm]}", "privileges.devices", "`/dev/kvm`"),
            (
                "privileges: {host_mounts: [{source: /etc, path: /e}]}",
                "privileges.host_mounts[0]",
                "use a volume",
            ),
            (
                "privileges: {host_mounts: [{source: /, path: /h}]}",
                "privileges.host_mounts[0]",
                "engine's socket",
            ),
            (
                "privileges: {host_mounts: [{source: //var/./run/, path: /h, read_only: true}]}",
                "privileges.host_mounts[0]",
                "engine's socket",
            ),
            (
                "privileges: {host_mounts: [{source: /var/run/docker.sock, path: /d}]}",
                "privileges.host_mounts[0]",
                "engine's socket",
            ),
            ("resources: {memory_mb: 9000}", "resources.memory_mb", "9000 is above the ceiling of 8192"),
            ("resources: {cpu: 4.5}", "resources.cpu", "4.5 is above"),
            ("replicas: 11", "replicas", "11 is above"),
        ] {
            let refused = judged(step, Authority::Member);
            assert_eq!(refused.len(), 1, "{step}: {refused:?}");
            assert_eq!(refused[0].path, format!("steps.a.{path}"));
            assert_eq!(refused[0].severity, Severity::Error);
            assert!(refused[0].message.contains(reason), "{step}: {}", refused[0]);
            let for_admin = judged(step, Authority::Admin);
            assert_eq!((for_admin.len(), for_admin[0].severity), (1, Severity::Warning));
        }
        assert_eq!(judged("replicas: 10, resources: {cpu: 4}", Authority::Member), []);
    }
}
