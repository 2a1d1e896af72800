//! What deployments print and what Pierhead says about them, on its way to the control plane.
//!
//! A line is written to a spool first and sent from there, so neither a cut link nor a crash of the agent loses it. A
//! spool that cannot be written (a full disk) never stops a workload: lines are counted, and the count is a line later.

mod splitter;
mod spool;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_engine::log::LogCursor;
use pierhead_model::Timestamp;
use pierhead_model::id::DeploymentId;
use pierhead_model::log::{LogLine, LogStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::durable;
use crate::steps::mask::Mask;
use crate::steps::{Line, Lines};
pub(crate) use splitter::{CUT, Splitter, clean};
use spool::Spool;

/// Lines of one message.
const BATCH_LINES: usize = 500;
/// Bytes of one message.
const BATCH_BYTES: usize = 256 << 10;

/// One line before it has a number.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) stream: LogStream,
    pub(crate) text: String,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    /// Lines that could not be written.
    lost: u64,
    sent_at: Option<Instant>,
}

/// The log of one deployment.
#[derive(Debug)]
pub(crate) struct DeploymentLog {
    state: Mutex<State>,
    changed: Arc<Notify>,
    /// Of every secret that the deployment was told of so far.
    mask: Mutex<Mask>,
}

impl DeploymentLog {
    /// From now on these secrets are taken out of every line, before it reaches the disk.
    pub(crate) fn hide(&self, secrets: &Mask) {
        let mut mask = self.mask.lock();
        *mask = mask.and(secrets);
    }

    /// A text without the deployment's secrets.
    pub(crate) fn masked(&self, text: String) -> String {
        self.mask.lock().clone().apply_to_line(text)
    }

    /// Pierhead's own words.
    pub(crate) fn say(&self, step: &str, text: &str) {
        let entries = text.lines().map(|line| Entry {
            time: Timestamp::now(),
            stream: LogStream::System,
            text: clean(line.as_bytes(), 0),
        });
        self.append(step, entries.collect());
    }

    /// Lines of a program, in order.
    pub(crate) fn append(&self, step: &str, entries: Vec<Entry>) {
        self.keep_lines(step, entries, None);
    }

    fn keep_lines(&self, step: &str, entries: Vec<Entry>, read_up_to: Option<(&str, LogCursor)>) {
        if entries.is_empty() && read_up_to.is_none() {
            return;
        }
        let mask = self.mask.lock().clone();
        let mut state = self.state.lock();
        let line = |entry: Entry| LogLine {
            number: 0,
            time: entry.time,
            stream: entry.stream,
            step: step.to_owned(),
            text: mask.apply_to_line(entry.text),
        };
        let lost = state.lost;
        let notice = (lost > 0).then(|| Entry {
            time: Timestamp::now(),
            stream: LogStream::System,
            text: format!("{lost} lines were lost here: the node could not write them"),
        });
        let mut lines: Vec<_> = notice.into_iter().chain(entries).map(line).collect();
        match state.spool.append(&mut lines, read_up_to) {
            Ok(()) => state.lost = 0,
            Err(error) => {
                tracing::error!(%error, "a deployment's log cannot be written");
                state.lost += lines.len() as u64 - u64::from(lost > 0);
            }
        }
        drop(state);
        self.changed.notify_one();
    }
}

/// Steps of a pipeline print into the log of their deployment, each container with a place of its own.
impl Lines for DeploymentLog {
    fn read_up_to(&self, container: &str) -> Option<LogCursor> {
        self.state.lock().spool.read_up_to(container)
    }

    fn keep(&self, step: &str, container: &str, lines: Vec<Line>, read_up_to: Option<LogCursor>) {
        let entry = |line: Line| Entry { time: line.time, stream: line.stream, text: line.text };
        let entries = lines.into_iter().map(entry).collect();
        self.keep_lines(step, entries, read_up_to.map(|cursor| (container, cursor)));
    }
}

/// The logs of all deployments of this node.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: PathBuf,
    open: Mutex<HashMap<DeploymentId, Arc<DeploymentLog>>>,
    changed: Arc<Notify>,
}

impl Logs {
    /// Opens what was left. `changed` is notified when there are lines to send.
    pub(crate) fn open(folder: PathBuf, changed: Arc<Notify>) -> std::io::Result<Self> {
        let logs = Self { folder: folder.clone(), open: Mutex::default(), changed };
        for entry in fs_err::read_dir(folder)? {
            if let Some(deployment) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                logs.of(&deployment)?;
            }
        }
        Ok(logs)
    }

    /// The log of a deployment, made when there is none.
    pub(crate) fn of(&self, deployment: &DeploymentId) -> std::io::Result<Arc<DeploymentLog>> {
        self.of_after(deployment, 0)
    }

    /// The log of a deployment; one that is new begins after so many lines that are stored already.
    pub(crate) fn of_after(
        &self,
        deployment: &DeploymentId,
        lines: u64,
    ) -> std::io::Result<Arc<DeploymentLog>> {
        let mut open = self.open.lock();
        if let Some(log) = open.get(deployment) {
            return Ok(Arc::clone(log));
        }
        let spool = Spool::open(self.folder.join(deployment.as_str()), lines)?;
        let state = Mutex::new(State { spool, lost: 0, sent_at: None });
        let log =
            Arc::new(DeploymentLog { state, changed: Arc::clone(&self.changed), mask: Mutex::default() });
        open.insert(deployment.clone(), Arc::clone(&log));
        Ok(log)
    }

    /// The next lines of every deployment that has some.
    pub(crate) fn due(&self, now: Instant) -> Vec<(DeploymentId, Vec<LogLine>)> {
        let logs: Vec<_> = self.open.lock().iter().map(|(id, log)| (id.clone(), Arc::clone(log))).collect();
        let mut due = Vec::new();
        for (deployment, log) in logs {
            let mut state = log.state.lock();
            if !state.spool.has_unread() {
                continue;
            }
            match state.spool.read(BATCH_LINES, BATCH_BYTES) {
                Ok(lines) if lines.is_empty() => {}
                Ok(lines) => {
                    state.sent_at = Some(now);
                    due.push((deployment, lines));
                }
                Err(error) => tracing::error!(%deployment, %error, "a deployment's log cannot be read back"),
            }
        }
        due
    }

    /// Sends again what was sent long ago and is not stored; everything that is not stored when a session begins.
    pub(crate) fn rewind(&self, now: Instant, older_than: Duration) {
        let mut any = false;
        for log in self.open.lock().values() {
            let mut state = log.state.lock();
            if !state.spool.all_stored() && state.sent_at.is_none_or(|at| now - at >= older_than) {
                state.spool.rewind();
                any = true;
            }
        }
        if any {
            self.changed.notify_one();
        }
    }

    /// Lines up to and including this one are durable elsewhere.
    pub(crate) fn stored(&self, deployment: &DeploymentId, through: u64) {
        let Some(log) = self.open.lock().get(deployment).cloned() else { return };
        let mut state = log.state.lock();
        if let Err(error) = state.spool.stored(through) {
            tracing::error!(%deployment, %error, "stored lines of a deployment cannot be removed");
        }
    }

    pub(crate) async fn forget(&self, deployment: &DeploymentId) -> std::io::Result<()> {
        self.open.lock().remove(deployment);
        durable::remove_folder(self.folder.join(deployment.as_str())).await
    }
}
