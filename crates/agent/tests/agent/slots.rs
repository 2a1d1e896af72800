//! Forty copies of an application at once on one node, while its engine fails at everything it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pierhead_engine::image::ImageConfig;
use pierhead_engine::simulated::{Act, Behaviour, Fault, Mode, Operation, Selector, SimulatedEngine};
use pierhead_engine::spec::Labels;
use pierhead_engine::{Engine as _, Error};
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Assignment, Goal, Phase, RunKeys, Source, StepStatus};
use pierhead_model::deployment::Reason;
use pierhead_model::name::SlotName;
use pierhead_model::pipeline::definition::NetworkAccess;
use pierhead_model::pipeline::inputs::Inputs;
use pierhead_model::pipeline::plugin::PluginDeclaration;
use pierhead_model::pipeline::{Format, read};
use pierhead_model::run::PipelineWork;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::control::Manner;
use crate::world::World;

const SLOTS: u64 = 40;
/// Every fifth copy has a last step that fails: all that it made is undone.
const BROKEN_EVERY: u64 = 5;
const GOOD: &str = "docker.io/library/good:1";
const BAD: &str = "docker.io/library/bad:1";
const APP: &str = "docker.io/library/app:1";

/// Two things that are made beforehand, services on top of them, and a word at the end.
const COPY: &str = r#"
version: 1
steps:
  database: { kind: plugin, image: "docker.io/library/good:1" }
  files: { kind: plugin, image: "docker.io/library/good:1" }
  store:
    kind: service
    needs: [files]
    image: "docker.io/library/app:1"
    health: { check: { kind: process } }
    volumes: [{ name: data, path: /data }]
    stop_grace_s: 1
  api:
    kind: service
    needs: [database, store]
    image: "docker.io/library/app:1"
    replicas: 2
    health: { check: { kind: process } }
    variables: { WORD: "${{ steps.database.outputs.word }}" }
    stop_grace_s: 1
  check: { kind: plugin, image: "LAST", needs: [api] }
"#;

/// What a busy, failing engine answers with. All of it may happen at any call; none of it says anything about the work.
const ASKED: [Operation; 15] = [
    Operation::Create,
    Operation::Start,
    Operation::Stop,
    Operation::Kill,
    Operation::Remove,
    Operation::Inspect,
    Operation::List,
    Operation::Wait,
    Operation::Logs,
    Operation::OpenStdin,
    Operation::NetworkCreate,
    Operation::NetworkRemove,
    Operation::NetworkInspect,
    Operation::VolumeCreate,
    Operation::VolumeRemove,
];

fn plugin((repository, destroys): (&str, bool)) -> PluginDeclaration {
    PluginDeclaration {
        name: repository.to_owned(),
        repository: repository.to_owned(),
        description: String::new(),
        schema: serde_json::json!({}),
        outputs: None,
        destroys,
        timeout_s: 60,
        network: NetworkAccess::Deployment,
        resources: Default::default(),
    }
}

fn copy(world: &World, number: u64) -> Assignment {
    let last = if is_broken(number) { BAD } else { GOOD };
    let pipeline = read(&COPY.replace("LAST", last), Format::Yaml).unwrap().pipeline;
    let mut assignment = world.assignment(number);
    assignment.slot = SlotName::parse(&format!("copy-{number}")).unwrap();
    assignment.work.source = Source::Pipeline {
        work: Box::new(PipelineWork {
            version: 1,
            pipeline,
            inputs: Inputs::default(),
            parameters: BTreeMap::new(),
            plugins: [("docker.io/library/good", true), ("docker.io/library/bad", false)]
                .map(plugin)
                .to_vec(),
            public: BTreeMap::new(),
            here: BTreeMap::new(),
            share: None,
        }),
    };
    // 32 zero bytes: nobody else reads this.
    let outputs = format!("{}=", "A".repeat(43));
    assignment.work.keys = Some(RunKeys { outputs, registries: Vec::new() });
    assignment
}

