//! What is to be said to the control plane.
//!
//! Applying a table must never wait for a control plane that is slow to listen (it may be busy sending to us), so what is to
//! be said is kept here and merged: of several `Applied` only the last matters, one `WantTable` is as good as ten, and there
//! are never more `Drained` than deployments.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pierhead_model::id::DeploymentId;
use pierhead_wire::ingress_to_control::{IngressToControl, RouteCounts};
use tokio::sync::{Notify, mpsc};

use crate::windows::Windows;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: Mutex<Pending>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    want_table: bool,
    applied: Option<(u64, u64)>,
    answering: Option<u64>,
    drained: VecDeque<DeploymentId>,
    wake: BTreeSet<DeploymentId>,
    active: BTreeSet<DeploymentId>,
    windows: Windows,
}

impl Outbox {
    pub(crate) fn want_table(&self) {
        self.pending.lock().want_table = true;
        self.filled.notify_one();
    }

    pub(crate) fn applied(&self, epoch: u64, generation: u64) {
        self.pending.lock().applied = Some((epoch, generation));
        self.filled.notify_one();
    }

    pub(crate) fn answering(&self, version: u64) {
        self.pending.lock().answering = Some(version);
        self.filled.notify_one();
    }

    pub(crate) fn drained(&self, deployment: DeploymentId) {
        self.pending.lock().drained.push_back(deployment);
        self.filled.notify_one();
    }

    pub(crate) fn wake(&self, deployment: DeploymentId) {
        self.pending.lock().wake.insert(deployment);
        self.filled.notify_one();
    }

    pub(crate) fn active(&self, deployments: impl IntoIterator<Item = DeploymentId>) {
        self.pending.lock().active.extend(deployments);
        self.filled.notify_one();
    }

    /// Whether figures can be taken. They stay where they are counted otherwise.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.lock().windows.has_room()
    }

    /// What was counted until `at`, in Unix seconds.
    pub(crate) fn counted(&self, at: u64, counted: Vec<RouteCounts>) {
        self.pending.lock().windows.close(at, counted);
        self.filled.notify_one();
    }

    /// Figures up to this message are stored.
    pub(crate) fn stored(&self, run: u64, sequence: u64) {
        self.pending.lock().windows.stored(run, sequence);
    }

    /// The link may be a new one.
    pub(crate) fn rewind(&self) {
        if self.pending.lock().windows.rewind() {
            self.filled.notify_one();
        }
    }

    /// Says figures again that nobody acknowledged.
    pub(crate) fn check(&self, now: Instant) {
        if self.pending.lock().windows.check(now) {
            self.filled.notify_one();
        }
    }

    fn next(&self) -> Option<IngressToControl> {
        let mut pending = self.pending.lock();
        // Before `Applied`: a service is stopped when that is heard, unless somebody waits for it.
        if let Some(deployment) = pending.wake.pop_first() {
            return Some(IngressToControl::Wake { deployment });
        }
        if !pending.active.is_empty() {
            let deployments = std::mem::take(&mut pending.active).into_iter().collect();
            return Some(IngressToControl::Active { deployments });
        }
        if let Some((epoch, generation)) = pending.applied.take() {
            return Some(IngressToControl::Applied { epoch, generation });
        }
        if let Some(version) = pending.answering.take() {
            return Some(IngressToControl::Answering { version });
        }
        if std::mem::take(&mut pending.want_table) {
            return Some(IngressToControl::WantTable);
        }
        if let Some(deployment) = pending.drained.pop_front() {
            return Some(IngressToControl::Drained { deployment });
        }
        pending.windows.next(Instant::now())
    }

    /// Says everything, in order, until nobody listens any more.
    pub(crate) async fn deliver(self: Arc<Self>, link: mpsc::Sender<IngressToControl>) {
        loop {
            while let Some(message) = self.next() {
                if link.send(message).await.is_err() {
                    tracing::warn!("the link to the control plane has ended; serving the last table");
                    return;
                }
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn merges_what_repeats_and_keeps_what_does_not() {
        let outbox = Arc::new(Outbox::default());
        let [one, two] = ["1aaaaaaaaa", "2aaaaaaaaa"].map(|id| id.parse::<DeploymentId>().unwrap());
        outbox.applied(1, 1);
        outbox.applied(1, 2);
        outbox.want_table();
        outbox.want_table();
        outbox.drained(one.clone());
        outbox.drained(two.clone());
        let (sender, mut receiver) = mpsc::channel(8);
        let task = tokio::spawn(Arc::clone(&outbox).deliver(sender));
        let mut said = Vec::new();
        for _ in 0..4 {
            said.push(receiver.recv().await.unwrap());
        }
        assert_eq!(
            said,
            [
                IngressToControl::Applied { epoch: 1, generation: 2 },
                IngressToControl::WantTable,
                IngressToControl::Drained { deployment: one },
                IngressToControl::Drained { deployment: two },
            ]
        );
        drop(receiver);
        outbox.want_table();
        task.await.unwrap();
    }
}
