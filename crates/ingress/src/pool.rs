//! Idle connections to one endpoint, the most recently used on top.
//!
//! Taking the youngest keeps few connections busy and lets the rest grow old and be closed. A connection is put back only
//! after an answer that ended cleanly; whatever went wrong on one ends with it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::upstream::{State, Upstream};

/// Idle connections that are kept; more than this are closed.
const CAPACITY: usize = 256;
/// Many servers close after five seconds, some much later; nobody needs an idle connection for longer than this.
const LIFETIME: Duration = Duration::from_secs(30);
/// Connections that are looked at to find one that is ready: one that was put back this moment may still be finishing.
const LOOKS: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<(Upstream, Instant)>,
    retired: bool,
}

impl Pool {
    /// A connection that is ready and was used at most `unused` ago.
    pub(crate) fn take(&self, now: Instant, unused: Duration) -> Option<Upstream> {
        let mut idle = self.idle.lock();
        let mut position = idle.connections.len();
        let mut looks = 0;
        while position > 0 && looks < LOOKS {
            position -= 1;
            let (upstream, since) = idle.connections.get_mut(position)?;
            let idle_for = now.saturating_duration_since(*since);
            if idle_for > unused {
                return None;
            }
            match upstream.state(idle_for) {
                State::Ready => return Some(idle.connections.remove(position).0),
                State::Closed => drop(idle.connections.remove(position)),
                State::Busy => looks += 1,
            }
        }
        None
    }

    pub(crate) fn put(&self, upstream: Upstream, now: Instant) {
        if upstream.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        if !idle.retired && idle.connections.len() < CAPACITY {
            idle.connections.push((upstream, now));
        }
    }

    /// Closes what nobody has used for long, and lets go of what was closed.
    pub(crate) fn sweep(&self, now: Instant) {
        self.idle.lock().connections.retain_mut(|(upstream, since)| {
            let idle_for = now.saturating_duration_since(*since);
            idle_for < LIFETIME && upstream.state(idle_for) != State::Closed
        });
    }

    /// Closes everything and keeps nothing from now on.
    pub(crate) fn retire(&self) {
        let mut idle = self.idle.lock();
        idle.retired = true;
        idle.connections.clear();
    }

    pub(crate) fn reopen(&self) {
        self.idle.lock().retired = false;
    }
}
