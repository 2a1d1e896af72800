//! How long it takes to write and to read figures of ten thousand series, on SQLite.
//!
//! A measurement, not a promise: `cargo test --release -p pierhead-store --test figures_speed -- --ignored --nocapture`.
//! What it prints is in `docs/performance.md`.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pierhead_model::Timestamp;
use pierhead_model::figures::{Figures, Range, Traffic, Usage};
use pierhead_model::id::SlotId;
use pierhead_store::{FiguresBatch, FiguresOf, Options, Store};

const NOW: u64 = 1_800_000_000;
/// Each with the traffic and the usage of two services: four series.
const SLOTS: u64 = 2_500;
/// How long all of them are visited, in seconds.
const EVERYBODY: u64 = 600;

fn slot(number: u64) -> FiguresOf {
    FiguresOf::Slot(SlotId::new(Timestamp::UNIX_EPOCH, u128::from(number)))
}

/// What a slot that is visited gives in ten seconds.
fn figures(seed: u64) -> Figures {
    let mut figures = Figures::default();
    for (index, service) in ["web", "api"].into_iter().enumerate() {
        let mut traffic = Traffic {
            answers: [0, 0, 90 + seed % 9, 4, seed % 3, 0],
            bytes: 70_000 + seed,
            ..Traffic::default()
        };
        (0..90).for_each(|number| traffic.took.record(900 + (number * number + seed) % 9000));
        figures.traffic.insert(service.to_owned(), traffic);
        let usage = Usage {
            samples: 2,
            cpu_ms: 800 + seed % 99,
            memory: 70_000_000 + seed + index as u64,
            memory_limit: 512 << 20,
            ..Usage::default()
        };
        figures.usage.insert(service.to_owned(), usage);
    }
    figures
}

async fn write(store: &Store, part: u64, at: u64, slots: impl Iterator<Item = u64>) -> Duration {
    let points: HashMap<_, _> = slots.map(|number| ((slot(number), at), figures(number + at))).collect();
    let heard = HashMap::from([(1, part)]);
    let begun = Instant::now();
    store.figures_write(&FiguresBatch { part, points: &points, heard: &heard, now: at }).await.unwrap();
    begun.elapsed()
}

async fn read(store: &Store, length: u64) -> (usize, Duration) {
    let begun = Instant::now();
    let range = Range::cover(NOW - length, NOW, NOW).unwrap();
    let points = store.figures_read(&[slot(7)], range.from, range.to).await.unwrap();
    let steps = range.fold(points.iter().map(|(at, figures)| (*at, figures)));
    assert!(steps.iter().any(|step| !step.is_empty()));
    (points.len(), begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of some minutes"]
async fn ten_thousand_series() {
    let folder = tempfile::tempdir().unwrap();
    let database_url = format!("sqlite://{}/store.db", folder.path().display());
    let store = Store::open(&Options { database_url, data_dir: folder.path().into() }).await.unwrap();
    let mut part = 0;
    // A month of one slot in the coarse tiers: what is old is rolled up on the way, as it is when time passes.
    for day in (0..30).rev() {
        for quarter in 0..96 {
            let at = NOW - NOW % 86_400 - day * 86_400 + quarter * 900;
            if at < NOW {
                part += 1;
                write(&store, part, at, 7..8).await;
            }
        }
        store.figures_roll_up(None, NOW - day * 86_400, 10).await.unwrap();
    }
    // Two hours of it in the finest steps, and the last minutes of everybody.
    let mut batches = Vec::new();
    for at in (NOW - 7200..NOW).step_by(10) {
        part += 1;
        if at < NOW - EVERYBODY {
            write(&store, part, at, 7..8).await;
        } else {
            batches.push(write(&store, part, at, 0..SLOTS).await);
        }
    }
    batches.sort_unstable();
    let longest = batches.last().unwrap();
    println!("a batch of {SLOTS} slots: median {:?}, longest {longest:?}", batches[batches.len() / 2]);
    for (name, length) in
        [("15 m", 900), ("1 h", 3600), ("2 h", 7200), ("24 h", 86_400), ("30 d", 30 * 86_400)]
    {
        let mut times = Vec::new();
        let mut points = 0;
        for _ in 0..21 {
            let (found, time) = read(&store, length).await;
            points = found;
            times.push(time);
        }
        times.sort_unstable();
        println!("{name} of a slot: {points} points, median {:?}, longest {:?}", times[10], times[20]);
    }
    let begun = Instant::now();
    let (mut last, mut longest) = (None, Duration::ZERO);
    loop {
        let one = Instant::now();
        last = store.figures_roll_up(last.as_deref(), NOW + 3 * 3600, 20).await.unwrap();
        longest = longest.max(one.elapsed());
        if last.is_none() {
            break;
        }
    }
    println!("rolling up what was written: {:?}, 20 slots at a time, at most {longest:?}", begun.elapsed());
    let size = fs_err::metadata(folder.path().join("store.db")).unwrap().len();
    println!("the database: {} MB", size / 1_000_000);
}
