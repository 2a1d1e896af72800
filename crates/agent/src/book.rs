//! What was reported: the latest report of each deployment, durable before it is sent, sent until it is stored.
//!
//! The report is also how far a run has come: after a restart it goes on from the last report (a release that was reported
//! is not built again). Each deployment's worker is the only writer of its report.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::assignment::{Phase, Report};
use pierhead_model::id::DeploymentId;
use pierhead_model::release::Release;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::durable;

#[derive(Debug)]
struct Entry {
    report: Report,
    stored: u64,
    sent: Option<(u64, Instant)>,
}

/// The latest report of each deployment.
#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    entries: Mutex<HashMap<DeploymentId, Entry>>,
    changed: Arc<Notify>,
}

impl Book {
    /// `changed` is notified when there is something to send.
    pub(crate) fn open(folder: PathBuf, changed: Arc<Notify>) -> std::io::Result<Self> {
        let reports = durable::read_folder::<Report>(&folder)?;
        let entries = reports
            .into_iter()
            .map(|report| (report.deployment.clone(), Entry { report, stored: 0, sent: None }))
            .collect();
        Ok(Self { folder, entries: Mutex::new(entries), changed })
    }

    pub(crate) fn get(&self, deployment: &DeploymentId) -> Option<Report> {
        self.entries.lock().get(deployment).map(|entry| entry.report.clone())
    }

    pub(crate) fn all(&self) -> Vec<Report> {
        self.entries.lock().values().map(|entry| entry.report.clone()).collect()
    }

    /// Whether a process of some deployment answers at this address.
    pub(crate) fn has_instance_at(&self, address: SocketAddr) -> bool {
        self.entries.lock().values().any(|entry| entry.report.serves(address))
    }

    /// Changes a deployment's report. It is durable when this returns. A change that changes nothing is not reported.
    pub(crate) async fn update(
        &self,
        deployment: &DeploymentId,
        change: impl FnOnce(&mut Report),
    ) -> std::io::Result<Report> {
        let known = self.get(deployment);
        let mut report = known.clone().unwrap_or_else(|| Report::accepted(deployment.clone()));
        change(&mut report);
        if let Some(known) = &known {
            if report == *known {
                return Ok(report);
            }
            report.sequence = known.sequence + 1;
        }
        durable::write_json(self.file(deployment), &report).await?;
        {
            let mut entries = self.entries.lock();
            let entry = entries.entry(deployment.clone()).or_insert_with(|| Entry {
                report: report.clone(),
                stored: 0,
                sent: None,
            });
            entry.report = report.clone();
        }
        self.changed.notify_one();
        Ok(report)
    }

    /// Begins where a report ends that this node had made and lost. What ran by it cannot be relied on: it is to be started
    /// again from its release.
    pub(crate) async fn restore(&self, mut report: Report) -> std::io::Result<()> {
        let deployment = report.deployment.clone();
        let runs = report.release.as_ref().is_some_and(|release| !matches!(release, Release::Site(_)));
        if runs && report.phase == Phase::Healthy {
            report.phase = Phase::Released;
            report.instance = None;
        }
        report.sequence += 1;
        durable::write_json(self.file(&deployment), &report).await?;
        self.entries.lock().insert(deployment, Entry { report, stored: 0, sent: None });
        self.changed.notify_one();
        Ok(())
    }

    /// The control plane has this report on its disk.
    pub(crate) fn stored(&self, deployment: &DeploymentId, sequence: u64) {
        if let Some(entry) = self.entries.lock().get_mut(deployment) {
            entry.stored = entry.stored.max(sequence);
        }
    }

    /// A new session has begun: everything is told again.
    pub(crate) fn restart(&self) {
        for entry in self.entries.lock().values_mut() {
            entry.sent = None;
        }
        self.changed.notify_one();
    }

    /// Reports to send now: those that are new, and those that were sent long ago and are still not stored.
    pub(crate) fn due(&self, now: Instant, resend_after: Duration) -> Vec<Report> {
        let mut entries = self.entries.lock();
        let due = entries.values_mut().filter_map(|entry| {
            let sequence = entry.report.sequence;
            let is_due = match entry.sent {
                Some((sent, at)) if sent == sequence => entry.stored < sequence && now - at >= resend_after,
                Some(_) | None => true,
            };
            is_due.then(|| {
                entry.sent = Some((sequence, now));
                entry.report.clone()
            })
        });
        due.collect()
    }

    pub(crate) async fn forget(&self, deployment: &DeploymentId) -> std::io::Result<()> {
        durable::remove(self.file(deployment)).await?;
        self.entries.lock().remove(deployment);
        Ok(())
    }

    fn file(&self, deployment: &DeploymentId) -> PathBuf {
        self.folder.join(format!("{deployment}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_report_is_sent_until_it_is_stored_and_its_sequence_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let id: DeploymentId = "3x9mq2p7ab".parse().unwrap();
        let after = Duration::from_secs(5);
        let book = Book::open(folder.path().into(), Arc::default()).unwrap();
        book.update(&id, |_| {}).await.unwrap();
        book.update(&id, |report| report.phase = Phase::Building).await.unwrap();

        let first = book.due(Instant::now(), after);
        assert_eq!((first.len(), first[0].sequence, first[0].phase), (1, 2, Phase::Building));
        assert!(book.due(Instant::now(), after).is_empty());
        tokio::time::advance(after).await;
        assert_eq!(book.due(Instant::now(), after), first, "not stored: told again");
        book.stored(&id, 2);
        tokio::time::advance(after).await;
        assert!(book.due(Instant::now(), after).is_empty());

        let book = Book::open(folder.path().into(), Arc::default()).unwrap();
        let unchanged = book.update(&id, |report| report.phase = Phase::Building).await.unwrap();
        assert_eq!(unchanged.sequence, 2);
        let next = book.update(&id, |report| report.phase = Phase::Released).await.unwrap();
        assert_eq!(next.sequence, 3);
        book.forget(&id).await.unwrap();
        assert!(Book::open(folder.path().into(), Arc::default()).unwrap().all().is_empty());
    }
}
