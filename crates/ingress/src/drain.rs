//! Counting what a deployment is answering, and knowing when it is done.
//!
//! A request looks its route up, *then* enters the deployment. Between the two the deployment may leave the table, find
//! nothing in flight and be stopped. So entering counts first and looks at `leaving` afterwards, while leaving is marked first
//! and the count is looked at afterwards: whatever the interleaving, either the request sees that it must look its route up
//! again, or the drain sees the request. (Both sides need sequential consistency for that.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pierhead_model::id::DeploymentId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One deployment that is, or was, in the table.
#[derive(Debug)]
pub(crate) struct Tracker {
    deployment: DeploymentId,
    in_flight: AtomicUsize,
    leaving: AtomicBool,
    finished: Notify,
    cut: CancellationToken,
    /// Something entered since this was last looked at.
    touched: AtomicBool,
    /// The control plane was asked to wake it.
    wake_asked: AtomicBool,
    /// It does not sleep as it did before: whoever waits looks its route up again.
    woken: Notify,
}

/// Why a request may not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The deployment has just left the table: look the route up again.
    Leaving,
    /// It is answering as many requests as it may.
    Full,
}

/// One request or tunnel in flight; dropping it ends the count.
#[derive(Debug)]
pub(crate) struct InFlight {
    tracker: Arc<Tracker>,
}

impl Tracker {
    pub(crate) fn new(deployment: DeploymentId) -> Arc<Self> {
        Arc::new(Self {
            deployment,
            in_flight: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            finished: Notify::new(),
            cut: CancellationToken::new(),
            touched: AtomicBool::new(false),
            wake_asked: AtomicBool::new(false),
            woken: Notify::new(),
        })
    }

    pub(crate) const fn deployment(&self) -> &DeploymentId {
        &self.deployment
    }

    pub(crate) fn enter(self: &Arc<Self>, at_most: usize) -> Result<InFlight, Refused> {
        let before = self.in_flight.fetch_add(1, Ordering::SeqCst);
        let entered = InFlight { tracker: Arc::clone(self) };
        if self.leaving.load(Ordering::SeqCst) {
            return Err(Refused::Leaving);
        }
        if before >= at_most {
            return Err(Refused::Full);
        }
        // A store only when it changes something: the line is shared by all cores.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
        Ok(entered)
    }

    /// Enters even when the deployment is leaving, for a request that has nowhere else to go.
    pub(crate) fn enter_anyway(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight { tracker: Arc::clone(self) }
    }

    /// The deployment is not in the table any more.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    /// The deployment is in the table again.
    pub(crate) fn stay(&self) {
        self.leaving.store(false, Ordering::SeqCst);
    }

    /// Waits until nothing is in flight. Meaningful after [`Tracker::leave`].
    pub(crate) async fn finished(&self) {
        loop {
            let finished = self.finished.notified();
            if self.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            finished.await;
        }
    }

    /// Whether somebody needs it, or did since this was asked last.
    pub(crate) fn was_needed(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed) || self.in_flight.load(Ordering::SeqCst) > 0
    }

    /// Whether anything is in flight.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst) > 0
    }

    /// Whether it is this caller who has to ask for it to be woken.
    pub(crate) fn is_first_to_ask(&self) -> bool {
        !self.wake_asked.load(Ordering::Relaxed) && !self.wake_asked.swap(true, Ordering::Relaxed)
    }

    /// It sleeps, or is awake, in another way than before.
    pub(crate) fn rest_changed(&self) {
        self.wake_asked.store(false, Ordering::Relaxed);
        self.woken.notify_waiters();
    }

    /// Resolves when that happens. It counts from the first poll, or from `enable`.
    pub(crate) fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.woken.notified()
    }

    /// The drain time is over: tunnels end now.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }
}

impl InFlight {
    /// Resolves when the drain time is over.
    pub(crate) async fn cut(&self) {
        self.tracker.cut.cancelled().await;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.tracker.in_flight.fetch_sub(1, Ordering::SeqCst) == 1
            && self.tracker.leaving.load(Ordering::SeqCst)
        {
            self.tracker.finished.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker() -> Arc<Tracker> {
        Tracker::new("1aaaaaaaaa".parse().unwrap())
    }

    #[tokio::test]
    async fn is_finished_when_the_last_request_is() {
        let tracker = tracker();
        let first = tracker.enter(10).unwrap();
        let second = tracker.enter(10).unwrap();
        tracker.leave();
        assert_eq!(tracker.enter(10).unwrap_err(), Refused::Leaving);
        let waiting = tokio::spawn({
            let tracker = Arc::clone(&tracker);
            async move { tracker.finished().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
    }

    #[test]
    fn caps_and_counts_down() {
        let tracker = tracker();
        let held: Vec<_> = (0..2).map(|_| tracker.enter(2).unwrap()).collect();
        assert_eq!(tracker.enter(2).unwrap_err(), Refused::Full);
        drop(held);
        assert!(tracker.enter(2).is_ok());
    }

    #[test]
    fn may_come_back() {
        let tracker = tracker();
        tracker.leave();
        assert!(tracker.enter(1).is_err());
        tracker.stay();
        assert!(tracker.enter(1).is_ok());
    }
}
