//! At most so many builds at once over all nodes, fair across projects.

use std::time::{Duration, Instant};

use pierhead_control::{DeploymentFilter, DeploymentView, PageRequest, WaitReason};
use pierhead_model::deployment::State;

use crate::agent::Pretended;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// Those that hold a place.
    async fn building(&self) -> Vec<DeploymentView> {
        let filter =
            DeploymentFilter { states: vec![State::Queued, State::Building], ..DeploymentFilter::default() };
        let page = PageRequest { limit: Some(200), ..PageRequest::default() };
        let listed = self.services.deployments.list(&self.admin, &filter, &page).await.unwrap();
        listed.items.into_iter().filter(|it| it.node.is_some()).collect()
    }

    /// Waits until one is built; there are never more than `limit`.
    async fn until_building(&self, id: &str, limit: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let building = self.building().await;
            assert!(building.len() <= limit, "{building:?}");
            if building.iter().any(|it| it.id.as_str() == id && it.state == State::Building) {
                return;
            }
            assert!(Instant::now() < deadline, "{id} is not built, but {building:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn waits(&self, id: &str) -> (WaitReason, Option<u64>) {
        let view = self.services.deployments.get(&self.admin, id).await.unwrap();
        let waiting = view.waiting.unwrap();
        assert_eq!(
            view.deadline.is_none(),
            waiting.reason == WaitReason::Turn,
            "who waits for a turn is not late"
        );
        (waiting.reason, waiting.position)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_take_turns_at_the_places_that_there_are() {
    let waits = Pretended { waits: true, ..Pretended::default() };
    let mut world = World::start_with(Some(1)).await;
    for name in ["one", "two"] {
        world.join(name, waits).await;
    }
    world.until_online(2).await;
    for name in ["busy", "calm"] {
        world.project(name, 256).await;
    }
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(world.accept("busy").await);
    }
    world.until_building(&busy[0], 1).await;
    let calm = world.accept("calm").await;
    for (id, position) in [(&calm, 1), (&busy[1], 2), (&busy[2], 3), (&busy[3], 4)] {
        assert_eq!(world.waits(id).await, (WaitReason::Turn, Some(position)));
    }

    // What is left before its turn takes no place.
    world.services.deployments.cancel(&world.admin, &busy[2]).await.unwrap();
    assert_eq!(world.settled(&busy[2]).await.state, State::Failed);
    let mut before = &busy[0];
    for next in [&calm, &busy[1], &busy[3]] {
        // Together more than an hour, which is not too long for who waits for a turn.
        world.pass(1_300);
        world.finish(before);
        world.until_building(next, 1).await;
        before = next;
    }
    world.finish(before);
    for id in [&busy[0], &busy[1], &busy[3], &calm] {
        assert!(!world.settled(id).await.state.is_in_progress());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_holds_its_place_for_a_minute_and_an_environment_without_nodes_none() {
    let waits = Pretended { waits: true, ..Pretended::default() };
    let mut world = World::start_with(Some(1)).await;
    let gone = world.join("gone", waits).await;
    world.until_online(1).await;
    for name in ["first", "second", "third"] {
        world.project(name, 256).await;
    }
    let first = world.accept("first").await;
    world.until_building(&first, 1).await;
    world.cut(&gone);
    world.until_node("gone", |node| node.status != "online").await;
    world.join("there", waits).await;
    world.until_online(1).await;
    let second = world.accept("second").await;
    assert_eq!(world.waits(&second).await, (WaitReason::Turn, Some(1)));

    world.pass(61);
    world.until_building(&second, 2).await;
    // It comes back with its build: then there are two, and nobody is let in beside them.
    world.connect(&gone, waits);
    world.until_online(2).await;
    let third = world.accept("third").await;
    world.finish(&second);
    assert_eq!(world.settled(&second).await.state, State::Production);
    world.finish(&first);
    world.until_building(&third, 1).await;
    world.finish(&third);
    assert_eq!(world.settled(&third).await.state, State::Production);
}
