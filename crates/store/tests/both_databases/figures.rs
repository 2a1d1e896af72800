//! Figures over time, and when services slept.

use std::collections::HashMap;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::deployment::Event;
use pierhead_model::figures::{Figures, MachineFigures, Traffic, Wakes};
use pierhead_model::id::{DeploymentId, NodeId, SlotId};
use pierhead_model::sleep::Rest;
use pierhead_store::{FiguresBatch, FiguresOf, Store};
use sea_orm::{ConnectionTrait as _, Database};

use super::{World, now};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn start() -> u64 {
    u64::try_from(now().as_second()).unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn requests(count: u64) -> Figures {
    let mut traffic = Traffic { answers: [0, 0, count, 0, 0, 1], bytes: 7 * count, ..Traffic::default() };
    (0..=count).for_each(|number| traffic.took.record(1000 + number));
    Figures { traffic: [("web".to_owned(), traffic)].into(), wakes: Wakes::one(count), ..Figures::default() }
}

async fn write(store: &Store, part: u64, points: Vec<(FiguresOf, u64, Figures)>) {
    let points: HashMap<_, _> =
        points.into_iter().map(|(owner, at, figures)| ((owner, at), figures)).collect();
    let heard = HashMap::new();
    let batch = FiguresBatch { part, points: &points, heard: &heard, now: start() };
    store.figures_write(&batch).await.unwrap();
}

async fn sum(store: &Store, owner: &FiguresOf, from: u64, to: u64) -> Figures {
    let mut sum = Figures::default();
    let points = store.figures_read(std::slice::from_ref(owner), from, to).await.unwrap();
    points.iter().for_each(|(_, figures)| sum.add(figures));
    sum
}

async fn rows(world: &World, tier: u64) -> usize {
    let database = Database::connect(&world.database).await.unwrap();
    let statement = sea_orm::Statement::from_string(
        database.get_database_backend(),
        format!("SELECT owner FROM figures WHERE tier = {tier}"),
    );
    database.query_all_raw(statement).await.unwrap().len()
}

pub(super) async fn figures_are_read_as_they_were_written(world: &World) {
    let (store, slot) = (&world.store, FiguresOf::Slot(world.slot.clone()));
    let other = FiguresOf::Slot(SlotId::new(now(), 99));
    let node = FiguresOf::Node(world.node.clone());
    let machine = MachineFigures { samples: 1, cpu_ms: 5, disk: 9, ..MachineFigures::default() };
    let of_node = Figures { machine: Some(Box::new(machine)), ..Figures::default() };
    let at = start();
    let points = vec![
        (slot.clone(), at, requests(3)),
        (slot.clone(), at + 10, requests(4)),
        (other.clone(), at, requests(90)),
        (node.clone(), at, of_node.clone()),
    ];
    write(store, 1, points).await;
    // Another ingress counted in the same seconds.
    write(store, 2, vec![(slot.clone(), at, requests(5))]).await;
    let mut first = requests(3);
    first.add(&requests(5));
    assert_eq!(sum(store, &slot, at, at + 10).await, first);
    assert_eq!(sum(store, &slot, at + 10, at + 20).await, requests(4));
    assert_eq!(sum(store, &slot, at + 20, at + 9999).await, Figures::default());
    assert_eq!(sum(store, &node, at, at + 10).await, of_node);
    let both = store.figures_read(&[slot, other], at, at + 10).await.unwrap();
    assert_eq!(both.len(), 3);
}

pub(super) async fn how_far_processes_were_heard_is_kept_with_their_figures(world: &World) {
    let store = &world.store;
    let points = HashMap::from([((FiguresOf::Slot(world.slot.clone()), start()), requests(1))]);
    let large = u64::MAX >> 1;
    for (part, heard, seconds) in [
        (1, [(large, 3), (8, 1)].into(), 0),
        (2, HashMap::from([(large, 4)]), 100),
        (2, [(9, 9)].into(), 100),
    ] {
        let batch = FiguresBatch { part, points: &points, heard: &heard, now: start() + seconds };
        // The last one has the number of another: neither its figures nor what was heard are there.
        assert_eq!(store.figures_write(&batch).await.is_err(), heard.contains_key(&9));
    }
    assert_eq!(store.figures_heard().await.unwrap(), HashMap::from([(large, 4), (8, 1)]));
    store.figures_heard_forget(start() + 50).await.unwrap();
    assert_eq!(store.figures_heard().await.unwrap(), HashMap::from([(large, 4)]));
}

pub(super) async fn what_grows_old_becomes_coarser_and_nothing_of_it_is_lost(world: &World) {
    let (store, slot) = (&world.store, FiguresOf::Slot(world.slot.clone()));
    let other = FiguresOf::Node(world.node.clone());
    let day = start() - start() % DAY;
    let mut part = 1;
    for owner in [&slot, &other] {
        let points = (0..900).map(|index| (owner.clone(), day + index * 10, requests(index % 5))).collect();
        write(store, part, points).await;
        part += 1;
    }
    let whole = sum(store, &slot, day, day + 40 * DAY).await;
    let in_a_minute = sum(store, &slot, day + 120, day + 180).await;
    let in_a_quarter = sum(store, &slot, day + 900, day + 1800).await;
    assert_eq!(rows(world, 10).await, 1800);

    // One owner at a time, and the next time it begins anew.
    let roll_up = async |now: u64| {
        let mut last = None;
        loop {
            last = store.figures_roll_up(last.as_deref(), now, 1).await.unwrap();
            if last.is_none() {
                return;
            }
        }
    };
    roll_up(day + 4 * HOUR + 1).await;
    // Two hours have become two rows; the half hour after them is too new.
    assert_eq!((rows(world, 10).await, rows(world, 60).await), (2 * 180, 4));
    assert_eq!(sum(store, &slot, day, day + 40 * DAY).await, whole);
    assert_eq!(sum(store, &slot, day + 120, day + 180).await, in_a_minute);

    // An ingress that was away tells of the first hour only now.
    write(store, part, vec![(slot.clone(), day + 120, requests(70))]).await;
    let mut whole = whole;
    whole.add(&requests(70));
    roll_up(day + 5 * HOUR).await;
    roll_up(day + 5 * HOUR).await;
    assert_eq!((rows(world, 10).await, rows(world, 60).await), (0, 6));
    assert_eq!(sum(store, &slot, day, day + 40 * DAY).await, whole);

    roll_up(day + 3 * DAY + 1).await;
    assert_eq!((rows(world, 60).await, rows(world, 900).await), (0, 2));
    assert_eq!(sum(store, &slot, day, day + 40 * DAY).await, whole);
    assert_eq!(sum(store, &slot, day + 900, day + 1800).await, in_a_quarter);
    roll_up(day + 31 * DAY).await;
    assert_eq!(sum(store, &slot, day, day + 40 * DAY).await, whole);
    roll_up(day + 32 * DAY + 1).await;
    assert_eq!(rows(world, 900).await, 0);
}

pub(super) async fn figures_go_with_what_they_are_of(world: &World) {
    let (store, slot) = (&world.store, FiguresOf::Slot(world.slot.clone()));
    let node = FiguresOf::Node(world.node.clone());
    write(store, 1, vec![(slot.clone(), start(), requests(1)), (node.clone(), start(), requests(2))]).await;
    store.rest_changed(&world.slot, &DeploymentId::from_random(1), Rest::Frozen, now()).await.unwrap();
    store.slot_delete(&world.slot).await.unwrap();
    assert_eq!(sum(store, &slot, 0, u64::MAX >> 1).await, Figures::default());
    let between = (now(), after(99));
    assert_eq!(store.rests_of(std::slice::from_ref(&world.slot), between, 9).await.unwrap(), []);
    assert_eq!(sum(store, &node, 0, u64::MAX >> 1).await, requests(2));
    store.node_remove(&world.node, false).await.unwrap();
    assert_eq!(rows(world, 10).await, 0);
    store.node_remove(&NodeId::new(now(), 77), false).await.unwrap_err();
}

pub(super) async fn when_a_service_slept_and_how_deeply(world: &World) {
    let store = &world.store;
    let one = DeploymentId::from_random(1);
    let change = async |rest, second| {
        store.rest_changed(&world.slot, &one, rest, after(second)).await.unwrap();
    };
    change(Rest::Awake, 0).await;
    change(Rest::Frozen, 10).await;
    change(Rest::Frozen, 12).await;
    change(Rest::Stopped, 20).await;
    change(Rest::Awake, 30).await;
    change(Rest::Frozen, 40).await;
    change(Rest::Awake, 40).await;
    change(Rest::Stopped, 40).await;
    let naps = async |from, to| {
        let slots = [world.slot.clone(), SlotId::new(now(), 5)];
        let naps = store.rests_of(&slots, (after(from), after(to)), 2).await.unwrap();
        let second = |at: Timestamp| at.as_second() - now().as_second();
        naps.into_iter()
            .map(|nap| (nap.depth, second(nap.began_at), nap.ended_at.map(second)))
            .collect::<Vec<_>>()
    };
    let (frozen, stopped) = ((Rest::Frozen, 10, Some(20)), (Rest::Stopped, 20, Some(30)));
    assert_eq!(naps(0, 35).await, [frozen, stopped]);
    assert_eq!(naps(0, 15).await, [frozen]);
    assert_eq!(naps(25, 35).await, [stopped]);
    assert_eq!(naps(31, 35).await, []);
    assert_eq!(naps(41, 99).await, [(Rest::Stopped, 40, None)]);
    while store.rests_forget(after(25), 1).await.unwrap() {}
    assert_eq!(naps(0, 35).await, [stopped]);
}

pub(super) async fn what_went_live_is_marked(world: &World) {
    let store = &world.store;
    let first = world.provisioning(1).await;
    world.advance(&first, Event::Promoted).await.unwrap();
    world.provisioning(2).await;
    let live = async |from, to| {
        let slots = std::slice::from_ref(&world.slot);
        let live = store.deployments_gone_live(slots, (after(from), after(to)), 9).await.unwrap();
        live.into_iter().map(|live| (live.id, live.number)).collect::<Vec<_>>()
    };
    assert_eq!(live(-5, 5).await, [(first.clone(), 1)]);
    assert_eq!(live(1, 5).await, []);
    assert_eq!(store.deployment_slot(&first).await.unwrap(), Some(world.slot.clone()));
    assert_eq!(store.deployment_slot(&DeploymentId::from_random(7)).await.unwrap(), None);
}
