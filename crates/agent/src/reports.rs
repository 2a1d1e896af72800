//! The latest report of each deployment, kept on disk: the sequence goes on after a restart, and a release that was built is
//! not built again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use pierhead_model::assignment::Report;
use pierhead_model::id::DeploymentId;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Reports {
    folder: PathBuf,
    latest: Mutex<BTreeMap<DeploymentId, Entry>>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    report: Report,
    /// The sequence that the control plane has stored.
    stored: u64,
}

impl Reports {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        fs_err::create_dir_all(&folder)?;
        let mut latest = BTreeMap::new();
        for entry in fs_err::read_dir(&folder)? {
            let path = entry?.path();
            // A file that does not parse was written by nobody who finished: the deployment starts anew.
            if let Ok(report) = serde_json::from_slice::<Report>(&fs_err::read(&path)?) {
                latest.insert(report.deployment.clone(), Entry { report, stored: 0 });
            }
        }
        Ok(Self { folder, latest: Mutex::new(latest), changed: watch::Sender::new(0) })
    }

    /// What was reported last, or the first report of a new deployment.
    pub(crate) fn get(&self, deployment: &DeploymentId) -> Report {
        let latest = self.latest.lock();
        latest
            .get(deployment)
            .map_or_else(|| Report::accepted(deployment.clone()), |entry| entry.report.clone())
    }

    /// Changes the report and makes it durable before anybody hears of it.
    pub(crate) fn update(
        &self,
        deployment: &DeploymentId,
        change: impl FnOnce(&mut Report),
    ) -> std::io::Result<()> {
        let mut latest = self.latest.lock();
        let before = latest.get(deployment);
        let mut report =
            before.map_or_else(|| Report::accepted(deployment.clone()), |entry| entry.report.clone());
        let sequence = before.map_or(0, |entry| entry.report.sequence);
        let stored = before.map_or(0, |entry| entry.stored);
        change(&mut report);
        if sequence > 0 && before.is_some_and(|entry| entry.report == report) {
            return Ok(());
        }
        report.sequence = sequence + 1;
        write_durably(&self.path(deployment), &serde_json::to_vec(&report)?)?;
        latest.insert(deployment.clone(), Entry { report, stored });
        drop(latest);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Those the control plane has not stored.
    pub(crate) fn unstored(&self) -> Vec<Report> {
        let latest = self.latest.lock();
        latest
            .values()
            .filter(|entry| entry.report.sequence > entry.stored)
            .map(|e| e.report.clone())
            .collect()
    }

    pub(crate) fn stored(&self, deployment: &DeploymentId, sequence: u64) {
        if let Some(entry) = self.latest.lock().get_mut(deployment) {
            entry.stored = entry.stored.max(sequence);
        }
    }

    pub(crate) fn forget(&self, deployment: &DeploymentId) {
        self.latest.lock().remove(deployment);
        remove_file(&self.path(deployment));
    }

    pub(crate) fn known(&self) -> Vec<DeploymentId> {
        self.latest.lock().keys().cloned().collect()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn path(&self, deployment: &DeploymentId) -> PathBuf {
        self.folder.join(format!("{deployment}.json"))
    }
}

/// Written beside, synced, renamed: a reader sees the old or the new file, whole.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs_err::File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs_err::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => fs_err::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn remove_file(path: &Path) {
    if let Err(error) = fs_err::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a file that is not needed any more could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::assignment::Phase;

    use super::*;

    #[test]
    fn the_sequence_goes_on_after_a_restart_and_stored_ones_are_not_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let id = DeploymentId::from_random(1);
        let reports = Reports::open(folder.path().into()).unwrap();
        reports.update(&id, |report| report.phase = Phase::Building).unwrap();
        reports.update(&id, |report| report.phase = Phase::Building).unwrap();
        reports.update(&id, |report| report.phase = Phase::Released).unwrap();
        assert_eq!(reports.get(&id).sequence, 2, "what changes nothing is not reported");
        reports.stored(&id, 2);
        assert_eq!(reports.unstored(), []);
        let reports = Reports::open(folder.path().into()).unwrap();
        assert_eq!(reports.unstored().len(), 1, "after a restart it is told once more");
        reports.update(&id, |report| report.phase = Phase::Healthy).unwrap();
        assert_eq!(reports.get(&id).sequence, 3);
        reports.forget(&id);
        assert_eq!(Reports::open(folder.path().into()).unwrap().known(), []);
    }
}
