//! A thousand nodes, some of which come and go all the time.

use std::time::Instant;

use pierhead_model::deployment::State;
use rand::seq::IndexedRandom as _;

use crate::agent::Pretended;
use crate::world::World;

const NODES: usize = 1_000;
const DEPLOYMENTS: usize = 300;
/// Links that are cut, and come back, after each ten deployments.
const CHURN: usize = 20;

/// Resident memory of this process, in MiB.
fn resident_mb() -> usize {
    let pages = fs_err::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    (pages * 4096) >> 20
}

/// Processor time of this process so far, in seconds.
fn processor_s() -> f64 {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_agents_with_churn() {
    let mut world = World::start().await;
    let started = Instant::now();
    let mut nodes = Vec::new();
    for number in 0..NODES {
        nodes.push(world.join(&format!("node-{number}"), Pretended::default()).await);
    }
    world.until_online(NODES).await;
    let online = started.elapsed();
    let (memory, processor) = (resident_mb(), processor_s());

    let started = Instant::now();
    let mut accepted = Vec::new();
    for number in 0..DEPLOYMENTS {
        let name = format!("shop-{number}");
        world.project(&name, 512).await;
        accepted.push(world.accept(&name).await);
        if number % 10 == 9 {
            let some: Vec<_> = nodes.sample(&mut rand::rng(), CHURN).cloned().collect();
            for node in &some {
                world.cut(node);
            }
            for node in &some {
                world.connect(node, Pretended::default());
            }
        }
    }
    for id in &accepted {
        let ended = world.settled(id).await;
        assert_eq!(ended.state, State::Production, "{ended:?}");
    }
    let took = started.elapsed();
    world.until_online(NODES).await;
    eprintln!(
        "{NODES} nodes online after {online:.1?}, {memory} MiB resident; {DEPLOYMENTS} deployments with churn in {took:.1?}, \
         {:.1} s of processor time, {} MiB resident",
        processor_s() - processor,
        resident_mb()
    );
}