fn is_broken(number: u64) -> bool {
    number.is_multiple_of(BROKEN_EVERY)
}

fn engine() -> Arc<SimulatedEngine> {
    let engine = Arc::new(SimulatedEngine::new(Mode::Automatic, Timestamp::now()));
    for image in [GOOD, BAD, APP] {
        engine.add_image(image, Labels::new(), ImageConfig::default());
    }
    let answer = Act::print(r#"{"success": true, "outputs": {"word": "hello"}}"#);
    let good = [Act::ReadObject, Act::sleep(Duration::from_millis(20)), answer];
    engine.script(Selector::Image(GOOD.to_owned()), Behaviour::runs(good));
    let bad = [Act::ReadObject, Act::Exit { code: 3 }];
    engine.script(Selector::Image(BAD.to_owned()), Behaviour::runs(bad));
    engine.script(Selector::Image(APP.to_owned()), Behaviour::runs([Act::print("up"), Act::Forever]));
    engine
}

/// Lets calls fail, happen and fail, or take long, until it is dropped. What is not met in time is forgotten: otherwise the
/// last ones on their way would meet everything that was meant for all.
async fn trouble(engine: Arc<SimulatedEngine>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        engine.faults().clear();
        for operation in ASKED.sample(&mut random, 4) {
            let error = Error::Unavailable { operation: "a simulated call", cause: None };
            let fault = match random.random_range(0..4) {
                0 => Fault::ApplyThenFail(error),
                1 => Fault::Slow(Duration::from_millis(random.random_range(1..50))),
                _ => Fault::Fail(error),
            };
            engine.faults().inject(*operation, 1, fault);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_slots_at_once_on_an_engine_that_keeps_failing() {
    let engine = engine();
    let mut world =
        World::new(Arc::clone(&engine) as _, GOOD, 9, Manner::Careless, &[("index.html", "x")]).await;
    let seed = rand::random();
    println!("seed {seed}");
    let troubles = tokio::spawn(trouble(Arc::clone(&engine), seed));
    let copies: Vec<_> = (1..=SLOTS).map(|number| copy(&world, number)).collect();
    let begun = Instant::now();
    for copy in &copies {
        world.assign(copy).await;
    }
    // The agent dies in the middle of it, too.
    let first = &copies[0].deployment;
    world.control.report(first, "it began", |report| !report.steps.is_empty()).await;
    world.restart(copies.clone()).await;

    for (number, copy) in (1..).zip(&copies) {
        let report = world.ended(&copy.deployment).await;
        if is_broken(number) {
            let reason = report.failure.as_ref().map(|failure| &failure.reason);
            assert_eq!((report.phase, reason), (Phase::Failed, Some(&Reason::PluginFailed)), "{report:#?}");
            let undone = report.steps.iter().all(|step| {
                matches!(step.status, Some(StepStatus::Undone))
                    || (step.name == "check" && step.status.is_some())
            });
            assert!(undone, "{:#?}", report.steps);
        } else {
            assert_eq!((report.phase, &report.failure), (Phase::Healthy, &None), "{report:#?}");
        }
    }
    println!("{SLOTS} slots ended after {:?}", begun.elapsed());
    let networks: Vec<_> = engine.network_list(&Labels::new()).await.unwrap_or_default();
    let mut subnets: Vec<_> = networks.iter().filter_map(|network| network.subnet).collect();
    subnets.sort();
    subnets.dedup();
    assert_eq!(subnets.len(), networks.len(), "no two networks share a subnet");

    for (number, copy) in (1..).zip(&copies) {
        if !is_broken(number) {
            let stop = Assignment { goal: Goal::Stop, generation: copy.generation + 1, ..copy.clone() };
            world.assign(&stop).await;
        }
    }
    for (number, copy) in (1..).zip(&copies) {
        if !is_broken(number) {
            world.control.report(&copy.deployment, "an end", |report| report.phase == Phase::Stopped).await;
        }
    }
    troubles.abort();
    engine.faults().clear();
    world.until_nothing_is_left().await;
}
