//! High load for a while, with 50,000 routes that change twenty times a second: no visitor sees an error, and memory does not grow.
//!
//! Fifteen seconds among the other tests; `make soak` runs it for ten minutes (`PIERHEAD_SOAK_S`), optimised.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pierhead_wire::route::Route;

use crate::support::{TestIngress, service};
use crate::upstream::App;

const ROUTES: usize = 50_000;
/// Hosts that are visited and do not change.
const FAR: usize = 2_000;
const VISITORS: usize = 16;
const CHANGES_PER_SECOND: u32 = 20;
/// What memory may grow by in the last two thirds: fragments, tables that are just being replaced.
const GROWTH_BYTES: u64 = 48 << 20;
/// Pools are looked through every fifteen seconds: before some of that is over, it still grows.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

fn host(number: usize) -> String {
    format!("app-{number}.example.test")
}

/// The route of a version: each has a deployment of its own.
fn route(number: usize, version: usize, apps: &[App]) -> Route {
    let deployment = format!("{}{number:05}{:04}", 1 + version % 2, version % 10_000);
    service(&host(number), &deployment, &[apps[version % apps.len()].address])
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

fn duration() -> Duration {
    let seconds = std::env::var("PIERHEAD_SOAK_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_twenty_changes_a_second_among_fifty_thousand_routes() {
    let apps = [App::start("A").await, App::start("B").await, App::start("C").await];
    let mut ingress = TestIngress::start_with(|options| {
        // What left the table lets go of its connections within the time that is measured.
        options.drain_timeout = Duration::from_secs(2);
    })
    .await;
    ingress.table((0..ROUTES).map(|number| route(number, 0, &apps)).collect()).await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let address = ingress.handle.local_addr();
    let visitors: Vec<_> = (0..VISITORS)
        .map(|visitor| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut connection = crate::client::Visitor::connect(address).await;
                let mut number = visitor * 7919;
                while !stop.load(Ordering::Relaxed) {
                    // Most visits go to few hosts, which are also those that change. The others are not all of them: a host that is
                    // visited for the first time has a pool of its own from then on, which would look like a leak.
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let draw = number >> 33;
                    let target = if draw % 4 == 0 { draw % FAR * (ROUTES / FAR) } else { draw % 200 };
                    let answer = connection.get(&host(target), "/", &[]).await;
                    assert_eq!(answer.status, 200, "{}: {}", host(target), answer.text());
                    assert!(["A", "B", "C"].contains(&answer.text().as_str()), "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (began, length) = (Instant::now(), duration());
    let mut settled = None;
    // Resident memory, in MiB, ten times on the way.
    let mut course = Vec::new();
    let mut version = 0;
    let mut tick = tokio::time::interval(Duration::from_secs(1) / CHANGES_PER_SECOND);
    while began.elapsed() < length {
        tick.tick().await;
        version += 1;
        let changed = (0..5).map(|part| route((version * 5 + part) % 200, version, &apps)).collect();
        ingress.change(changed, vec![]).await;
        ingress.drained.clear();
        if began.elapsed() > length / 10 * (course.len() as u32 + 1) {
            course.push(resident() >> 20);
        }
        if settled.is_none() && began.elapsed() > length / 3 {
            settled = Some(resident());
        }
        if let Some(gone) = visitors.iter().position(|visitor| visitor.is_finished()) {
            panic!("visitor {gone} saw an error");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.await.unwrap();
    }
    let (settled, now, visits) = (settled.unwrap(), resident(), answered.load(Ordering::Relaxed));
    println!(
        "{visits} visits and {version} changes in {:?}: {} MiB, {} MiB a third in, {course:?} on the way; {:?}",
        began.elapsed(),
        now >> 20,
        settled >> 20,
        ingress.handle.counts(),
    );
    assert!(visits > 1_000 && version > 10, "{visits} {version}");
    let bound = if length / 3 >= SETTLED_AFTER { GROWTH_BYTES } else { 4 * GROWTH_BYTES };
    assert!(now < settled + bound, "grew from {settled} to {now} bytes");
    let counts = ingress.handle.counts();
    assert_eq!((counts.answers[5], counts.upstream_errors), (0, 0), "{counts:?}");
}
