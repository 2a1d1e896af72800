//! An agent that builds and starts nothing: it says at once that everything went well.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};

use pierhead_model::Timestamp;
use pierhead_model::assignment::{Assignment, Goal, InstanceReport, Phase, Report, Source, StepReport};
use pierhead_model::digest::Digest;
use pierhead_model::git_access::GitSecret;
use pierhead_model::id::DeploymentId;
use pierhead_model::release::{Release, ServiceRelease, StartSettings};
use pierhead_wire::agent_to_control::{Machine, MachineUsage};
use pierhead_wire::link::End;
use pierhead_wire::version::Version;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::watch;

/// What the machine pretends to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pretended {
    pub(crate) memory_mb: u64,
    pub(crate) cores: u32,
    pub(crate) used_memory_mb: u64,
    /// The only protocol that it speaks.
    pub(crate) protocol: u32,
    /// What it builds is built when the test says so.
    pub(crate) waits: bool,
}

impl Default for Pretended {
    fn default() -> Self {
        let protocol = Version::current().protocol;
        Self { memory_mb: 4096, cores: 4, used_memory_mb: 256, protocol, waits: false }
    }
}

/// Does as it is told until the link closes.
pub(crate) async fn obey(
    pretended: Pretended,
    mut link: End<AgentToControl, ControlToAgent>,
    mut built: watch::Receiver<HashSet<DeploymentId>>,
) {
    let mut reports: HashMap<DeploymentId, Report> = HashMap::new();
    let mut builds: HashMap<DeploymentId, Assignment> = HashMap::new();
    loop {
        let message = tokio::select! {
            message = link.receive() => message,
            Ok(()) = built.changed() => {
                let done: Vec<Assignment> = {
                    let built = built.borrow_and_update();
                    builds.extract_if(|id, _| built.contains(id)).map(|(_, assignment)| assignment).collect()
                };
                for report in done.iter().flat_map(|assignment| work(&mut reports, assignment)) {
                    if link.send(report).await.is_err() {
                        return;
                    }
                }
                continue;
            }
        };
        let Some(message) = message else { return };
        let mut work = |assignment: Assignment| {
            let is_released = matches!(assignment.work.source, Source::Release { .. });
            let waits = pretended.waits && assignment.goal == Goal::Run && !is_released;
            if !waits || built.borrow().contains(&assignment.deployment) {
                builds.remove(&assignment.deployment);
                return work(&mut reports, &assignment);
            }
            let report = begin(&mut reports, &assignment);
            builds.insert(assignment.deployment.clone(), assignment);
            report
        };
        let answers = match message {
            ControlToAgent::Hello { .. } => hello(pretended),
            ControlToAgent::Sync { assignments } => assignments.into_iter().flat_map(work).collect(),
            ControlToAgent::Assign(assignment) => work(assignment),
            ControlToAgent::Ping { number } => vec![AgentToControl::Pong { number }],
            ControlToAgent::TakeInventory { number } => {
                vec![AgentToControl::Inventory { number, holdings: Vec::new() }]
            }
            ControlToAgent::Forget { deployment } => {
                reports.remove(&deployment);
                Vec::new()
            }
            ControlToAgent::KeepImage { reference } => {
                vec![AgentToControl::ImageKept { reference, image: None }]
            }
            ControlToAgent::ReportStored { .. }
            | ControlToAgent::LogStored { .. }
            | ControlToAgent::Rest { .. }
            | ControlToAgent::ImageFound { .. } => Vec::new(),
        };
        for answer in answers {
            if link.send(answer).await.is_err() {
                return;
            }
        }
    }
}

fn hello(pretended: Pretended) -> Vec<AgentToControl> {
    let machine = Machine {
        hostname: "simulated".into(),
        architecture: "x86_64".into(),
        cpu_cores: pretended.cores,
        memory_bytes: pretended.memory_mb << 20,
        disk_bytes: 100 << 30,
        engine_version: "simulated".into(),
    };
    let used = MachineUsage {
        cpu: 0.1,
        memory_bytes: pretended.used_memory_mb << 20,
        disk_free_bytes: 50 << 30,
        containers: 0,
    };
    let version = Version { protocol: pretended.protocol, oldest: pretended.protocol, ..Version::current() };
    vec![
        AgentToControl::Hello { version, machine },
        AgentToControl::Usage { machine: used, deployments: Vec::new() },
    ]
}

/// Says that it builds.
fn begin(reports: &mut HashMap<DeploymentId, Report>, assignment: &Assignment) -> Vec<AgentToControl> {
    let id = &assignment.deployment;
    let report = reports.entry(id.clone()).or_insert_with(|| Report::accepted(id.clone()));
    report.phase = Phase::Building;
    report.sequence += 1;
    vec![AgentToControl::Report(report.clone())]
}

fn work(reports: &mut HashMap<DeploymentId, Report>, assignment: &Assignment) -> Vec<AgentToControl> {
    let id = &assignment.deployment;
    let report = reports.entry(id.clone()).or_insert_with(|| Report::accepted(id.clone()));
    match assignment.goal {
        Goal::Run => {
            if report.phase == Phase::Healthy {
                return Vec::new();
            }
            report.phase = Phase::Healthy;
            report.steps.push(told(assignment));
            let built = match &assignment.work.source {
                Source::Release { release } => release.clone(),
                Source::Pipeline { .. } => unreachable!("no test here runs a pipeline"),
                Source::Git { .. } | Source::Files { .. } | Source::Image { .. } => {
                    let now = Timestamp::now();
                    report.steps.push(StepReport {
                        name: "build".into(),
                        started_at: now,
                        finished_at: Some(now),
                        exit_code: Some(0),
                        note: None,
                        status: None,
                    });
                    Release::Service(ServiceRelease {
                        runtime: "node".into(),
                        runtime_version: "22".into(),
                        layers: vec![Digest::of(id.as_str().as_bytes())],
                        start: StartSettings {
                            command: Some("node server.js".into()),
                            working_directory: ".".into(),
                            port: 3000,
                            variables: BTreeMap::new(),
                            document_root: None,
                        },
                    })
                }
            };
            report.release = Some(built);
            report.instance = Some(InstanceReport {
                address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9))),
                healthy: true,
                ..InstanceReport::default()
            });
        }
        Goal::Stop => {
            report.phase = Phase::Stopped;
            report.instance = None;
        }
    }
    report.sequence += 1;
    vec![AgentToControl::Report(report.clone())]
}

/// A step that says which variables came: nothing else of them is shown anywhere.
fn told(assignment: &Assignment) -> StepReport {
    let variables = assignment.work.variables.iter();
    let mut pairs: Vec<String> = variables.map(|it| format!("{}={}", it.key.as_str(), it.value)).collect();
    if let Some(GitSecret::Token { username, .. }) =
        assignment.work.access.as_ref().and_then(|it| it.credential.as_ref()).map(|it| &it.secret)
    {
        pairs.push(format!("entered as {username}"));
    }
    let now = Timestamp::now();
    StepReport {
        name: "told".into(),
        started_at: now,
        finished_at: Some(now),
        exit_code: None,
        note: Some(pairs.join(" ")),
        status: None,
    }
}
