//! With the simulated engine: every failure, every restart, every cut, in little time.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::Engine;
use pierhead_engine::image::ImageConfig;
use pierhead_engine::labels;
use pierhead_engine::simulated::{Act, Behaviour, Mode, Selector, SimulatedEngine};
use pierhead_engine::spec::{ContainerSpec, Labels, Limits as EngineLimits, Profile};
use pierhead_engine::state::Status;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Assignment, Phase};
use pierhead_model::deployment::{CloneFailure, Reason};
use pierhead_model::release::{Release, SiteManifest};
use pierhead_model::sleep::{Rest, RestOrder};
use pierhead_model::source::GitReference;
use pierhead_model::variable::{Exposure, Variable, VariableKey};
use pierhead_wire::{BlobChannel, ControlToAgent};

use crate::control::Manner;
use crate::world::World;

const IMAGE: &str = "pierhead/node:22";
const NODE_APP: &[(&str, &str)] = &[
    ("package.json", r#"{"name":"app","scripts":{"start":"node server.js"}}"#),
    ("package-lock.json", r#"{"lockfileVersion":3}"#),
    ("server.js", "require('http')"),
];

struct Simulated {
    world: World,
    engine: Arc<SimulatedEngine>,
}

async fn simulated(manner: Manner, files: &[(&str, &str)]) -> Simulated {
    let engine = Arc::new(SimulatedEngine::new(Mode::Automatic, Timestamp::now()));
    engine.add_image(IMAGE, Labels::new(), ImageConfig::default());
    let world = World::new(Arc::clone(&engine) as _, IMAGE, 7, manner, files).await;
    Simulated { world, engine }
}

impl Simulated {
    /// A service with an install, a build and a start.
    fn service(&self, number: u64) -> Assignment {
        let mut assignment = self.world.assignment(number);
        let settings = &mut assignment.work.settings;
        settings.install_command = Some("install".into());
        settings.build_command = Some("build".into());
        settings.start_command = Some("serve".into());
        assignment
    }

    /// What the container of a service is called.
    fn container(&self, assignment: &Assignment) -> String {
        format!("ph-{}-{}-service-run-1-1", self.world.install(), assignment.deployment)
    }

    fn behave(&self, command: &str, acts: Vec<Act>) {
        let wrapped = vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()];
        self.engine.script(Selector::Command(vec![command.to_owned()]), Behaviour::runs(acts.clone()));
        self.engine.script(Selector::Command(wrapped), Behaviour::runs(acts));
    }

    fn good(&self) {
        self.behave("install", vec![Act::print("installed"), write("/app/dep.js")]);
        self.behave("build", vec![Act::print("built"), write("/app/out.js")]);
        self.behave("serve", vec![Act::print("serving"), Act::Forever]);
    }
}

fn write(path: &str) -> Act {
    Act::Write { path: path.into(), text: "x".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_folder_is_stored_once_and_changed_by_one_blob() {
    let Simulated { world, .. } =
        simulated(Manner::Careful, &[("index.html", "<h1>1</h1>"), ("a.css", "b"), (".env", "SECRET=1")])
            .await;
    let report = world.deploy(&world.assignment(1)).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?}");
    assert_eq!(report.commit.unwrap().message, "first");
    let Some(Release::Site(site)) = report.release else { panic!("not a site") };
    let manifest: SiteManifest =
        serde_json::from_slice(&world.blobs.get(site.manifest).await.unwrap()).unwrap();
    assert_eq!(manifest.files.keys().collect::<Vec<_>>(), ["a.css", "index.html"]);
    let before = world.blobs.count();

    world.repository.commit(&[("index.html", "<h1>2</h1>")], "second");
    let report = world.deploy(&world.assignment(2)).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?}");
    assert_eq!(world.blobs.count(), before + 2, "the file and the manifest");
    world.until_nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_built_started_restarted_and_stopped() {
    let sim = simulated(Manner::Careful, NODE_APP).await;
    sim.good();
    let first = sim.service(1);
    let report = sim.world.deploy(&first).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?}");
    let steps: Vec<_> = report.steps.iter().map(|step| (step.name.as_str(), step.exit_code)).collect();
    assert_eq!(
        steps,
        [("clone", None), ("install", Some(0)), ("build", Some(0)), ("release", None), ("start", None)]
    );
    assert!(report.instance.unwrap().address.is_some());
    // Nobody drew it, and yet it is the run of a pipeline.
    let done = |name: &str| (name.to_owned(), "done".to_owned());
    assert_eq!(sim.world.noted_steps(&first.deployment), [done("build"), done("service")]);
    let log = sim.world.control.log(&first.deployment);
    for line in ["install: installed", "build: built"] {
        assert!(log.iter().any(|logged| logged == line), "{log:#?}");
    }

    // The same lock file: no install.
    let second = sim.service(2);
    let report = sim.world.deploy(&second).await;
    let install = report.steps.iter().find(|step| step.name == "install").unwrap();
    assert_eq!(install.note.as_deref(), Some("dependencies from cache"));

    // It ends by itself, and is started again.
    let id = sim.engine.id_of(&sim.container(&second)).unwrap();
    sim.engine.exit(&id, 3).unwrap();
    let restarted = |report: &pierhead_model::assignment::Report| {
        report.instance.as_ref().is_some_and(|instance| instance.restarts == 1 && instance.healthy)
    };
    let report = sim.world.control.report(&second.deployment, "a restart", restarted).await;
    assert_eq!(report.instance.unwrap().last_exit.as_deref(), Some("exit code 3"));

    for assignment in [first, second] {
        sim.world.stop(&assignment).await;
    }
    assert_eq!((sim.world.held().await, sim.world.work_folders()), (Vec::new(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_fail_has_its_reason_and_leaves_nothing() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    sim.world.options.log_limit_bytes = 1 << 20;
    sim.world.restart(Vec::new()).await;
    sim.good();
    sim.behave("exit 7", vec![Act::print("before"), Act::Exit { code: 7 }]);
    sim.behave("hungry", vec![Act::sleep(Duration::from_millis(100)), Act::HoldMemory { bytes: 1 << 40 }]);
    sim.behave("slow", vec![Act::sleep(Duration::from_secs(600))]);
    sim.behave("noisy", vec![Act::print("x".repeat(4096)); 600]);
    let build = |number: u64, command: &str| {
        let mut assignment = sim.service(number);
        assignment.work.settings.build_command = Some(command.into());
        assignment.work.limits.build_timeout_s = 2;
        assignment
    };
    let mut cases = vec![
        (build(11, "exit 7"), "build_failed"),
        (build(12, "hungry"), "out_of_memory"),
        (build(13, "slow"), "build_timeout"),
        (build(14, "noisy"), "log_limit"),
    ];
    let mut start = sim.service(1);
    start.work.settings.start_command = Some("exit 7".into());
    cases.push((start, "start_failed"));
    let mut root = sim.service(2);
    let pierhead_model::assignment::Source::Git { root_directory, .. } = &mut root.work.source else {
        panic!()
    };
    *root_directory = pierhead_model::source::Folder::parse("nowhere").unwrap();
    cases.push((root, "root_directory_missing"));
    for (assignment, code) in cases {
        let report = sim.world.deploy(&assignment).await;
        let failure = report.failure.clone().unwrap_or_else(|| panic!("{code} was expected: {report:?}"));
        assert_eq!(failure.reason.code(), code, "{failure:?}");
        if code == "build_failed" {
            assert_eq!(failure.reason, Reason::BuildFailed { exit_code: Some(7) });
        }
        assert_eq!((sim.world.held().await, sim.world.work_folders()), (Vec::new(), 0), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_fail_for_their_own_reasons() {
    let Simulated { mut world, .. } = simulated(Manner::Careful, &[("index.html", "x")]).await;
    let git = |number: u64, url: Option<&str>, reference: &str| {
        let mut assignment = world.assignment(number);
        let pierhead_model::assignment::Source::Git { repository, reference: wanted, .. } =
            &mut assignment.work.source
        else {
            panic!()
        };
        *wanted = Some(GitReference::parse(reference).unwrap());
        if let Some(url) = url {
            *repository = pierhead_model::source::RepositoryUrl::parse(url).unwrap();
        }
        assignment
    };
    let missing = format!("{}x", world.repository.url());
    let gone = "1".repeat(40);
    let cases = [
        (git(1, None, "nope"), CloneFailure::NoSuchReference),
        (git(2, None, &gone), CloneFailure::CommitGone),
        (git(3, Some(&missing), "main"), CloneFailure::RepositoryNotFound),
        (git(4, Some("http://127.0.0.1:9/x"), "main"), CloneFailure::Unreachable),
        (git(5, Some("http://10.0.0.1/x"), "main"), CloneFailure::AddressRefused),
        (git(6, Some("http://[::ffff:169.254.169.254]/x"), "main"), CloneFailure::AddressRefused),
        (git(7, Some("http://does-not-exist.invalid/x"), "main"), CloneFailure::Unreachable),
    ];
    for (assignment, kind) in cases {
        let report = world.deploy(&assignment).await;
        assert_eq!(
            report.failure.clone().map(|failure| failure.reason),
            Some(Reason::CloneFailed { kind }),
            "{report:?}"
        );
    }
    let head = world.repository.commit(&[("index.html", "y")], "by its hash");
    assert_eq!(world.deploy(&git(8, None, &head)).await.phase, Phase::Healthy);
    let last = git(9, None, "main");
    world.options.allow_addresses.clear();
    world.restart(Vec::new()).await;
    let report = world.deploy(&last).await;
    let kind = CloneFailure::AddressRefused;
    assert_eq!(
        report.failure.unwrap().reason,
        Reason::CloneFailed { kind },
        "loopback is not allowed by itself"
    );
}

/// Steps that take a while, so that they can be met.
fn slow(sim: &Simulated) {
    let pause = || Act::sleep(Duration::from_millis(300));
    sim.behave("install", vec![pause(), write("/app/dep.js")]);
    sim.behave("build", vec![pause(), write("/app/out.js")]);
    sim.behave("serve", vec![Act::print("serving"), Act::Forever]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_at_every_step_nothing_is_left() {
    let sim = simulated(Manner::Careful, NODE_APP).await;
    slow(&sim);
    for (number, step) in (10..).zip(["", "clone", "install", "build", "release", "start"]) {
        let mut assignment = sim.service(number);
        assignment.work.no_cache = true;
        sim.world.assign(&assignment).await;
        let begun = |report: &pierhead_model::assignment::Report| {
            step.is_empty() || report.steps.iter().any(|reported| reported.name == step)
        };
        sim.world.control.report(&assignment.deployment, step, begun).await;
        sim.world.stop(&assignment).await;
        assert_eq!((sim.world.held().await, sim.world.work_folders()), (Vec::new(), 0), "after {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_at_every_step_it_ends_healthy_with_one_container() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    slow(&sim);
    let mut list = Vec::new();
    for (number, step) in (20..).zip(["", "clone", "install", "build", "release", "start"]) {
        let mut assignment = sim.service(number);
        assignment.work.no_cache = true;
        list.push(assignment.clone());
        sim.world.assign(&assignment).await;
        let begun = |report: &pierhead_model::assignment::Report| {
            step.is_empty() || report.steps.iter().any(|reported| reported.name == step)
        };
        sim.world.control.report(&assignment.deployment, step, begun).await;
        sim.world.restart(list.clone()).await;
        let report = sim.world.ended(&assignment.deployment).await;
        assert_eq!(report.phase, Phase::Healthy, "after {step}: {report:?}");
        let id = &assignment.deployment;
        let held: Vec<_> =
            sim.world.held().await.into_iter().filter(|name| name.contains(id.as_ref())).collect();
        assert_eq!(
            held,
            [
                format!("container {}", sim.container(&assignment)),
                format!("network ph-{id}"),
                format!("volume ph-{id}-service-1")
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_is_adopted_and_not_touched() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    sim.good();
    let assignment = sim.service(1);
    sim.world.deploy(&assignment).await;
    let name = sim.container(&assignment);
    let before = sim.engine.id_of(&name).unwrap();
    sim.world.stop_agent().await;
    sim.engine.print(&before, pierhead_engine::log::Output::Stdout, "while the agent was away").unwrap();
    sim.world.start(vec![assignment.clone()]).await;
    let said = |seen: &crate::control::Seen| {
        let lines = seen.lines.get(&assignment.deployment)?;
        lines.iter().any(|line| line.text == "while the agent was away").then_some(())
    };
    sim.world.control.until("what was said meanwhile", said).await;
    let log = sim.world.control.log(&assignment.deployment);
    assert_eq!(log.iter().filter(|line| *line == "service: serving").count(), 1, "{log:#?}");
    assert_eq!(sim.engine.id_of(&name), Some(before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_sleeps_and_wakes_as_it_is_told_also_after_a_restart() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    sim.good();
    let mut assignment = sim.service(1);
    sim.world.deploy(&assignment).await;
    let name = sim.container(&assignment);
    let id = sim.engine.id_of(&name).unwrap();
    let order = |rest, number| RestOrder { rest, number };
    let rested = |order| {
        move |report: &pierhead_model::assignment::Report| {
            report.instance.as_ref().is_some_and(|instance| instance.rest == order)
        }
    };

    sim.world.rest(&assignment, order(Rest::Frozen, 5)).await;
    let report =
        sim.world.control.report(&assignment.deployment, "frozen", rested(order(Rest::Frozen, 5))).await;
    assert!(report.instance.unwrap().address.is_some(), "it is reached as ever");

    sim.world.rest(&assignment, order(Rest::Stopped, 6)).await;
    let report =
        sim.world.control.report(&assignment.deployment, "stopped", rested(order(Rest::Stopped, 6))).await;
    let instance = report.instance.unwrap();
    assert_eq!((instance.address, instance.restarts), (None, 0), "{instance:?}");
    assert_eq!(sim.engine.inspect(&id).await.unwrap().state.status(), Status::Exited);

    // Whoever comes back finds it asleep and lets it sleep, until somebody needs it.
    sim.world.stop_agent().await;
    assignment.rest = order(Rest::Stopped, 6);
    sim.world.start(vec![assignment.clone()]).await;
    assert_eq!(sim.engine.inspect(&id).await.unwrap().state.status(), Status::Exited);
    sim.world.rest(&assignment, order(Rest::Frozen, 4)).await;
    sim.world.rest(&assignment, order(Rest::Awake, 7)).await;
    let report =
        sim.world.control.report(&assignment.deployment, "awake", rested(order(Rest::Awake, 7))).await;
    let instance = report.instance.unwrap();
    assert!(instance.healthy && instance.address.is_some() && instance.restarts == 0, "{instance:?}");
    assert_eq!(sim.engine.id_of(&name), Some(id), "the container was kept");

    // An order that changes nothing is reported all the same: somebody waits for its number.
    sim.world.rest(&assignment, order(Rest::Awake, 8)).await;
    sim.world.control.report(&assignment.deployment, "said so", rested(order(Rest::Awake, 8))).await;
    sim.world.rest(&assignment, order(Rest::Frozen, 9)).await;
    sim.world.control.report(&assignment.deployment, "frozen", rested(order(Rest::Frozen, 9))).await;
    sim.world.stop(&assignment).await;
    assert_eq!((sim.world.held().await, sim.world.work_folders()), (Vec::new(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_link_loses_no_line_and_no_report() {
    let mut sim = simulated(Manner::Careless, NODE_APP).await;
    let many: Vec<_> = (0..2000).map(|n| Act::print(format!("line {n}"))).collect();
    sim.behave("install", vec![]);
    sim.behave("build", many);
    sim.behave("serve", vec![Act::Forever]);
    let assignment = sim.service(1);
    sim.world.assign(&assignment).await;
    for _ in 0..5 {
        sim.world.reconnect(vec![assignment.clone()]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(sim.world.ended(&assignment.deployment).await.phase, Phase::Healthy);
    let all = |seen: &crate::control::Seen| {
        let lines = seen.lines.get(&assignment.deployment)?;
        let built: Vec<_> = lines
            .iter()
            .filter(|line| line.text.starts_with("line "))
            .map(|line| line.text.clone())
            .collect();
        (built.len() >= 2000).then_some(built)
    };
    let built = sim.world.control.until("all lines", all).await;
    assert_eq!(built, (0..2000).map(|n| format!("line {n}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_go_and_what_is_not_ours_stays() {
    let sim = simulated(Manner::Careful, NODE_APP).await;
    let (install, node) = (sim.world.install().to_string(), sim.world.node().to_string());
    let make = async |name: &str, install: &str, node: &str, generation: &str, number: u64| {
        let mut spec =
            ContainerSpec::new(name, IMAGE, Profile::Service, EngineLimits::new(64 << 20, 100, 16));
        spec.labels = labels::owner(install, node);
        spec.labels.insert(labels::GENERATION.into(), generation.into());
        spec.labels.insert("pierhead.deployment".into(), sim.world.id(number).to_string());
        let created = sim.engine.create(&spec).await.unwrap();
        sim.engine.start(&created.id).await.unwrap();
    };
    make("orphan", &install, &node, "1", 1).await;
    make("newer", &install, &node, "2", 2).await;
    make("other-install", "ins_x", &node, "1", 3).await;
    make("other-node", &install, "nod_x", "1", 4).await;
    let stranger =
        ContainerSpec::new("stranger", IMAGE, Profile::Service, EngineLimits::new(64 << 20, 100, 16));
    sim.engine.create(&stranger).await.unwrap();
    sim.world.connection.send(ControlToAgent::Sync { assignments: Vec::new() }).await;
    wait_for(|| sim.engine.id_of("orphan").is_none()).await;
    for name in ["newer", "other-install", "other-node", "stranger"] {
        assert!(sim.engine.id_of(name).is_some(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_ends_everything_only_when_it_is_said_twice() {
    let sim = simulated(Manner::Careful, NODE_APP).await;
    sim.good();
    let all: Vec<_> = (1..=7).map(|number| sim.service(number)).collect();
    for assignment in &all {
        assert_eq!(sim.world.deploy(assignment).await.phase, Phase::Healthy);
    }
    let nothing = || ControlToAgent::Sync { assignments: Vec::new() };
    sim.world.connection.send(nothing()).await;
    sim.world.connection.send(ControlToAgent::Ping { number: 1 }).await;
    sim.world.control.until("the list was taken", |seen| seen.pongs.contains(&1).then_some(())).await;
    assert_eq!(sim.world.held().await.len(), 21);
    sim.world.connection.send(nothing()).await;
    for assignment in &all {
        sim.world
            .control
            .report(&assignment.deployment, "stopped", |report| report.phase == Phase::Stopped)
            .await;
    }
    assert_eq!(sim.world.held().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_epoch_is_refused_and_nothing_is_done_for_it() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    sim.good();
    let assignment = sim.service(1);
    sim.world.deploy(&assignment).await;
    sim.world.epoch = 5;
    sim.world.reconnect(vec![assignment]).await;
    sim.world.control.until("three hellos", |seen| (seen.hellos == 2).then_some(())).await;
    sim.world.epoch = 4;
    sim.world.reconnect(Vec::new()).await;
    let refusal = sim.world.control.until("a refusal", |seen| seen.refusals.first().cloned()).await;
    assert!(refusal.contains("epoch 5") && refusal.contains("epoch 4"), "{refusal}");
    assert_eq!(sim.world.held().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_file_and_a_restarted_build_waits_for_them() {
    let mut sim = simulated(Manner::Careful, NODE_APP).await;
    slow(&sim);
    let mut assignment = sim.service(1);
    assignment.work.variables.push(Variable {
        key: VariableKey::parse("TOKEN").unwrap(),
        value: "canary-4711".into(),
        secret: true,
        exposure: Exposure::All,
    });
    sim.world.assign(&assignment).await;
    let building =
        |report: &pierhead_model::assignment::Report| report.steps.iter().any(|step| step.name == "install");
    sim.world.control.report(&assignment.deployment, "install", building).await;
    sim.world.restart(vec![assignment.clone()]).await;
    assert_eq!(sim.world.ended(&assignment.deployment).await.phase, Phase::Healthy);
    for entry in walkdir::WalkDir::new(&sim.world.options.data_dir).into_iter().flatten() {
        if entry.file_type().is_file() {
            let content = fs_err::read(entry.path()).unwrap();
            assert!(
                !content.windows(11).any(|window| window == b"canary-4711"),
                "{}",
                entry.path().display()
            );
        }
    }
}

async fn wait_for(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap();
}
