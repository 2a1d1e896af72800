//! Crash points: places where a test makes the process die, to see that what comes after a restart is right.
//!
//! `crash_point!("promote.before")` is nothing in a release build. In a debug build the composition root may arm one point by
//! name (`PIERHEAD_CRASH_AT=promote.before:2` dies at the second pass); the process then aborts there: no destructor runs, no
//! buffer is flushed, exactly as with `kill -9`. `docs/reliability.md` lists the points, and a test drives every one.
//!
//! This is the one global of the crate: dying is a property of the process, not of a rule.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug)]
struct Armed {
    name: String,
    passes_left: AtomicU32,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Arms one crash point: `name` or `name:nth`. Only the first call counts.
pub fn arm(setting: &str) {
    let (name, nth) = match setting.rsplit_once(':') {
        Some((name, nth)) => (name, nth.parse().unwrap_or(1)),
        None => (setting, 1),
    };
    let armed = Armed { name: name.to_owned(), passes_left: AtomicU32::new(nth) };
    // A second arming is refused by the cell; the first stays in force.
    let _ = ARMED.set(armed);
}

/// Dies here if this point is armed and passed often enough.
pub fn reached(name: &str) {
    if let Some(armed) = ARMED.get()
        && armed.name == name
        && armed.passes_left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

/// A place where a test can make the process die.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        if cfg!(debug_assertions) {
            $crate::crash::reached($name);
        }
    };
}
