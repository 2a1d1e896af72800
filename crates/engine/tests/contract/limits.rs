//! Memory and processes: over the limit is seen, counted and contained.

use std::{sync::Arc, time::Duration};

use pierhead_engine::{memory_watch::MemoryWatch, simulated::Act};

use super::{Lab, MIB, PATIENCE};

const PERIOD: Duration = Duration::from_millis(50);

pub(crate) async fn the_main_process_is_killed_for_memory(lab: &Lab) {
    let acts = [
        Act::HoldMemory { bytes: 20 * MIB },
        Act::Sleep { millis: 500 },
        Act::HoldMemory { bytes: 200 * MIB },
    ];
    let id = lab.start(&lab.spec("one", &acts)).await;
    let watch = MemoryWatch::start(Arc::clone(&lab.engine), id.clone(), PERIOD);
    let exit = lab.wait(&id).await;
    let seen = watch.finish().await;
    assert_eq!(exit.code, 137);
    assert!(seen.oom(&exit), "{seen:?} {exit:?}");
    assert_eq!(seen.limit, 64 * MIB);
    assert!((20 * MIB..=64 * MIB).contains(&seen.peak), "{seen:?}");
}

pub(crate) async fn a_childs_kill_is_counted(lab: &Lab) {
    let acts = [Act::ChildMemory { bytes: 200 * MIB }, Act::Sleep { millis: 500 }, Act::Exit { code: 3 }];
    let id = lab.start(&lab.spec("one", &acts)).await;
    let watch = MemoryWatch::start(Arc::clone(&lab.engine), id.clone(), PERIOD);
    let exit = lab.wait(&id).await;
    let seen = watch.finish().await;
    assert_eq!(exit.code, 3, "the main process lived on");
    assert!(seen.oom(&exit), "{seen:?} {exit:?}");
    assert!(seen.oom_kills >= 1, "{seen:?}");
}

pub(crate) async fn forks_are_bounded(lab: &Lab) {
    let mut spec = lab.spec("one", &[Act::Fork { count: 100 }]);
    spec.limits.pids = 16;
    let (exit, said) = lab.run(&spec).await;
    let started: u64 = said.trim().rsplit_once("started ").expect("said").1.parse().expect("number");
    assert!((1..16).contains(&started), "{said}");
    assert_eq!(exit.code, 0);
}

pub(crate) async fn samples_are_plausible(lab: &Lab) {
    let acts = [Act::HoldMemory { bytes: 30 * MIB }, Act::print("ready"), Act::Forever];
    let id = lab.start(&lab.spec("one", &acts)).await;
    lab.until_it_says(&id, "ready").await;
    let stats =
        tokio::time::timeout(PATIENCE, lab.engine.stats(&id)).await.expect("in time").expect("sampled");
    assert!((30 * MIB..64 * MIB).contains(&stats.working_set), "{stats:?}");
    assert!(stats.memory_peak.is_none_or(|peak| peak >= 30 * MIB), "{stats:?}");
    assert_eq!(stats.memory_limit, 64 * MIB);
    assert_eq!(stats.oom_kills, 0);
    assert!((1..=8).contains(&stats.pids), "{stats:?}");
}
