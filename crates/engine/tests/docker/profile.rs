//! The sandbox as a process inside it sees it.

use std::collections::BTreeMap;

use pierhead_engine::{
    Error,
    simulated::Act,
    spec::{NetworkMode, Profile},
};

use crate::contract::Lab;

/// The bits of the capabilities in the kernel's masks.
const BITS: [(&str, u32); 8] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("FOWNER", 3),
    ("FSETID", 4),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("NET_BIND_SERVICE", 10),
];

pub(crate) async fn the_sandbox_is_as_published(lab: &Lab) {
    for profile in [Profile::Build, Profile::Service, Profile::Plugin] {
        let status = Act::Read { path: "/proc/self/status".to_owned() };
        let mut spec = lab.spec(&format!("{profile:?}").to_lowercase(), &[status]);
        spec.profile = profile;
        let (exit, said) = lab.run(&spec).await;
        assert_eq!(exit.code, 0);
        let lines: BTreeMap<_, _> = said
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key, value.trim()))
            .collect();
        let allowed: u64 = BITS
            .iter()
            .filter(|(name, _)| profile.capabilities().contains(name))
            .map(|(_, bit)| 1 << bit)
            .sum();
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            let mask = u64::from_str_radix(lines[set], 16).expect("a mask");
            assert_eq!(mask, allowed, "{profile:?} {set}");
        }
        assert_eq!(lines["NoNewPrivs"], "1");
        assert_eq!(lines["Seccomp"], "2", "a filter is on");
    }

    let sees = |path: &str| vec![Act::Read { path: path.to_owned() }];
    for (name, path) in [
        ("socket", "/var/run/docker.sock"),
        ("memory", "/dev/mem"),
        ("disk", "/dev/sda"),
        ("kernel-log", "/dev/kmsg"),
    ] {
        let (exit, said) = lab.run(&lab.spec(name, &sees(path))).await;
        assert_eq!(exit.code, 1, "{path} is readable: {said}");
    }
    let (_, devices) = lab.run(&lab.spec("network", &sees("/proc/net/dev"))).await;
    let devices: Vec<_> = devices.lines().skip(2).filter_map(|line| line.trim().split_once(':')).collect();
    assert_eq!(devices.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["lo"]);
    let (_, first) = lab.run(&lab.spec("init", &sees("/proc/1/comm"))).await;
    assert!(first.contains("init"), "{first}");
    let (_, own) = lab.run(&lab.spec("cgroup", &sees("/proc/self/cgroup"))).await;
    assert!(own.lines().filter(|line| line.contains("memory")).all(|line| line.ends_with(":/")), "{own}");
}

pub(crate) async fn a_command_that_cannot_run_is_refused(lab: &Lab) {
    let mut spec = lab.spec("nothing", &[]);
    spec.command = Some(vec!["/nothing".to_owned()]);
    // With an init process the command is looked up by it, inside: the container starts and ends at once.
    let id = lab.create(&spec).await;
    match lab.engine.start(&id).await {
        Ok(()) => assert!((126..=127).contains(&lab.wait(&id).await.code)),
        Err(error) => assert!(matches!(error, Error::Refused { .. }), "{error:?}"),
    }
    let mut spec = lab.spec("hostile-reference", &[]);
    spec.image = "../containers/x".to_owned();
    let error = lab.engine.create(&spec).await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    let mut spec = lab.spec("hostile-network", &[]);
    spec.network = NetworkMode::Named { network: "host".to_owned(), aliases: vec![] };
    let error = lab.engine.create(&spec).await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

pub(crate) async fn the_engine_is_described(lab: &Lab) {
    let info = lab.engine.info().await.expect("described");
    assert_eq!(info.driver, "docker");
    assert!(info.cpus > 0 && info.memory_bytes > 0, "{info:?}");
    assert!(!info.version.is_empty() && info.root_dir.is_some(), "{info:?}");
}
