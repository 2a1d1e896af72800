//! Life and death of one container.

use std::time::{Duration, Instant};

use pierhead_engine::{
    Error,
    error::Object,
    simulated::Act,
    spec::Mount,
    state::{ContainerId, Made, Removal, State, Status},
};
use tokio::io::AsyncWriteExt as _;

use super::{Lab, NetworkMode, PATIENCE};

pub(crate) async fn codes_of_exit(lab: &Lab) {
    for code in [0, 7] {
        let spec = lab.spec(&format!("exit-{code}"), &[Act::Exit { code }]);
        let id = lab.start(&spec).await;
        let exit = lab.wait(&id).await;
        assert_eq!(exit.code, i64::from(code));
        assert!(!exit.oom_killed);
        assert!(exit.started_at.expect("started") <= exit.finished_at);
        // Late callers, and those after a crash, learn the same.
        assert_eq!(lab.wait(&id).await, exit);
        assert_eq!(lab.engine.inspect(&id).await.expect("inspected").state, State::Exited(exit));
    }
}

pub(crate) async fn creation_is_idempotent_by_name(lab: &Lab) {
    let spec = lab.spec("one", &[Act::Forever]);
    let first = lab.engine.create(&spec).await.expect("created");
    let second = lab.engine.create(&spec).await.expect("created");
    assert_eq!((first.made, second.made), (Made::Now, Made::Before));
    assert_eq!(first.id, second.id);
    let mut other = spec.clone();
    other.env.push(("A".into(), "1".into()));
    let error = lab.engine.create(&other).await.expect_err("taken");
    assert!(matches!(error, Error::NameTaken { object: Object::Container, .. }), "{error:?}");
    let found = lab.engine.find(&spec.name).await.expect("found").expect("there");
    assert_eq!((found.id, found.state), (first.id, State::Created));
    assert!(lab.engine.find(&format!("{}-none", lab.prefix)).await.expect("looked").is_none());
}

pub(crate) async fn a_missing_image_network_or_volume_is_named(lab: &Lab) {
    let mut spec = lab.spec("missing", &[Act::Forever]);
    spec.image = "pierhead-contract/nowhere:1".into();
    let error = lab.engine.create(&spec).await.expect_err("no image");
    assert!(
        matches!(&error, Error::NoSuchImage { image } if image.contains("pierhead-contract/nowhere")),
        "{error:?}"
    );
    let mut spec = lab.spec("missing", &[Act::Forever]);
    spec.network = NetworkMode::Named { network: format!("{}-nowhere", lab.prefix), aliases: vec![] };
    let error = lab.engine.create(&spec).await.expect_err("no network");
    assert!(matches!(error, Error::NotFound { object: Object::Network, .. }), "{error:?}");
    let mut spec = lab.spec("missing", &[Act::Forever]);
    let name = format!("{}-nowhere", lab.prefix);
    spec.mounts.push(Mount::Volume { name, target: "/v".into(), read_only: false, filled: false });
    let error = lab.engine.create(&spec).await.expect_err("no volume");
    assert!(matches!(error, Error::NotFound { object: Object::Volume, .. }), "{error:?}");
    let mut spec = lab.spec("missing", &[Act::Forever]);
    spec.limits.pids = 0;
    let error = lab.engine.create(&spec).await.expect_err("no limit");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

pub(crate) async fn removal_is_idempotent_and_careful(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[Act::Forever])).await;
    let error = lab.engine.remove(&id, Removal::OnlyUnused).await.expect_err("it runs");
    assert!(matches!(error, Error::Conflict { object: Object::Container, .. }), "{error:?}");
    for how in [Removal::Force, Removal::Force, Removal::OnlyUnused] {
        lab.engine.remove(&id, how).await.expect("removed");
    }
    assert!(lab.engine.inspect(&id).await.expect_err("gone").is_not_found());
}

pub(crate) async fn a_graceful_stop(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[Act::print("ready"), Act::Forever])).await;
    lab.until_it_says(&id, "ready").await;
    lab.engine.stop(&id, PATIENCE).await.expect("stopped");
    assert_eq!(lab.wait(&id).await.code, 143);
    lab.engine.stop(&id, PATIENCE).await.expect("stopped before");
}

