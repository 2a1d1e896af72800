//! The contract on the simulated engine in paused time, and what only it can do: faults and explicit mode.

#![expect(clippy::expect_used, reason = "a test's helpers fail the test, as its body does")]

mod contract;

use std::{sync::Arc, time::Duration};

use contract::{Lab, build, containers, files, limits, logs, networks};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use pierhead_engine::{
    Engine, Error,
    image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions, ImageConfig},
    log::{Follow, LogCursor, Output},
    simulated::{Behaviour, BuildScript, Fault, Mode, Operation, Selector, SimulatedEngine},
    spec::{ContainerSpec, Limits, Profile},
    state::{ContainerId, Removal, State, Status},
};
use tokio::time::Instant;

fn engine(mode: Mode) -> Arc<SimulatedEngine> {
    let engine = Arc::new(SimulatedEngine::new(mode, Timestamp::UNIX_EPOCH));
    engine.add_image("probe:1", Default::default(), ImageConfig::default());
    engine
}

async fn lab(test: &str) -> Lab {
    let engine = engine(Mode::Automatic);
    let scripted = Arc::clone(&engine);
    Lab {
        engine,
        image: "probe:1".to_owned(),
        prefix: test.replace('_', "-"),
        labels: [("contract".to_owned(), test.to_owned())].into(),
        command: Box::new(move |acts| {
            let command = vec!["/probe".to_owned(), serde_json::to_string(acts).expect("serialised")];
            scripted.script(Selector::Command(command.clone()), Behaviour::runs(acts));
            command
        }),
        subnets: 1,
    }
}

whole_contract!(lab, tokio::test(start_paused = true));

fn spec(name: &str) -> ContainerSpec {
    ContainerSpec::new(name, "probe:1", Profile::Service, Limits::new(64 << 20, 1000, 64))
}

async fn started(engine: &SimulatedEngine, name: &str) -> ContainerId {
    let id = engine.create(&spec(name)).await.expect("created").id;
    engine.start(&id).await.expect("started");
    id
}

async fn status(engine: &SimulatedEngine, id: &ContainerId) -> Status {
    engine.inspect(id).await.expect("inspected").state.status()
}

fn out_of_space() -> Error {
    Error::OutOfSpace { operation: "testing" }
}

