//! The agent dies at every point of an attempt, and what comes after is the same as if it had not.
//!
//! A crash is the future dropped after so many polls: each await is a place to die, and each call to the engine takes a moment,
//! so that it is one. The engine, the notes on disk and the log are what is left.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pierhead_agent::steps::end;
use pierhead_agent::steps::plugin::{self, Observed, Outcome};
use pierhead_agent::steps::service::{self, Check, Started};
use pierhead_engine::Error;
use pierhead_engine::simulated::{Act, Behaviour, Fault, Operation, Selector, SimulatedEngine};
use tokio_util::sync::CancellationToken;

use crate::lab::{IMAGE, behave, says, simulated};

const YES: &str = r#"{"success":true,"outputs":{"n":1}}"#;

/// Every call takes a moment.
fn slow(engine: &SimulatedEngine) {
    engine.faults().inject(Operation::Any, usize::MAX, Fault::Slow(Duration::from_millis(1)));
}

/// Polls so many times; `None` is a death before the end.
async fn for_polls<F: Future>(mut polls: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    std::future::poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_dies_anywhere_ends_as_if_it_had_not() {
    let (mut deaths, mut halves) = (0, 0);
    for (polls, sleeps) in (0..).flat_map(|polls| [(polls, false), (polls, true)]) {
        let (engine, lab) = simulated();
        let work = Act::sleep(Duration::from_secs(2));
        behave(&engine, [says("one"), work.clone(), says("two"), work, Act::print(YES), says("three")]);
        let (attempt, cancel) = (lab.attempt("db"), CancellationToken::new());
        slow(&engine);
        let survived = for_polls(polls, plugin::run(&lab.context, &attempt, &cancel)).await.is_some();
        engine.faults().clear();
        deaths += usize::from(!survived);
        // Whoever removes or goes on waits for what was begun.
        lab.context.settling.close();
        lab.context.settling.wait().await;
        lab.context.settling.reopen();
        // What runs goes on while there is no agent.
        if sleeps {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        let found = lab.engine.find(&attempt.container()).await.unwrap();
        let end = found.and_then(|found| found.state.exit().cloned());
        let had_half = end.is_some_and(|exit| exit.code == 64);
        halves += usize::from(had_half);
        let before = plugin::observe(&lab.context, &attempt).await.unwrap();
        assert!(!had_half || before == Observed::Nothing, "after {polls} polls: {before:?}");
        let starts = || engine.faults().calls().iter().filter(|call| **call == Operation::Start).count();
        let started = starts();
        let outcome = plugin::run(&lab.context, &attempt, &cancel).await.unwrap();
        let Outcome::Succeeded(answer) = &outcome else { panic!("after {polls} polls: {outcome:?}") };
        assert_eq!(answer.outputs["n"], 1);
        match before {
            Observed::Nothing => assert_eq!(starts(), started + 1, "after {polls} polls"),
            Observed::Running | Observed::Ended(_) => {
                assert_eq!(starts(), started, "after {polls} polls: it was watched or read, not run again");
                assert_eq!(
                    lab.memory.printed(),
                    ["one", "two", "three"],
                    "after {polls} polls: no line doubled"
                );
            }
        }
        assert_eq!(lab.held().await.len(), 1);
        end::remove(&lab.context, &attempt.container()).await.unwrap();
        assert_eq!(lab.held().await, Vec::<String>::new());
        if survived {
            break;
        }
    }
    assert!(deaths > 8, "only {deaths} places to die were tried");
    assert!(halves > 0, "no plugin got half of its input");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_calls_fail_in_turn_goes_on_where_it_was() {
    let lost =
        || Fault::ApplyThenFail(Error::Timeout { operation: "testing", after: Duration::from_secs(1) });
    let refused = || Fault::Fail(Error::Unavailable { operation: "testing", cause: None });
    for operation in [
        Operation::Create,
        Operation::OpenStdin,
        Operation::Start,
        Operation::Wait,
        Operation::Logs,
        Operation::Inspect,
        Operation::Remove,
    ] {
        for fault in [lost(), refused()] {
            let (engine, lab) = simulated();
            behave(&engine, [says("one"), Act::print(YES)]);
            engine.faults().inject(operation, 1, fault.clone());
            let (attempt, cancel) = (lab.attempt("db"), CancellationToken::new());
            let mut outcome = plugin::run(&lab.context, &attempt, &cancel).await;
            for _ in 0..3 {
                if let Err(error) = &outcome {
                    assert!(error.retryable(), "{operation:?} {fault:?}: {error}");
                    outcome = plugin::run(&lab.context, &attempt, &cancel).await;
                }
            }
            assert!(matches!(outcome, Ok(Outcome::Succeeded(_))), "{operation:?} {fault:?}: {outcome:?}");
            for _ in 0..2 {
                // A removal whose answer is lost is asked for again.
                let _again = end::remove(&lab.context, &attempt.container()).await;
            }
            assert_eq!(lab.held().await, Vec::<String>::new(), "{operation:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_for_a_while_is_waited_for() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::sleep(Duration::from_secs(5)), Act::print(YES)]);
    let (attempt, cancel) = (lab.attempt("db"), CancellationToken::new());
    let outage = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        engine.faults().inject(
            Operation::Wait,
            20,
            Fault::Fail(Error::Unavailable { operation: "waiting", cause: None }),
        );
    };
    // Its wait had begun: it is the next that meets the outage.
    engine.faults().inject(
        Operation::Wait,
        1,
        Fault::Fail(Error::Unavailable { operation: "waiting", cause: None }),
    );
    let (outcome, ()) = tokio::join!(plugin::run(&lab.context, &attempt, &cancel), outage);
    assert!(matches!(outcome, Ok(Outcome::Succeeded(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_dies_leaves_an_end_that_is_told() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::Forever]);
    let attempt = lab.attempt("db");
    let cancel = CancellationToken::new();
    let dying = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        engine.crash();
    };
    let (outcome, ()) = tokio::join!(plugin::run(&lab.context, &attempt, &cancel), dying);
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(failure.detail.contains("exit code 137: it was killed"), "{}", failure.detail);
}

#[tokio::test(start_paused = true)]
async fn time_that_passed_without_an_agent_counts() {
    let (engine, lab) = simulated();
    behave(&engine, [Act::Forever]);
    let mut attempt = lab.attempt("db");
    attempt.timeout = Duration::from_secs(3600);
    let cancel = CancellationToken::new();
    let dies =
        tokio::time::timeout(Duration::from_secs(10), plugin::run(&lab.context, &attempt, &cancel)).await;
    assert!(dies.is_err());
    // An hour later by the engine's clock.
    let mut context = lab.context.clone();
    context.now = || pierhead_model::Timestamp::now() + Duration::from_secs(3600);
    let begun = tokio::time::Instant::now();
    let outcome = plugin::run(&context, &attempt, &cancel).await.unwrap();
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_start_dies_anywhere_becomes_healthy_once() {
    let mut deaths = 0;
    for polls in 0.. {
        let (engine, lab) = simulated();
        engine.script(
            Selector::Any,
            Behaviour::runs([
                says("starting"),
                Act::sleep(Duration::from_secs(1)),
                says("serving"),
                Act::Forever,
            ]),
        );
        let asks = Check::Command(vec!["ready".to_owned()]);
        lab.networks(217, 1).await;
        let (service, cancel) = (lab.service("web", IMAGE, asks), CancellationToken::new());
        slow(&engine);
        let survived = for_polls(polls, service::start(&lab.context, &service, &cancel)).await.is_some();
        engine.faults().clear();
        deaths += usize::from(!survived);
        lab.context.settling.close();
        lab.context.settling.wait().await;
        lab.context.settling.reopen();
        let started = service::start(&lab.context, &service, &cancel).await.unwrap();
        assert!(matches!(started, Started::Healthy(_)), "after {polls} polls: {started:?}");
        assert_eq!(lab.held().await, [service.container()]);
        end::stop(&lab.context, &service.container(), Duration::from_secs(1)).await.unwrap();
        service::follow(&lab.context, &service).await.unwrap();
        let printed = lab.memory.printed();
        assert_eq!(
            printed.iter().filter(|line| *line == "starting").count(),
            1,
            "after {polls} polls: {printed:?}"
        );
        if survived {
            break;
        }
    }
    assert!(deaths > 5, "only {deaths} places to die were tried");
}
