//! The ingresses on other machines that are connected, and why those that are not are not.
//!
//! One name may be connected several times: the process that starts anew is there before the connection of the old one is found
//! to be dead. A connection ends when its entry is taken away.

use std::collections::HashMap;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::IngressId;
use pierhead_wire::link::handshake::HandshakeError;
use tokio::sync::watch;

use super::state::LinkState;

#[derive(Debug, Default)]
pub(crate) struct Guests(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    connections: HashMap<IngressId, Vec<Entry>>,
    problems: HashMap<IngressId, LinkState>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    /// `None` for the connection that carries content and traffic.
    guest: Option<Guest>,
    /// Dropped with the entry.
    _end: watch::Sender<()>,
}

/// What is known of an ingress that is connected.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) since: Timestamp,
    /// The version of Pierhead it runs.
    pub(crate) release: String,
}

/// One connection. Dropping it says that it has ended.
#[derive(Debug)]
pub(super) struct Stay<'a> {
    guests: &'a Guests,
    id: IngressId,
    number: u64,
    end: watch::Receiver<()>,
}

impl Guests {
    pub(super) fn enter(&self, id: &IngressId, guest: Option<Guest>) -> Stay<'_> {
        let (sender, end) = watch::channel(());
        let mut state = self.0.lock();
        state.last += 1;
        let number = state.last;
        if guest.is_some() {
            state.problems.remove(id);
        }
        state.connections.entry(id.clone()).or_default().push(Entry { number, guest, _end: sender });
        Stay { guests: self, id: id.clone(), number, end }
    }

    /// The one that came last.
    pub(crate) fn connected(&self, id: &IngressId) -> Option<Guest> {
        self.0.lock().connections.get(id)?.iter().rev().find_map(|entry| entry.guest.clone())
    }

    pub(crate) fn problem(&self, id: &IngressId) -> Option<LinkState> {
        self.0.lock().problems.get(id).cloned()
    }

    pub(super) fn failed(&self, id: &IngressId, error: &HandshakeError, shown: Option<Digest>) {
        self.0.lock().problems.insert(id.clone(), LinkState::of(error, shown));
    }

    /// Ends everything that it has here, and forgets what was wrong.
    pub(crate) fn disconnect(&self, id: &IngressId) {
        let mut state = self.0.lock();
        state.connections.remove(id);
        state.problems.remove(id);
    }
}

impl Stay<'_> {
    /// Returns when this ingress is not wanted here any more.
    pub(super) async fn ended(&mut self) {
        while self.end.changed().await.is_ok() {}
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        let mut state = self.guests.0.lock();
        if let Some(entries) = state.connections.get_mut(&self.id) {
            entries.retain(|entry| entry.number != self.number);
            if entries.is_empty() {
                state.connections.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(release: &str) -> Option<Guest> {
        Some(Guest { since: Timestamp::UNIX_EPOCH, release: release.to_owned() })
    }

    #[tokio::test]
    async fn who_comes_again_stays_when_the_old_connection_goes_and_all_end_together() {
        let guests = Guests::default();
        let id = IngressId::new(Timestamp::UNIX_EPOCH, 1);
        assert!(guests.connected(&id).is_none());
        let old = guests.enter(&id, guest("1"));
        guests.failed(&id, &HandshakeError::TimedOut, None);
        let mut new = guests.enter(&id, guest("2"));
        assert!(guests.problem(&id).is_none(), "it is well now");
        let mut streams = guests.enter(&id, None);
        drop(old);
        assert_eq!(guests.connected(&id).unwrap().release, "2");
        guests.disconnect(&id);
        assert!(guests.connected(&id).is_none());
        new.ended().await;
        streams.ended().await;
        // What is dropped late takes nobody else's place away.
        let _again = guests.enter(&id, guest("3"));
        drop(new);
        assert!(guests.connected(&id).is_some());
    }
}