pub(crate) async fn a_stubborn_container_is_killed_after_the_grace(lab: &Lab) {
    let acts = [Act::IgnoreStop, Act::print("ready"), Act::Forever];
    let id = lab.start(&lab.spec("one", &acts)).await;
    lab.until_it_says(&id, "ready").await;
    let begin = Instant::now();
    lab.engine.stop(&id, Duration::from_secs(1)).await.expect("stopped");
    assert!(begin.elapsed() < PATIENCE / 2, "killed long before a default grace of many seconds twice over");
    assert_eq!(lab.wait(&id).await.code, 137);
}

pub(crate) async fn kill_ends_everything(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[Act::Fork { count: 3 }, Act::Forever])).await;
    lab.until_it_says(&id, "started 3").await;
    lab.engine.kill(&id).await.expect("killed");
    let exit = lab.wait(&id).await;
    assert_eq!((exit.code, exit.oom_killed), (137, false));
    lab.engine.kill(&id).await.expect("killed before");
    let error = lab.engine.stats(&id).await.expect_err("it does not run");
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
}

pub(crate) async fn lists_filter_by_label(lab: &Lab) {
    let mut labelled = lab.spec("labelled", &[Act::Forever]);
    labelled.labels.insert("colour".into(), "red".into());
    let labelled_id = lab.start(&labelled).await;
    let plain_id = lab.create(&lab.spec("plain", &[Act::Forever])).await;
    let all = lab.engine.list(&lab.labels).await.expect("listed");
    assert_eq!(all.len(), 2);
    let of = |id: &ContainerId| all.iter().find(|one| one.id == *id).expect("listed").clone();
    assert_eq!(of(&labelled_id).status, Status::Running);
    assert_eq!(of(&plain_id).status, Status::Created);
    assert_eq!(of(&labelled_id).name, labelled.name);
    let mut red = lab.labels.clone();
    red.insert("colour".into(), "red".into());
    let found = lab.engine.list(&red).await.expect("listed");
    assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&labelled_id]);
    red.insert("colour".into(), "blue".into());
    assert_eq!(lab.engine.list(&red).await.expect("listed"), []);
}

pub(crate) async fn standard_input(lab: &Lab) {
    let mut spec = lab.spec("one", &[Act::Echo, Act::print("end")]);
    spec.stdin = true;
    spec.profile = pierhead_engine::spec::Profile::Plugin;
    let id = lab.create(&spec).await;
    let mut stdin = lab.engine.open_stdin(&id).await.expect("opened");
    lab.engine.start(&id).await.expect("started");
    // More than any pipe or socket buffers.
    let sent = "0123456789abcde\n".repeat(64 * 1024);
    stdin.write_all(sent.as_bytes()).await.expect("written");
    stdin.shutdown().await.expect("closed");
    assert_eq!(lab.wait(&id).await.code, 0);
    let got = super::text(&lab.log(&id, Default::default()).await);
    assert!(got == format!("{sent}end\n"), "{} bytes came back of {}", got.len(), sent.len() + 4);
}

pub(crate) async fn a_restart_runs_it_again(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[Act::print("hello"), Act::Exit { code: 3 }])).await;
    assert_eq!(lab.wait(&id).await.code, 3);
    lab.engine.start(&id).await.expect("started again");
    assert_eq!(lab.wait(&id).await.code, 3);
    assert_eq!(super::text(&lab.log(&id, Default::default()).await), "hello\nhello\n");
}