#[tokio::test(start_paused = true)]
async fn the_next_calls_of_a_kind_fail_and_change_nothing() {
    let engine = engine(Mode::Automatic);
    engine.faults().inject(Operation::Create, 2, Fault::Fail(out_of_space()));
    for _ in 0..2 {
        let error = engine.create(&spec("a")).await.expect_err("injected");
        assert!(matches!(error, Error::OutOfSpace { .. }));
        assert!(engine.find("a").await.expect("another kind").is_none());
    }
    engine.create(&spec("a")).await.expect("used up");
    let kinds = engine.faults().calls();
    assert_eq!(kinds.iter().filter(|kind| **kind == Operation::Create).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_what_was_done() {
    let engine = engine(Mode::Automatic);
    let lost = Error::Timeout { operation: "creating", after: Duration::from_secs(1) };
    engine.faults().inject(Operation::Create, 1, Fault::ApplyThenFail(lost));
    engine.create(&spec("a")).await.expect_err("the answer is lost");
    let found = engine.find("a").await.expect("found").expect("it was made");
    assert_eq!(engine.create(&spec("a")).await.expect("again").id, found.id);
}

#[tokio::test(start_paused = true)]
async fn hanging_and_slow_calls_go_on() {
    let engine = engine(Mode::Automatic);
    let id = engine.create(&spec("a")).await.expect("created").id;
    engine.faults().inject(Operation::Start, 1, Fault::Hang);
    let waiting = tokio::time::timeout(Duration::from_secs(3600), engine.start(&id)).await;
    assert!(waiting.is_err(), "it hangs");
    assert_eq!(status(&engine, &id).await, Status::Created, "an abandoned call did nothing");

    engine.faults().inject(Operation::Start, 1, Fault::Hang);
    let releasing = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        engine.faults().release();
    };
    let (result, ()) = tokio::join!(engine.start(&id), releasing);
    result.expect("released");
    assert_eq!(status(&engine, &id).await, Status::Running);

    engine.faults().inject(Operation::Inspect, 1, Fault::Slow(Duration::from_secs(7)));
    let begin = Instant::now();
    status(&engine, &id).await;
    assert_eq!(begin.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_down_keeps_its_world() {
    let engine = engine(Mode::Automatic);
    let id = started(&engine, "a").await;
    engine.faults().take_down();
    for _ in 0..3 {
        let error = engine.inspect(&id).await.expect_err("down");
        assert!(matches!(error, Error::Unavailable { .. }) && error.retryable());
    }
    engine.faults().clear();
    assert_eq!(status(&engine, &id).await, Status::Running);
    engine.crash();
    assert_eq!(engine.wait(&id).await.expect("ended").code, 137);
}

#[tokio::test(start_paused = true)]
async fn in_explicit_mode_the_test_is_the_program() {
    let engine = engine(Mode::Explicit);
    engine.script(Selector::Any, Behaviour::exits_after(Duration::ZERO, 1));
    let id = started(&engine, "a").await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(status(&engine, &id).await, Status::Running);
    engine.print(&id, Output::Stderr, "hello").expect("printed");
    engine.listen(&id, 8080).expect("listens");
    let sockets = engine.listening().expect("can").sockets(&id).await.expect("looked");
    assert_eq!(sockets, [([0, 0, 0, 0], 8080).into()]);
    engine.use_memory(&id, 10 << 20).expect("fits");
    assert_eq!(engine.stats(&id).await.expect("sampled").working_set, 10 << 20);
    engine.use_memory(&id, 65 << 20).expect("killed for it");
    let exit = engine.wait(&id).await.expect("ended");
    assert_eq!((exit.code, exit.oom_killed), (137, true));
    let log = engine.logs(&id, LogCursor::default(), Follow::Yes).await.expect("opened");
    let chunks: Vec<_> = log.try_collect().await.expect("read");
    assert_eq!((chunks.len(), contract::text(&chunks).as_str()), (1, "hello\n"));
    engine.print(&id, Output::Stdout, "late").expect_err("it does not run");
}

#[tokio::test(start_paused = true)]
async fn the_last_script_that_fits_decides() {
    let engine = engine(Mode::Automatic);
    engine.script(Selector::Any, Behaviour::exits_after(Duration::from_secs(60), 1));
    engine.script(Selector::Image("probe:1".into()), Behaviour::exits_after(Duration::from_secs(60), 2));
    engine
        .script(Selector::NamePrefix("bad".into()), Behaviour::NeverStarts { reason: "no such file".into() });
    let begin = Instant::now();
    let id = started(&engine, "a").await;
    let exit = engine.wait(&id).await.expect("ended");
    assert_eq!((exit.code, begin.elapsed()), (2, Duration::from_secs(60)));
    let ran = exit.finished_at.duration_since(exit.started_at.expect("started"));
    assert_eq!(ran.as_secs(), 60, "its clock is tokio's");
    let id = engine.create(&spec("bad-one")).await.expect("created").id;
    let error = engine.start(&id).await.expect_err("never starts");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(engine.inspect(&id).await.expect("inspected").state, State::Created);
}

#[tokio::test(start_paused = true)]
async fn builds_follow_their_scripts() {
    let engine = engine(Mode::Automatic);
    let options = BuildOptions {
        tag: "app:1".into(),
        dockerfile: "Dockerfile".into(),
        target: None,
        args: Default::default(),
        labels: Default::default(),
        memory_bytes: 1 << 30,
        cpu_millis: 1000,
        network: BuildNetwork::None,
        cache: BuildCache::Use,
    };
    engine.script_build(BuildScript {
        output: vec!["Step 1/1".into()],
        takes: Duration::from_secs(90),
        result: Err(Error::refused("exit 7")),
    });
    let begin = Instant::now();
    let mut events = engine.image_build(build::small_root(), &options).await.expect("begun");
    assert!(matches!(events.try_next().await, Ok(Some(BuildEvent::Output(text))) if text == "Step 1/1\n"));
    assert!(matches!(events.try_next().await, Err(Error::Refused { .. })));
    assert_eq!(begin.elapsed(), Duration::from_secs(90));
    let events = engine.image_build(build::small_root(), &options).await.expect("begun");
    let events: Vec<_> = events.try_collect().await.expect("built");
    let image = engine.image_inspect("app:1").await.expect("made");
    assert_eq!(events, [BuildEvent::Built(image.id)]);
}

#[tokio::test(start_paused = true)]
async fn an_image_in_use_stays() {
    let engine = engine(Mode::Automatic);
    let id = engine.create(&spec("a")).await.expect("created").id;
    let error = engine.image_remove("probe:1", Removal::OnlyUnused).await.expect_err("in use");
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    engine.remove(&id, Removal::OnlyUnused).await.expect("removed");
    engine.image_remove("probe:1", Removal::OnlyUnused).await.expect("removed");
}
