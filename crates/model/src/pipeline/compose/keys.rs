//! Keys that have no counterpart, each with the reason. What is in neither table is told as unknown.

use super::{Place, Report, Verdict};
use crate::pipeline::document::problem::quoted;

const FLATTEN: &str = "other files are not here: run `docker compose config` and import what it prints";

/// Keys of a service without an effect here.
const IGNORED: [(&str, &str); 43] = [
    ("annotations", "Pierhead labels what it runs itself"),
    ("attach", "every service's output is kept and can be followed"),
    ("blkio_config", "disk access is shared fairly"),
    ("cgroup", "each container has its own"),
    ("configs", "files come with the image, or into a volume from a plugin"),
    ("container_name", "a service is reached by its step's name, in as many copies as there are"),
    ("cpu_count", "set `resources.cpu`"),
    ("cpu_percent", "set `resources.cpu`"),
    ("cpu_period", "set `resources.cpu`"),
    ("cpu_quota", "set `resources.cpu`"),
    ("cpu_shares", "set `resources.cpu`"),
    ("cpuset", "set `resources.cpu`"),
    ("develop", "for working on it locally"),
    ("dns", "names are resolved by the node"),
    ("dns_opt", "names are resolved by the node"),
    ("dns_search", "names are resolved by the node"),
    ("domainname", "a public service gets its hostname from its step, slot and environment"),
    ("env_file", "the file is not here: `pierhead env import FILE` brings its variables into the project"),
    ("external_links", "deployments do not reach each other"),
    ("extra_hosts", "services are reached by the names of their steps"),
    ("group_add", "groups come with the image"),
    ("hostname", "it is the step's name"),
    ("init", "a process that reaps is always there"),
    ("labels", "Pierhead routes by steps, not by labels"),
    ("logging", "all output is kept and searchable"),
    ("mac_address", "addresses are given by the platform"),
    ("mem_reservation", "set `resources.memory_mb`"),
    ("mem_swappiness", "set `resources.memory_mb`"),
    ("memswap_limit", "set `resources.memory_mb`"),
    ("networks", "each deployment has one private network, in which all its services reach each other"),
    ("oom_kill_disable", "a container above its memory limit ends, with that reason"),
    ("platform", "a node runs images of its own architecture"),
    ("post_start", "make it a plugin that needs this step"),
    ("pre_stop", "a service gets SIGTERM and time to end"),
    ("pull_policy", "an image is fetched when the node lacks it"),
    ("read_only", "the container's own files are gone with it; keep data in volumes"),
    ("restart", "a service is started again whenever it ends, with growing pauses"),
    ("shm_size", "the engine's default is used"),
    ("stdin_open", "nobody types into a service"),
    ("stop_signal", "a service gets SIGTERM"),
    ("storage_opt", "set when the node is set up"),
    ("tmpfs", "what is not in a volume is gone with the container anyway"),
    ("tty", "nobody types into a service"),
];

/// Keys of a service that Pierhead does not do, whoever asks, or only for admins.
const REFUSED: [(&str, &str); 19] = [
    (
        "cap_add",
        "capabilities pass the checks that keep deployments apart: an admin may set them in `privileges`",
    ),
    ("cgroup_parent", "limits are the platform's"),
    ("credential_spec", "for Windows containers"),
    ("device_cgroup_rules", "devices belong to the node: an admin may give them in `privileges`"),
    ("devices", "devices belong to the node: an admin may give them in `privileges`"),
    ("extends", FLATTEN),
    ("gpus", "devices belong to the node: an admin may give them in `privileges`"),
    ("ipc", "shared memory with others would undo what keeps deployments apart"),
    ("isolation", "for Windows containers"),
    ("oom_score_adj", "who ends first when memory is short is the platform's decision"),
    (
        "pid",
        "among the node's processes it could read other deployments: an admin may set it in `privileges`",
    ),
    ("provider", "what is not a container cannot be run: make it a plugin"),
    ("runtime", "the engine's runtime is the node's"),
    ("secrets", "files below /run/secrets are not made: use `${{ secrets.NAME }}` in a variable"),
    ("security_opt", "the profiles that keep deployments apart stay as they are"),
    ("sysctls", "kernel settings belong to the node"),
    ("ulimits", "set `resources.pids`; the other limits are the node's"),
    ("userns_mode", "who is root in a container is the platform's decision"),
    ("uts", "the node's name is not shared"),
];

/// A key of the whole file, other than `services` and `volumes`.
pub(super) fn top(key: &str, at: &Place, report: &mut Report<'_>) {
    let (verdict, reason) = match key {
        "version" => (Verdict::Ignored, "compose files have no versions any more"),
        "name" => (Verdict::Ignored, "the name of the project is Pierhead's"),
        "networks" => (Verdict::Ignored, "each deployment has one private network of its own"),
        "include" => (Verdict::Refused, FLATTEN),
        "secrets" => (
            Verdict::Refused,
            "add them to the project's secrets, and use `${{ secrets.NAME }}` in variables",
        ),
        "configs" => (Verdict::Ignored, "files come with the image, or into a volume from a plugin"),
        "models" => (Verdict::Refused, "what is not a container cannot be run: make it a plugin"),
        key if key.starts_with("x-") => {
            (Verdict::Ignored, "an extension: it was used where it is referred to")
        }
        _ => (Verdict::Refused, "this is no key of a compose file"),
    };
    report.note(verdict, at, None, reason);
}

/// A key of a service that is not translated.
pub(super) fn of_service(key: &str, at: &Place, report: &mut Report<'_>) {
    let find =
        |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == key).map(|(_, why)| *why);
    if let Some(why) = find(&IGNORED) {
        report.note(Verdict::Ignored, at, None, why);
    } else if let Some(why) = find(&REFUSED) {
        report.note(Verdict::Refused, at, None, why);
    } else if key.starts_with("x-") {
        report.note(Verdict::Ignored, at, None, "an extension: it was used where it is referred to");
    } else {
        report.note(Verdict::Refused, at, None, &format!("{} is no key of a service", quoted(key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_table_once_and_in_order() {
        for table in [&IGNORED[..], &REFUSED] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(IGNORED.iter().all(|(key, _)| REFUSED.iter().all(|(other, _)| key != other)));
    }
}