pub(crate) async fn what_does_not_exist(lab: &Lab) {
    let id = ContainerId::new("0".repeat(64));
    let grace = Duration::from_secs(1);
    for error in [
        lab.engine.start(&id).await.expect_err("start"),
        lab.engine.stop(&id, grace).await.expect_err("stop"),
        lab.engine.kill(&id).await.expect_err("kill"),
        lab.engine.inspect(&id).await.expect_err("inspect"),
        lab.engine.wait(&id).await.expect_err("wait"),
        lab.engine.stats(&id).await.expect_err("stats"),
        lab.engine.logs(&id, Default::default(), super::Follow::No).await.map(drop).expect_err("logs"),
        lab.engine.copy_out(&id, "/x").await.map(drop).expect_err("copy"),
        lab.engine.image_inspect("pierhead-contract/nowhere:1").await.expect_err("image"),
        lab.engine.network_inspect("pierhead-contract-nowhere").await.expect_err("network"),
    ] {
        assert!(error.is_not_found(), "{error:?}");
    }
    lab.engine.image_remove("pierhead-contract/nowhere:1", Removal::OnlyUnused).await.expect("absent");
    lab.engine.network_remove("pierhead-contract-nowhere").await.expect("absent");
    lab.engine.volume_remove("pierhead-contract-nowhere").await.expect("absent");
}

pub(crate) async fn frozen_and_thawed(lab: &Lab) {
    let freezer = lab.engine.freeze().expect("both drivers can");
    let id = lab.start(&lab.spec("one", &[Act::print("ready"), Act::Forever])).await;
    lab.until_it_says(&id, "ready").await;
    freezer.freeze(&id).await.expect("frozen");
    freezer.freeze(&id).await.expect("frozen before");
    freezer.thaw(&id).await.expect("thawed");
    freezer.freeze(&id).await.expect("frozen again");
    // A frozen process handles no signal; a stop must not have to wait for it.
    lab.engine.stop(&id, PATIENCE).await.expect("stopped");
    assert_eq!(lab.wait(&id).await.code, 143);
    let error = freezer.freeze(&id).await.expect_err("it does not run");
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
}

pub(crate) async fn commands_beside_the_main_process(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[Act::print("ready"), Act::Forever])).await;
    lab.until_it_says(&id, "ready").await;
    let both = [
        Act::print("out"),
        Act::Print { output: pierhead_engine::log::Output::Stderr, text: "err".into() },
        Act::Exit { code: 7 },
    ];
    let executed = lab.engine.exec(&id, &(lab.command)(&both), PATIENCE).await.expect("executed");
    assert_eq!(executed.code, 7);
    let mut lines: Vec<_> = std::str::from_utf8(&executed.output).expect("text").lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out"]);
    assert_eq!(super::text(&lab.log(&id, Default::default()).await), "ready\n", "it is not in the log");

    // No input: what reads some sees its end.
    let reading = lab.engine.exec(&id, &(lab.command)(&[Act::Echo]), PATIENCE).await.expect("executed");
    assert_eq!((reading.code, reading.output.len()), (0, 0));

    let endless = (lab.command)(&[Act::Forever]);
    let error = lab.engine.exec(&id, &endless, Duration::from_secs(1)).await.expect_err("it takes too long");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let executed = lab.engine.exec(&id, &(lab.command)(&[]), PATIENCE).await.expect("executed");
    assert_eq!(executed.code, 0, "what took too long is in nobody's way");

    let large = vec![Act::print("x".repeat(1024)); 80];
    let executed = lab.engine.exec(&id, &(lab.command)(&large), PATIENCE).await.expect("executed");
    assert_eq!((executed.code, executed.output.len()), (0, pierhead_engine::state::MAX_EXECUTED_OUTPUT));

    lab.engine.kill(&id).await.expect("killed");
    let error = lab.engine.exec(&id, &endless, PATIENCE).await.expect_err("it does not run");
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
}

pub(crate) async fn an_input_that_is_cut_is_seen_as_its_end(lab: &Lab) {
    for (name, sent, code) in [("whole", "{\"a\":1}", 0), ("half", "{\"a\"", 64), ("none", "", 64)] {
        let mut spec = lab.spec(name, &[Act::ReadObject]);
        spec.stdin = true;
        let id = lab.create(&spec).await;
        let mut stdin = lab.engine.open_stdin(&id).await.expect("opened");
        lab.engine.start(&id).await.expect("started");
        stdin.write_all(sent.as_bytes()).await.expect("written");
        stdin.flush().await.expect("flushed");
        // As when the process that writes is killed.
        drop(stdin);
        assert_eq!(lab.wait(&id).await.code, code, "{name}");
    }
}
