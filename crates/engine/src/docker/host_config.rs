//! The only place a container's configuration is built, from the typed spec alone.
//!
//! Every field is set here or left at the engine's default on purpose; nothing is merged in from elsewhere.
//! The fixed part of the profile: no capabilities but the profile's and those that an admin gave, no new privileges, default seccomp and
//! AppArmor, own namespaces, an init process, no restarts, bounded logs, no core files, no swap.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount as DockerMount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};

use crate::{
    labels,
    spec::{ContainerSpec, Limits, Mount, NetworkMode, Privileges, Profile},
};

/// What a container's log may take on the engine's disk, as size and number of files. What runs for ever keeps the newest; what
/// ends soon keeps all, because a reader that is behind loses its place when the engine rotates a log.
const fn log_bounds(profile: Profile) -> (&'static str, &'static str) {
    match profile {
        Profile::Service => ("10m", "3"),
        Profile::Build | Profile::Plugin => ("1g", "1"),
    }
}

/// World-writable with the sticky bit, as `/tmp` is.
const TMPFS_MODE: i64 = 0o1777;

pub(super) fn create_body(spec: &ContainerSpec) -> ContainerCreateBody {
    let mut labels: HashMap<_, _> = spec.labels.clone().into_iter().collect();
    labels.insert(labels::SPEC.to_owned(), spec.hash());
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.entrypoint.clone(),
        cmd: spec.command.clone(),
        env: Some(spec.env.iter().map(|(key, value)| format!("{key}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        user: spec.user.clone(),
        labels: Some(labels),
        stop_signal: spec.stop_signal.clone(),
        open_stdin: Some(spec.stdin),
        // The first attached writer's end is the container's end-of-file.
        stdin_once: Some(spec.stdin),
        attach_stdin: Some(spec.stdin),
        tty: Some(false),
        // An image's own health check would run processes nobody asked for; probes are the caller's.
        healthcheck: Some(bollard::models::HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..Default::default()
        }),
        networking_config: networking(spec),
        host_config: Some(host_config(spec)),
        ..Default::default()
    }
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    let Limits { memory_bytes, cpu_millis, pids, cpu_weight, oom_score_adj } = spec.limits;
    let memory = i64::try_from(memory_bytes).unwrap_or(i64::MAX);
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(cpu_millis) * 1_000_000),
        cpu_shares: Some((i64::from(cpu_weight) * 1024 / 100).max(2)),
        pids_limit: Some(i64::from(pids)),
        oom_score_adj: Some(i64::from(oom_score_adj)),
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(0), hard: Some(0) }]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(capabilities(spec)),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        privileged: Some(spec.privileges.privileged),
        pid_mode: spec.privileges.host_processes.then(|| "host".to_owned()),
        devices: devices(&spec.privileges),
        readonly_rootfs: Some(spec.read_only_root),
        init: Some(true),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        auto_remove: Some(false),
        publish_all_ports: Some(false),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(
                [("max-size", log_bounds(spec.profile).0), ("max-file", log_bounds(spec.profile).1)]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
        }),
        network_mode: Some(match &spec.network {
            NetworkMode::None => "none".to_owned(),
            NetworkMode::Host => "host".to_owned(),
            NetworkMode::Named { network, .. } => network.clone(),
            NetworkMode::SharedWith { container } => format!("container:{container}"),
        }),
        extra_hosts: Some(spec.extra_hosts.iter().map(|(name, ip)| format!("{name}:{ip}")).collect()),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        ..Default::default()
    }
}

fn capabilities(spec: &ContainerSpec) -> Vec<String> {
    let kept = spec.profile.capabilities().iter().map(|name| (*name).to_owned());
    kept.chain(spec.privileges.capabilities.iter().cloned()).collect()
}

fn devices(privileges: &Privileges) -> Option<Vec<DeviceMapping>> {
    let device = |path: &String| DeviceMapping {
        path_on_host: Some(path.clone()),
        path_in_container: Some(path.clone()),
        cgroup_permissions: Some("rwm".to_owned()),
    };
    (!privileges.devices.is_empty()).then(|| privileges.devices.iter().map(device).collect())
}

fn networking(spec: &ContainerSpec) -> Option<NetworkingConfig> {
    let NetworkMode::Named { network, aliases } = &spec.network else { return None };
    let endpoint = EndpointSettings { aliases: Some(aliases.clone()), ..Default::default() };
    Some(NetworkingConfig { endpoints_config: Some([(network.clone(), endpoint)].into()) })
}

