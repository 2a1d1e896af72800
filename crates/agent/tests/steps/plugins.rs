//! Plugins on the simulated engine: every answer, every limit, every refusal.

use std::time::Duration;

use pierhead_agent::steps::contract::{Action, MAX_STDOUT_BYTES};
use pierhead_agent::steps::plugin::{self, Observed, Outcome};
use pierhead_agent::steps::service::{self, SlotVolume};
use pierhead_agent::steps::{StepError, end};
use pierhead_engine::log::Output;
use pierhead_engine::simulated::{Act, Behaviour, Fault, Operation, Selector};
use pierhead_engine::state::Removal;
use pierhead_engine::{Engine as _, Error};
use pierhead_model::deployment::{Failure, Reason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::lab::{Lab, SECRET, behave, says, simulated};

const YES: &str = r#"{"success":true,"output":"made","outputs":{"url":"postgres://x"}}"#;

fn failed(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

async fn nothing_is_left(lab: &Lab, container: &str) {
    end::remove(&lab.context, container).await.unwrap();
    end::remove(&lab.context, container).await.unwrap();
    assert_eq!(lab.held().await, Vec::<String>::new());
    assert_eq!(fs_err::read_dir(&lab.context.folder).map_or(0, Iterator::count), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_handed_back_and_found_again() {
    let (engine, lab) = simulated();
    behave(&engine, [says("connecting"), Act::print(YES), says(&format!("used {SECRET}"))]);
    let attempt = lab.attempt("db");
    assert_eq!(plugin::observe(&lab.context, &attempt).await.unwrap(), Observed::Nothing);
    let outcome = lab.run(&attempt).await;
    let Outcome::Succeeded(answer) = &outcome else { panic!("{outcome:?}") };
    assert_eq!((answer.output.as_str(), answer.outputs["url"].as_str()), ("made", Some("postgres://x")));
    assert_eq!(lab.memory.printed(), ["connecting", "used [secret]"], "an answer is no log");

    let starts = || engine.faults().calls().iter().filter(|call| **call == Operation::Start).count();
    assert_eq!(lab.run(&attempt).await, outcome, "read again, not run again");
    assert_eq!(plugin::observe(&lab.context, &attempt).await.unwrap(), Observed::Ended(outcome));
    assert_eq!((starts(), lab.memory.printed().len()), (1, 2));
    nothing_is_left(&lab, &attempt.container()).await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_break_the_contract_fail_with_an_excerpt() {
    let (engine, lab) = simulated();
    let long = "y".repeat(MAX_STDOUT_BYTES / 64);
    for (acts, told) in [
        (vec![], "it printed nothing on standard output"),
        (vec![Act::print(format!("hello {SECRET}"))], "it printed: hello [secret]"),
        (vec![Act::print(YES), Act::print(YES)], "more than one JSON value"),
        (vec![Act::print(YES), Act::Exit { code: 3 }], "made (exit code 3)"),
        (vec![Act::Exit { code: 69 }], "exit code 69: what it needs cannot be reached"),
        (vec![Act::print(r#"{"success":false,"output":"no"}"#)], "failed: no (exit code 0)"),
        (vec![Act::print(long); 65], "more than 1048576 bytes"),
    ] {
        behave(&engine, acts);
        let attempt = lab.attempt("db");
        let failure = failed(lab.run(&attempt).await);
        assert_eq!(failure.reason, Reason::PluginFailed);
        assert!(failure.detail.contains(told) && !failure.detail.contains("canary"), "{}", failure.detail);
        nothing_is_left(&lab, &attempt.container()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_enforced_and_told_apart() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::HoldMemory { bytes: 300 << 20 }]);
    let failure = failed(lab.run(&lab.attempt("memory")).await);
    assert_eq!(failure.reason, Reason::OutOfMemory { limit_mb: 256, peak_mb: 256 });

    behave(&engine, [says("waiting"), Act::IgnoreStop, Act::Forever]);
    let begun = Instant::now();
    let attempt = lab.attempt("time");
    let failure = failed(lab.run(&attempt).await);
    assert_eq!(failure.reason, Reason::PluginTimeout { limit_s: 60 });
    assert!(begun.elapsed() < Duration::from_secs(70), "{:?}", begun.elapsed());
    let found = lab.engine.find(&attempt.container()).await.unwrap().unwrap();
    assert!(found.state.exit().is_some(), "nothing of it runs: {:?}", found.state);

    let noise = Act::Print { output: Output::Stderr, text: "z".repeat(1 << 20) };
    behave(&engine, [vec![noise; 5], vec![Act::Forever]].concat());
    let failure = failed(lab.run(&lab.attempt("noise")).await);
    assert_eq!(failure.reason, Reason::LogLimit { limit_mb: 4 });
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_never_reads_its_input_is_stopped_in_time() {
    let (engine, lab) = simulated();
    engine.script(Selector::Any, Behaviour::runs([Act::Forever]));
    let mut attempt = lab.attempt("deaf");
    // More than fits between the two.
    attempt.input.parameters.insert("data".into(), "x".repeat(1 << 20).into());
    let failure = failed(lab.run(&attempt).await);
    assert_eq!(failure.reason, Reason::PluginTimeout { limit_s: 60 });
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stops_it_and_comes_too_late_for_what_has_ended() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::sleep(Duration::from_secs(30)), Act::print(YES)]);
    let (attempt, cancel) = (lab.attempt("db"), CancellationToken::new());
    let cancelling = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(plugin::run(&lab.context, &attempt, &cancel), cancelling);
    assert_eq!(outcome.unwrap(), Outcome::Cancelled);
    let found = lab.engine.find(&attempt.container()).await.unwrap().unwrap();
    assert_eq!(found.state.exit().unwrap().code, 143);

    let other = lab.attempt("other");
    assert_eq!(
        plugin::run(&lab.context, &other, &cancel).await.unwrap(),
        Outcome::Cancelled,
        "nothing is started"
    );
    assert!(lab.engine.find(&other.container()).await.unwrap().is_none());
    behave(&engine, [Act::print(YES)]);
    lab.run(&other).await;
    let outcome = plugin::run(&lab.context, &other, &cancel).await.unwrap();
    assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_refuses_is_the_steps_failure_and_what_it_cannot_is_not() {
    let (engine, lab) = simulated();
    let mut attempt = lab.attempt("absent");
    attempt.image = "nowhere:1".into();
    let failure = failed(lab.run(&attempt).await);
    assert_eq!(failure.reason, Reason::ImagePullFailed);
    assert!(failure.detail.contains("nowhere:1"), "{}", failure.detail);

    engine.script(Selector::Any, Behaviour::NeverStarts { reason: "no such file".into() });
    let failure = failed(lab.run(&lab.attempt("broken")).await);
    assert!(failure.detail.contains("no such file"), "{}", failure.detail);

    behave(&engine, [Act::print(YES)]);
    engine.faults().inject(Operation::Create, 1, Fault::Fail(Error::OutOfSpace { operation: "creating" }));
    let attempt = lab.attempt("full");
    let error = plugin::run(&lab.context, &attempt, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, StepError::Engine { .. }) && !error.retryable(), "{error}");
    assert!(matches!(lab.run(&attempt).await, Outcome::Succeeded(_)), "later it goes well");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_somebody_removes_is_a_failure_that_says_so() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::Forever]);
    let (attempt, cancel) = (lab.attempt("db"), CancellationToken::new());
    let removing = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let id = engine.id_of(&attempt.container()).unwrap();
        lab.engine.remove(&id, Removal::Force).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(plugin::run(&lab.context, &attempt, &cancel), removing);
    let failure = failed(outcome.unwrap());
    assert!(failure.detail.contains("removed by somebody else"), "{}", failure.detail);
}

#[tokio::test(start_paused = true)]
async fn actions_and_generations_are_containers_of_their_own() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::print(YES)]);
    let create = lab.attempt("db");
    let mut again = create.clone();
    again.generation = 2;
    let mut destroy = create.clone();
    destroy.input.action = Action::Destroy;
    for attempt in [&create, &again, &destroy] {
        assert!(matches!(lab.run(attempt).await, Outcome::Succeeded(_)));
    }
    assert_eq!(lab.held().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn volumes_of_the_slot_are_shared_and_outlive_its_containers() {
    let (engine, lab) = simulated();
    let volume = SlotVolume { name: "data".into(), path: "/data".into(), read_only: false };
    let write = Act::Write { path: "/data/f".into(), text: YES.into() };
    behave(&engine, [write, Act::print(YES)]);
    let mut writer = lab.attempt("seed");
    writer.volumes = vec![volume.clone()];
    assert!(matches!(lab.run(&writer).await, Outcome::Succeeded(_)));
    end::remove(&lab.context, &writer.container()).await.unwrap();

    // Redeployed: another deployment of the same slot, under a newer control plane.
    behave(&engine, [Act::Read { path: "/data/f".into() }]);
    let mut reader = lab.attempt("use");
    reader.place.deployment = "4x9mq2p7ab".parse().unwrap();
    reader.place.epoch = 2;
    reader.volumes = vec![SlotVolume { read_only: true, ..volume }];
    assert!(matches!(lab.run(&reader).await, Outcome::Succeeded(_)));

    // Named to be looked at before and after the one that is mounted.
    let mut other = lab.attempt("other");
    other.volumes = ["a", "z"]
        .map(|name| SlotVolume { name: name.into(), path: format!("/{name}"), read_only: false })
        .into();
    behave(&engine, [Act::print(YES)]);
    assert!(matches!(lab.run(&other).await, Outcome::Succeeded(_)));
    end::remove(&lab.context, &other.container()).await.unwrap();
    let volumes = async || engine.volume_list(&pierhead_engine::spec::Labels::new()).await.unwrap().len();
    assert_eq!(volumes().await, 3);
    service::remove_volumes(&lab.context, &reader.place).await.unwrap();
    assert_eq!(volumes().await, 1, "a container mounts it");
    end::remove(&lab.context, &reader.container()).await.unwrap();
    for _ in 0..2 {
        service::remove_volumes(&lab.context, &reader.place).await.unwrap();
    }
    assert_eq!(lab.held().await, Vec::<String>::new());
}
