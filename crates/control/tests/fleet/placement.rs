//! Where deployments go, and what happens when there is no room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pierhead_model::deployment::{Reason, State};

use pierhead_wire::version::Version;

use crate::agent::Pretended;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn services_spread_and_without_room_they_fail_at_once_with_the_numbers() {
    let mut world = World::start().await;
    for name in ["one", "two", "three"] {
        world.join(name, Pretended::default()).await;
    }
    world.until_online(3).await;
    let mut per_node = BTreeMap::<String, usize>::new();
    for number in 0..24 {
        let name = format!("shop-{number}");
        world.project(&name, 1024).await;
        let live = world.deploy(&name).await;
        assert_eq!(live.state, State::Production, "{live:?}");
        *per_node.entry(live.node.unwrap().to_string()).or_default() += 1;
    }
    assert_eq!(
        per_node.values().copied().collect::<Vec<_>>(),
        [8, 8, 8],
        "twice the memory of each is promised"
    );
    for node in world.nodes().await.into_iter().filter(|node| node.name != "local") {
        assert_eq!((node.promised.memory_mb, node.promised.deployments), (8192, 8));
    }

    world.project("last", 1024).await;
    let refused = world.deploy("last").await;
    let failure = refused.failure.unwrap();
    assert_eq!((refused.state, &failure.reason, refused.node), (State::Failed, &Reason::NoCapacity, None));
    assert!(failure.detail.contains("three has promised 8192 MiB of the 8192 MiB"), "{}", failure.detail);

    // What ends gives its room back.
    world.services.projects.delete(&world.admin, "shop-0").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.services.projects.get(&world.admin, "shop-0").await.is_ok() {
        assert!(Instant::now() < deadline, "the project stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.deploy("last").await.state, State::Production);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_counts_beside_what_is_promised() {
    let mut world = World::start().await;
    world.join("full", Pretended { used_memory_mb: 4000, ..Pretended::default() }).await;
    world.until_online(1).await;
    world.project("shop", 512).await;
    let refused = world.deploy("shop").await;
    let detail = refused.failure.unwrap().detail;
    assert!(detail.contains("full has 96 MiB of memory free of 4096 MiB"), "{detail}");
    world.join("free", Pretended::default()).await;
    world.until_online(2).await;
    assert_eq!(world.deploy("shop").await.state, State::Production);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_node_it_waits_and_goes_on_when_one_comes() {
    let mut world = World::start().await;
    world.project("shop", 512).await;
    let id = world.accept("shop").await;
    let waiting = world.services.deployments.get(&world.admin, &id).await.unwrap();
    assert_eq!(waiting.state, State::Queued);
    world.join("late", Pretended::default()).await;
    assert_eq!(world.settled(&id).await.state, State::Production);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cordoned_node_gets_nothing_new_and_a_drained_one_is_left() {
    let mut world = World::start().await;
    let one = world.join("one", Pretended::default()).await;
    world.until_online(1).await;
    for name in ["shop", "blog"] {
        world.project(name, 512).await;
        assert_eq!(world.deploy(name).await.node.as_ref(), Some(&one));
    }
    let two = world.join("two", Pretended::default()).await;
    world.until_online(2).await;

    let cordoned = world.services.environments.cordon(&world.admin, "one").await.unwrap();
    assert_eq!((cordoned.status, cordoned.schedulable), ("cordoned", false));
    world.project("new", 512).await;
    assert_eq!(world.deploy("new").await.node.as_ref(), Some(&two), "the other one");
    world.services.environments.uncordon(&world.admin, "one").await.unwrap();

    world.services.environments.drain(&world.admin, "one").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let nodes = world.nodes().await;
        let left = nodes.iter().find(|node| node.name == "one").unwrap().promised.deployments;
        if left == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{left} deployments stay");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for name in ["shop", "blog"] {
        let live = world.services.projects.get(&world.admin, name).await.unwrap().live.unwrap();
        let live = world.services.deployments.get(&world.admin, live.as_str()).await.unwrap();
        assert_eq!(
            (live.state, live.node.as_ref(), live.trigger.as_str()),
            (State::Production, Some(&two), "drain")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agt_4_an_agent_of_another_version_keeps_what_it_runs_and_gets_nothing_new() {
    let mut world = World::start().await;
    let node = world.join("far", Pretended::default()).await;
    world.until_online(1).await;
    world.project("shop", 512).await;
    let live = world.deploy("shop").await;
    assert_eq!(live.state, State::Production);

    // It was upgraded, and the control plane was not.
    world.cut(&node);
    world.connect(&node, Pretended { protocol: Version::current().protocol + 1, ..Pretended::default() });
    let shown = world.until_node("far", |node| node.status == "incompatible").await;
    let problem = shown.problem.unwrap();
    assert_eq!(problem.code, "incompatible");
    assert!(problem.detail.ends_with("upgrade the control plane"), "{}", problem.detail);

    world.project("blog", 512).await;
    let waiting = world.accept("blog").await;
    // What is live stays so, and can be stopped.
    world.services.projects.delete(&world.admin, "shop").await.unwrap();
    world.until_node("far", |node| node.promised.deployments == 0).await;
    let blog = world.services.deployments.get(&world.admin, &waiting).await.unwrap();
    assert_eq!((blog.state, blog.node), (State::Queued, None), "it was not placed there");

    world.cut(&node);
    world.connect(&node, Pretended::default());
    assert_eq!(world.settled(&waiting).await.state, State::Production);
    assert!(world.until_node("far", |node| node.status == "online").await.problem.is_none());
}
