//! What counts once, what counts later, and what does not count.

use pierhead_model::assignment::{InstanceReport, Phase, Report};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, InstallId};
use pierhead_model::pipeline::StepName;
use pierhead_model::sleep::{Rest, RestOrder};
use pierhead_store::Options;
use pierhead_wire::ingress_to_control::Counts;

use super::*;

const START: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn slot() -> SlotId {
    SlotId::new(Timestamp::UNIX_EPOCH, 1)
}

fn host() -> Hostname {
    Hostname::parse("shop.test").unwrap()
}

fn routes(count: u64) -> Vec<RouteCounts> {
    let mut route = RouteCounts {
        host: host(),
        counts: Counts { answers: [0, 0, count, 0, 0, 0], bytes: 10 * count, upstream_errors: 0 },
        took: pierhead_model::figures::Latencies::default(),
    };
    (0..count).for_each(|_| route.took.record(2000));
    vec![route]
}

fn window(sequence: u64) -> Option<Window> {
    Some(Window { run: 77, sequence, at: START as u64 + 10 * sequence })
}

/// A store, and the recorders of one control plane after the other.
struct World {
    store: Store,
    answers: mpsc::Sender<ControlToIngress>,
    told: mpsc::Receiver<ControlToIngress>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}/store.db", folder.path().display());
        let store = Store::open(&Options { database_url, data_dir: folder.path().into() }).await.unwrap();
        let (answers, told) = mpsc::channel(8);
        Self { store, answers, told, _folder: folder }
    }

    async fn recorder(&self) -> Recorder {
        let install = InstallId::new(Timestamp::UNIX_EPOCH, 1);
        let (_, epoch) = self.store.epoch_begin(install).await.unwrap();
        let recorder = Recorder::load(&self.store, epoch).await.unwrap();
        let owner = HostOwner { slot: slot(), service: "web".to_owned() };
        recorder.set_owners([(host(), owner)].into());
        recorder
    }

    /// Everything that is stored of the slot.
    async fn stored(&self) -> Figures {
        let owners = [FiguresOf::Slot(slot())];
        let points = self.store.figures_read(&owners, 0, START as u64 * 2).await.unwrap();
        let mut sum = Figures::default();
        points.iter().for_each(|(_, figures)| sum.add(figures));
        sum
    }

    fn acknowledged(&mut self) -> Option<u64> {
        match self.told.try_recv().ok()? {
            ControlToIngress::Counted { run: 77, sequence } => Some(sequence),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_counts_once_however_often_it_comes_and_is_acknowledged_when_it_is_stored() {
    let mut world = World::new().await;
    let recorder = world.recorder().await;
    assert!(recorder.counted(&routes(3), window(1), at(10), &world.answers));
    assert!(!recorder.counted(&routes(3), window(1), at(10), &world.answers), "again");
    recorder.flush(&world.store, at(10), false).await.unwrap();
    assert_eq!((world.acknowledged(), world.stored().await.is_empty()), (None, true), "others may come");
    recorder.flush(&world.store, at(11), false).await.unwrap();
    assert_eq!(world.acknowledged(), Some(1));
    assert!(!recorder.counted(&routes(3), window(1), at(12), &world.answers), "the acknowledgement was lost");
    recorder.flush(&world.store, at(13), false).await.unwrap();
    assert_eq!(world.acknowledged(), Some(1));
    assert!(!recorder.counted(&routes(9), window(3), at(20), &world.answers), "one is missing before it");
    assert!(recorder.counted(&routes(2), window(2), at(20), &world.answers));
    recorder.flush(&world.store, at(22), false).await.unwrap();
    assert_eq!(world.acknowledged(), Some(2));
    let traffic = world.stored().await.traffic_of(Some("web"));
    assert_eq!((traffic.requests(), traffic.bytes, traffic.took.total()), (5, 50, 5));
    let median = traffic.took.quantile(0.5).unwrap();
    assert!((1880.0..2120.0).contains(&median), "{median}");
}

#[tokio::test]
async fn the_next_control_plane_knows_what_was_stored_and_takes_what_was_not() {
    let mut world = World::new().await;
    let first = world.recorder().await;
    assert!(first.counted(&routes(3), window(1), at(10), &world.answers));
    first.flush(&world.store, at(10), true).await.unwrap();
    assert!(first.counted(&routes(4), window(2), at(20), &world.answers));
    // Killed: the second is nowhere, and the acknowledgement of the first was lost on the way.
    drop(first);
    let second = world.recorder().await;
    assert!(!second.counted(&routes(3), window(1), at(30), &world.answers));
    assert!(second.counted(&routes(4), window(2), at(30), &world.answers));
    second.flush(&world.store, at(30), true).await.unwrap();
    assert_eq!(world.stored().await.traffic_of(None).requests(), 7);
    assert_eq!((world.acknowledged(), world.acknowledged()), (Some(1), Some(2)));
}

#[tokio::test]
async fn what_cannot_be_written_is_written_later() {
    let world = World::new().await;
    let recorder = world.recorder().await;
    recorder.counted(&routes(3), window(1), at(10), &world.answers);
    // Another one has taken the number of its transaction.
    let twin = Recorder::new(State::default(), recorder.part.load(Ordering::Relaxed) >> 32);
    let owner = HostOwner { slot: slot(), service: "web".to_owned() };
    twin.set_owners([(host(), owner)].into());
    twin.counted(&routes(1), None, at(10), &world.answers);
    twin.flush(&world.store, at(10), true).await.unwrap();
    recorder.flush(&world.store, at(12), true).await.unwrap_err();
    recorder.counted(&routes(2), window(2), at(20), &world.answers);
    recorder.flush(&world.store, at(22), true).await.unwrap();
    assert_eq!(world.stored().await.traffic_of(None).requests(), 1 + 3 + 2);
}

#[tokio::test]
async fn an_older_ingress_says_everything_once_and_a_wrong_clock_does_no_harm() {
    let world = World::new().await;
    let recorder = world.recorder().await;
    assert!(recorder.counted(&routes(1), None, at(100), &world.answers));
    let wrong = |run, at| Some(Window { run, sequence: 1, at });
    assert!(recorder.counted(&routes(1), wrong(1, 5), at(100), &world.answers));
    assert!(recorder.counted(&routes(1), wrong(2, u64::MAX), at(100), &world.answers));
    let mut strange = routes(9);
    strange[0].host = Hostname::parse("nobody.test").unwrap();
    assert!(recorder.counted(&strange, wrong(3, 5), at(100), &world.answers));
    recorder.flush(&world.store, at(100), true).await.unwrap();
    let owners = [FiguresOf::Slot(slot())];
    let points = world.store.figures_read(&owners, START as u64 + 90, START as u64 + 100).await.unwrap();
    let requests: u64 = points.iter().map(|(_, figures)| figures.traffic_of(None).requests()).sum();
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn measurements_wait_for_company() {
    let world = World::new().await;
    let recorder = world.recorder().await;
    let service = StepName::parse("web").unwrap();
    for (second, cpu, memory_bytes) in [(5, 0.5, 10), (10, 1.5, 30)] {
        let usage = ServiceUsage { service: service.clone(), cpu, memory_bytes, memory_limit_bytes: 100 };
        recorder.used(&slot(), &usage, 5000, at(second));
    }
    recorder.flush(&world.store, at(14), false).await.unwrap();
    assert!(world.stored().await.is_empty());
    recorder.flush(&world.store, at(15), false).await.unwrap();
    let usage = world.stored().await.usage["web"].clone();
    assert_eq!((usage.samples, usage.cpu_ms, usage.memory, usage.memory_limit), (2, 10_000, 30, 100));
}

#[test]
fn what_was_used_belongs_to_the_steps_in_which_it_was_used() {
    let start = START as u64;
    for (end, during_ms, expected) in [
        (0, 0, vec![(0, 0)]),
        (10, 10_000, vec![(0, 10_000)]),
        (13, 3_000, vec![(10, 3_000)]),
        (13, 5_000, vec![(8, 2_000), (10, 3_000)]),
        (33, 25_000, vec![(8, 2_000), (10, 10_000), (20, 10_000), (30, 3_000)]),
    ] {
        let expected: Vec<(u64, u64)> = expected.into_iter().map(|(at, ms)| (start + at, ms)).collect();
        assert_eq!(pieces(at(end), during_ms).collect::<Vec<_>>(), expected, "{end} {during_ms}");
    }
    assert_eq!(pieces(Timestamp::UNIX_EPOCH, 5_000).collect::<Vec<_>>(), [(0, 0)]);
}

#[tokio::test]
async fn reports_tell_of_restarts_and_of_sleep_once() {
    use Phase::{Healthy, Stopped};
    let world = World::new().await;
    let recorder = world.recorder().await;
    let deployment = DeploymentId::from_random(1);
    let report = |phase, restarts, oom_kills, rest| {
        let mut report = Report::accepted(deployment.clone());
        report.phase = phase;
        report.instance = Some(InstanceReport {
            address: Some(([127, 0, 0, 1], 1).into()),
            restarts,
            oom_kills,
            rest: RestOrder { rest, number: 1 },
            ..InstanceReport::default()
        });
        report
    };
    let hear = |phase, restarts, oom, rest| {
        let news = recorder.reported(&slot(), &report(phase, restarts, oom, rest), at(5));
        (news.rest, news.is_awake)
    };
    // What was before this control plane looked is not of now.
    assert_eq!(hear(Healthy, 4, 1, Rest::Awake), (Some(Rest::Awake), true));
    assert_eq!(hear(Healthy, 6, 2, Rest::Awake), (None, true));
    assert_eq!(hear(Healthy, 6, 2, Rest::Awake), (None, true));
    assert_eq!(hear(Healthy, 6, 2, Rest::Frozen), (Some(Rest::Frozen), false));
    assert_eq!(hear(Healthy, 7, 2, Rest::Stopped), (Some(Rest::Stopped), false));
    assert_eq!(hear(Stopped, 7, 2, Rest::Stopped), (Some(Rest::Awake), false), "it rests no more: it ended");
    recorder.flush(&world.store, at(5), true).await.unwrap();
    let usage = world.stored().await.usage[reports::SERVICE].clone();
    assert_eq!((usage.restarts, usage.oom_kills, usage.samples), (3, 1, 0));
}