fn mount(mount: &Mount) -> DockerMount {
    let target = Some(mount.target().to_owned());
    match mount {
        Mount::Volume { name, read_only, filled, .. } => DockerMount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            target,
            read_only: Some(*read_only),
            volume_options: Some(MountVolumeOptions { no_copy: Some(!filled), ..Default::default() }),
            ..Default::default()
        },
        Mount::Bind { source, read_only, .. } => DockerMount {
            typ: Some(MountType::BIND),
            source: Some(source.to_string_lossy().into_owned()),
            target,
            read_only: Some(*read_only),
            bind_options: Some(MountBindOptions {
                propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
                ..Default::default()
            }),
            ..Default::default()
        },
        Mount::Tmpfs { size_bytes, .. } => DockerMount {
            typ: Some(MountType::TMPFS),
            target,
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: i64::try_from(*size_bytes).ok(),
                mode: Some(TMPFS_MODE),
                options: None,
            }),
            ..Default::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(profile: Profile, network: NetworkMode) -> HostConfig {
        let mut spec = ContainerSpec::new("a", "image", profile, Limits::new(64 << 20, 1500, 64));
        spec.network = network;
        host_config(&spec)
    }

    #[test]
    fn nothing_dangerous_is_ever_set() {
        let named = NetworkMode::Named { network: "n".into(), aliases: vec![] };
        for profile in [Profile::Build, Profile::Service, Profile::Plugin] {
            let config = config(profile, named.clone());
            assert_eq!(config.privileged, Some(false));
            assert_eq!(config.cap_drop, Some(vec!["ALL".to_owned()]));
            assert_eq!(config.security_opt, Some(vec!["no-new-privileges:true".to_owned()]));
            for (what, is_unset) in [
                ("devices", config.devices.is_none()),
                ("device requests", config.device_requests.is_none()),
                ("device rules", config.device_cgroup_rules.is_none()),
                ("binds", config.binds.is_none()),
                ("ports", config.port_bindings.is_none()),
                ("pid namespace", config.pid_mode.is_none()),
                ("uts namespace", config.uts_mode.is_none()),
                ("user namespace", config.userns_mode.is_none()),
                ("sysctls", config.sysctls.is_none()),
                ("volumes from", config.volumes_from.is_none()),
                ("masked paths", config.masked_paths.is_none()),
                ("read-only paths", config.readonly_paths.is_none()),
            ] {
                assert!(is_unset, "{what} must be left to the engine's safe default");
            }
            let dangerous =
                ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "MKNOD", "SYS_MODULE", "SETFCAP"];
            let kept = config.cap_add.expect("set");
            assert!(dangerous.iter().all(|name| !kept.iter().any(|kept| kept == name)), "{kept:?}");
        }
        assert_eq!(config(Profile::Plugin, NetworkMode::None).cap_add, Some(vec![]));
    }

    #[test]
    fn what_an_admin_gave_is_there_and_nothing_else() {
        let mut spec = ContainerSpec::new("a", "image", Profile::Service, Limits::new(64 << 20, 1500, 64));
        let plain = spec.hash();
        spec.privileges = Privileges {
            privileged: false,
            host_processes: true,
            capabilities: vec!["NET_ADMIN".into()],
            devices: vec!["/dev/kvm".into()],
        };
        spec.network = NetworkMode::Host;
        assert_ne!(spec.hash(), plain);
        let config = host_config(&spec);
        assert_eq!((config.privileged, config.pid_mode.as_deref()), (Some(false), Some("host")));
        assert_eq!(config.network_mode.as_deref(), Some("host"));
        let capabilities = config.cap_add.expect("set");
        assert!(capabilities.contains(&"NET_ADMIN".to_owned()) && capabilities.contains(&"KILL".to_owned()));
        let devices = config.devices.expect("set");
        assert_eq!(devices[0].path_on_host.as_deref(), Some("/dev/kvm"));
        assert_eq!(config.cap_drop, Some(vec!["ALL".to_owned()]));
    }

    #[test]
    fn limits_leave_no_swap_and_bound_the_log() {
        let config = config(Profile::Service, NetworkMode::None);
        assert_eq!(config.memory, Some(64 << 20));
        assert_eq!(config.memory_swap, config.memory);
        assert_eq!(config.nano_cpus, Some(1_500_000_000));
        assert_eq!(config.cpu_shares, Some(1024));
        assert_eq!(config.pids_limit, Some(64));
        assert_eq!(config.network_mode.as_deref(), Some("none"));
        let log = config.log_config.and_then(|log| log.config).expect("set");
        assert!(log.contains_key("max-size") && log.contains_key("max-file"), "{log:?}");
    }
}
