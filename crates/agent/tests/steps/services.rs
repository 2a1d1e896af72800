//! Services on the simulated engine: healthy, late, ended, cancelled.

use std::time::Duration;

use pierhead_agent::steps::service::{self, Check, Service, SlotVolume, Started};
use pierhead_agent::steps::{StepError, network};
use pierhead_engine::Engine as _;
use pierhead_engine::log::Output;
use pierhead_engine::simulated::{Act, Behaviour, Fault, Operation, Selector, SimulatedEngine};
use pierhead_engine::state::Removal;
use pierhead_model::deployment::{Failure, Reason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::lab::{IMAGE, Lab, SECRET, says, simulated};

fn ready() -> Check {
    Check::Command(vec!["ready".to_owned()])
}

fn command(engine: &SimulatedEngine, acts: impl Into<Vec<Act>>) {
    engine.script(Selector::Command(vec!["ready".to_owned()]), Behaviour::runs(acts));
}

fn main_process(engine: &SimulatedEngine, acts: impl Into<Vec<Act>>) {
    engine.script(Selector::Any, Behaviour::runs(acts));
}

async fn start(lab: &Lab, service: &Service) -> Started {
    service::start(&lab.context, service, &CancellationToken::new()).await.unwrap()
}

async fn fails(lab: &Lab, service: &Service) -> Failure {
    match start(lab, service).await {
        Started::Failed(failure) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_is_as_it_was_described() {
    let (engine, lab) = simulated();
    main_process(
        &engine,
        [Act::Write { path: "/data/f".into(), text: "x".into() }, says("serving"), Act::Forever],
    );
    lab.networks(217, 1).await;
    let mut web = lab.service("web", IMAGE, Check::Process);
    web.volumes = vec![SlotVolume { name: "data".into(), path: "/data".into(), read_only: false }];
    let Started::Healthy(running) = start(&lab, &web).await else { panic!("not healthy") };
    let found = lab.engine.inspect(&running.id).await.unwrap();
    assert_eq!(found.addresses[&web.networks.outside], running.address);
    assert_eq!(found.labels["pierhead.deployment"], lab.place.deployment.to_string());
    assert_eq!(found.labels["pierhead.step"], "web");
    assert_eq!(found.memory_limit, 256 << 20);
    assert_eq!(lab.memory.printed(), ["serving"]);

    // Another container of the deployment reaches it by its name.
    main_process(&engine, [Act::Listen { port: 80 }, Act::Forever]);
    let api = lab.service("api", IMAGE, ready());
    start(&lab, &api).await;
    let connect = [Act::Connect { host: "api".into(), port: 80 }];
    engine.script(Selector::Command(vec!["connect".into()]), Behaviour::runs(connect));
    let executed =
        lab.engine.exec(&running.id, &["connect".to_owned()], Duration::from_secs(60)).await.unwrap();
    assert_eq!(executed.code, 0);
}

#[tokio::test(start_paused = true)]
async fn health_is_waited_for_and_its_last_answer_told() {
    let (engine, lab) = simulated();
    main_process(&engine, [Act::Forever]);
    lab.networks(217, 1).await;
    let mut service = lab.service("web", IMAGE, ready());
    service.secret_values = vec![SECRET.to_owned()];
    let told = Act::Print { output: Output::Stderr, text: format!("no route to {SECRET}") };
    command(&engine, [told, Act::Exit { code: 3 }]);
    let begun = Instant::now();
    let failure = fails(&lab, &service).await;
    assert_eq!(failure.reason, Reason::StartupTimeout { limit_s: 60 });
    assert!(
        failure.detail.contains("`ready` ended with exit code 3: no route to [secret]"),
        "{}",
        failure.detail
    );
    assert_eq!(begun.elapsed().as_secs(), 60);

    command(&engine, [Act::Forever]);
    let failure = fails(&lab, &lab.service("slow", IMAGE, ready())).await;
    assert!(failure.detail.contains("did not finish within 5s"), "{}", failure.detail);
}

#[tokio::test(start_paused = true)]
async fn good_answers_must_come_in_a_row() {
    let (engine, lab) = simulated();
    main_process(&engine, [Act::Forever]);
    lab.networks(217, 1).await;
    let mut service = lab.service("web", IMAGE, ready());
    service.health.healthy_after = 3;
    let bad = pierhead_engine::Error::Unavailable { operation: "testing", cause: None };
    engine.faults().inject(Operation::Exec, 2, Fault::Slow(Duration::ZERO));
    engine.faults().inject(Operation::Exec, 1, Fault::Fail(bad));
    assert!(matches!(start(&lab, &service).await, Started::Healthy(_)));
    let asked = engine.faults().calls().iter().filter(|call| **call == Operation::Exec).count();
    assert_eq!(asked, 6, "two good, one bad, three good");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_is_started_again_a_few_times() {
    let (engine, lab) = simulated();
    main_process(&engine, [says("no database"), Act::Exit { code: 4 }]);
    lab.networks(217, 1).await;
    let failure = fails(&lab, &lab.service("web", IMAGE, ready())).await;
    assert_eq!(failure.reason, Reason::StartFailed { exit_code: Some(4) });
    assert!(failure.detail.contains("ended 3 times"), "{}", failure.detail);
    assert_eq!(lab.memory.printed(), ["no database"; 3], "the words of each start are kept");

    main_process(&engine, [Act::HoldMemory { bytes: 300 << 20 }]);
    let failure = fails(&lab, &lab.service("large", IMAGE, ready())).await;
    assert_eq!(failure.reason, Reason::OutOfMemory { limit_mb: 256, peak_mb: 256 }, "once is enough");

    let failure = fails(&lab, &lab.service("absent", "nowhere:1", ready())).await;
    assert_eq!(failure.reason, Reason::ImagePullFailed);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_somebody_removes_is_made_again() {
    let (engine, lab) = simulated();
    main_process(&engine, [Act::Forever]);
    command(&engine, [Act::Exit { code: 1 }]);
    lab.networks(217, 1).await;
    let service = lab.service("web", IMAGE, ready());
    let removing = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let id = engine.id_of(&service.container()).unwrap();
        command(&engine, []);
        lab.engine.remove(&id, Removal::Force).await.unwrap();
    };
    let (started, ()) = tokio::join!(start(&lab, &service), removing);
    let Started::Healthy(running) = started else { panic!("{started:?}") };
    assert_eq!(engine.id_of(&service.container()), Some(running.id));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stops_what_is_starting() {
    let (engine, lab) = simulated();
    main_process(&engine, [Act::Forever]);
    command(&engine, [Act::Exit { code: 1 }]);
    lab.networks(217, 1).await;
    let (service, cancel) = (lab.service("web", IMAGE, ready()), CancellationToken::new());
    let cancelling = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        cancel.cancel();
    };
    let (started, ()) = tokio::join!(service::start(&lab.context, &service, &cancel), cancelling);
    assert_eq!(started.unwrap(), Started::Cancelled);
    let found = lab.engine.find(&service.container()).await.unwrap().unwrap();
    assert_eq!(found.state.exit().unwrap().code, 143);
}

#[tokio::test(start_paused = true)]
async fn networks_are_made_once_and_a_full_range_is_told() {
    let (engine, lab) = simulated();
    let pool = "10.9.0.0/22".parse().unwrap();
    for number in 0..32 {
        let place = pierhead_agent::steps::place::Place {
            deployment: pierhead_model::id::DeploymentId::from_random(number * 7919),
            ..lab.place.clone()
        };
        let first = network::prepare(&lab.context, &place, pool).await.unwrap();
        assert_eq!(network::prepare(&lab.context, &place, pool).await.unwrap(), first);
        let inside = engine.network_inspect(first.inside.as_ref().unwrap()).await.unwrap();
        let outside = engine.network_inspect(&first.outside).await.unwrap();
        assert!(inside.internal && !outside.internal);
        assert_eq!(
            inside.labels["pierhead.deployment"],
            place.deployment.to_string(),
            "it goes with the deployment"
        );
    }
    let error = network::prepare(&lab.context, &lab.place, pool).await.unwrap_err();
    assert!(matches!(error, StepError::NoSubnet { .. }) && !error.retryable(), "{error}");
}
