//! Who may build next.
//!
//! At most so many builds at once, and fair across projects (`pierhead-model`, `queue`).

use std::sync::Arc;

use parking_lot::Mutex;
use pierhead_model::id::ProjectId;
use pierhead_model::queue::Turns;
use tokio::sync::oneshot;

#[derive(Debug)]
struct State {
    free: usize,
    turns: Turns<ProjectId>,
    /// In the order of arrival.
    waiting: Vec<(ProjectId, oneshot::Sender<Place>)>,
}

/// The places there are for builds.
#[derive(Debug, Clone)]
pub(crate) struct BuildQueue {
    state: Arc<Mutex<State>>,
}

/// A place; dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Place {
    project: ProjectId,
    queue: BuildQueue,
}

impl BuildQueue {
    pub(crate) fn new(places: usize) -> Self {
        let state = State { free: places.max(1), turns: Turns::default(), waiting: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a place. Cancel-safe: who stops waiting is passed over.
    pub(crate) async fn enter(&self, project: ProjectId) -> Option<Place> {
        let (sender, receiver) = oneshot::channel();
        self.state.lock().waiting.push((project, sender));
        self.hand_out();
        receiver.await.ok()
    }

    fn hand_out(&self) {
        loop {
            let (project, sender) = {
                let mut state = self.state.lock();
                state.waiting.retain(|(_, sender)| !sender.is_closed());
                if state.free == 0 {
                    return;
                }
                let Some(next) = state.turns.next(&state.waiting, |(project, _)| project) else { return };
                let (project, sender) = state.waiting.remove(next);
                state.free -= 1;
                state.turns.begin(&project);
                (project, sender)
            };
            // Who has just stopped waiting gives the place back by dropping it.
            drop(sender.send(Place { project, queue: self.clone() }));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.queue.state.lock();
            state.free += 1;
            state.turns.end(&self.project);
        }
        self.queue.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use pierhead_model::Timestamp;

    use super::*;

    fn project(number: u128) -> ProjectId {
        ProjectId::new(Timestamp::UNIX_EPOCH, number)
    }

    #[tokio::test]
    async fn a_busy_project_delays_another_by_one_build_at_most() {
        let queue = BuildQueue::new(1);
        let first = queue.enter(project(1)).await.unwrap();
        let mut busy: Vec<_> = (0..5).map(|_| Box::pin(queue.enter(project(1)))).collect();
        for waiting in &mut busy {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut other = Box::pin(queue.enter(project(2)));
        assert!(other.as_mut().now_or_never().is_none());
        drop(first);
        assert!(busy.remove(0).now_or_never().is_none(), "it has just been its turn");
        let place = other.now_or_never().unwrap().unwrap();
        drop(place);
        assert!(busy.remove(0).now_or_never().unwrap().is_some(), "then whoever waited longest");
    }

    #[tokio::test]
    async fn who_stops_waiting_is_passed_over() {
        let queue = BuildQueue::new(1);
        let place = queue.enter(project(1)).await.unwrap();
        let mut gone = Box::pin(queue.enter(project(2)));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut patient = Box::pin(queue.enter(project(3)));
        assert!(patient.as_mut().now_or_never().is_none());
        drop(gone);
        drop(place);
        assert!(patient.now_or_never().unwrap().is_some());
    }
}
