//! Log lines on their way to the control plane: numbered, kept on disk until they are stored there.
//!
//! A deployment's spool is a file of JSON lines. Its first line says after which number it begins, so that the file can be
//! emptied when everything in it is stored and the numbers still go on. A writer waits while too much is under way.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::PathBuf;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::id::DeploymentId;
use pierhead_model::log::{LogLine, LogStream};
use tokio::sync::{Notify, watch};

/// Lines of one deployment that may wait; beyond that its writer does.
const WAITING_LINES: usize = 20_000;
/// What one message carries at most.
const BATCH_LINES: usize = 1_000;
const BATCH_BYTES: usize = 256 * 1024;
/// A file that holds nothing but stored lines is emptied when it is larger than this.
const EMPTY_ABOVE_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    logs: Mutex<BTreeMap<DeploymentId, Log>>,
    /// Changes when there is something to send.
    written: watch::Sender<u64>,
    /// Told when lines were stored, for writers that wait.
    room: Notify,
}

#[derive(Debug)]
struct Log {
    file: fs_err::File,
    file_bytes: u64,
    last: u64,
    /// Not stored yet, oldest first.
    waiting: VecDeque<LogLine>,
    /// The last number of the batch that is under way.
    sent: u64,
    /// Bytes of text ever written.
    text_bytes: u64,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    after: u64,
}

impl Spool {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        fs_err::create_dir_all(&folder)?;
        Ok(Self { folder, logs: Mutex::default(), written: watch::Sender::new(0), room: Notify::new() })
    }

    /// Adds lines; waits while too many are under way.
    pub(crate) async fn write(
        &self,
        deployment: &DeploymentId,
        stream: LogStream,
        step: &str,
        lines: Vec<String>,
    ) -> std::io::Result<()> {
        loop {
            let room = self.room.notified();
            if self.waiting(deployment) < WAITING_LINES {
                break;
            }
            // The control plane may be away for long: then a build stands still rather than lose what it says.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), room).await;
        }
        let time = Timestamp::now();
        let mut logs = self.logs.lock();
        let log = self.entry(&mut logs, deployment)?;
        let mut text = Vec::new();
        for line in lines {
            log.last += 1;
            log.text_bytes += line.len() as u64;
            let line = LogLine { number: log.last, time, stream, step: step.to_owned(), text: line };
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
            log.waiting.push_back(line);
        }
        log.file.write_all(&text)?;
        log.file_bytes += text.len() as u64;
        drop(logs);
        self.written.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Bytes of text that a deployment has written so far.
    pub(crate) fn text_bytes(&self, deployment: &DeploymentId) -> u64 {
        self.logs.lock().get(deployment).map_or(0, |log| log.text_bytes)
    }

    /// The next batch of every deployment that has none under way.
    pub(crate) fn batches(&self) -> Vec<(DeploymentId, Vec<LogLine>)> {
        let mut batches = Vec::new();
        for (deployment, log) in &mut *self.logs.lock() {
            let Some(first) = log.waiting.front() else { continue };
            if log.sent >= first.number {
                continue;
            }
            let mut bytes = 0;
            let fits = |line: &&LogLine| {
                bytes += line.text.len();
                bytes <= BATCH_BYTES || line.number == first.number
            };
            let batch: Vec<LogLine> =
                log.waiting.iter().take(BATCH_LINES).take_while(fits).cloned().collect();
            log.sent = batch.last().map_or(log.sent, |line| line.number);
            batches.push((deployment.clone(), batch));
        }
        batches
    }

    /// Everything that is not stored is to be sent again, in a new session.
    pub(crate) fn start_over(&self) {
        for log in self.logs.lock().values_mut() {
            log.sent = 0;
        }
    }

    /// Lines up to `through` are stored.
    pub(crate) fn stored(&self, deployment: &DeploymentId, through: u64) -> std::io::Result<()> {
        let mut logs = self.logs.lock();
        let Some(log) = logs.get_mut(deployment) else { return Ok(()) };
        while log.waiting.front().is_some_and(|line| line.number <= through) {
            log.waiting.pop_front();
        }
        if log.waiting.is_empty() && log.file_bytes > EMPTY_ABOVE_BYTES {
            log.start_file(&self.path(deployment))?;
        }
        drop(logs);
        self.room.notify_waiters();
        self.written.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Whether everything that was written is stored.
    pub(crate) fn is_empty(&self, deployment: &DeploymentId) -> bool {
        self.waiting(deployment) == 0
    }

    /// Reads what an earlier agent left, so that it is sent.
    pub(crate) fn adopt(&self, deployment: &DeploymentId) -> std::io::Result<()> {
        self.entry(&mut self.logs.lock(), deployment).map(drop)
    }

    pub(crate) fn forget(&self, deployment: &DeploymentId) {
        self.logs.lock().remove(deployment);
        let _ = fs_err::remove_file(self.path(deployment));
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    fn waiting(&self, deployment: &DeploymentId) -> usize {
        self.logs.lock().get(deployment).map_or(0, |log| log.waiting.len())
    }

    fn entry<'a>(
        &self,
        logs: &'a mut BTreeMap<DeploymentId, Log>,
        deployment: &DeploymentId,
    ) -> std::io::Result<&'a mut Log> {
        match logs.entry(deployment.clone()) {
            std::collections::btree_map::Entry::Occupied(there) => Ok(there.into_mut()),
            std::collections::btree_map::Entry::Vacant(free) => {
                Ok(free.insert(Log::open(&self.path(deployment))?))
            }
        }
    }

    fn path(&self, deployment: &DeploymentId) -> PathBuf {
        self.folder.join(format!("{deployment}.jsonl"))
    }
}

impl Log {
    /// Reads what is there; a last line that was torn is dropped, and written again under the same number.
    fn open(path: &std::path::Path) -> std::io::Result<Self> {
        let text = match fs_err::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut parts = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let header = parts.next().and_then(|line| serde_json::from_slice::<Header>(line).ok());
        let after = header.map_or(0, |header| header.after);
        let lines = parts.map_while(|line| serde_json::from_slice::<LogLine>(line).ok());
        let waiting: VecDeque<LogLine> = lines.collect();
        let last = waiting.back().map_or(after, |line| line.number);
        let mut log = Self {
            file: fs_err::File::create(path)?,
            file_bytes: 0,
            last: after,
            waiting,
            sent: 0,
            text_bytes: 0,
        };
        log.write_header()?;
        let mut text = Vec::new();
        for line in &log.waiting {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        log.file.write_all(&text)?;
        log.file_bytes += text.len() as u64;
        log.last = last;
        Ok(log)
    }

    fn start_file(&mut self, path: &std::path::Path) -> std::io::Result<()> {
        self.file = fs_err::File::create(path)?;
        self.file_bytes = 0;
        self.write_header()
    }

    fn write_header(&mut self) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(&Header { after: self.last })?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(batches: Vec<(DeploymentId, Vec<LogLine>)>) -> Vec<u64> {
        batches.into_iter().flat_map(|(_, lines)| lines).map(|line| line.number).collect()
    }

    #[tokio::test]
    async fn lines_are_sent_until_they_are_stored_and_numbers_go_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let id = DeploymentId::from_random(1);
        let spool = Spool::open(folder.path().into()).unwrap();
        let write = async |spool: &Spool, text: &str| {
            spool.write(&id, LogStream::Stdout, "build", vec![text.to_owned()]).await.unwrap();
        };
        write(&spool, "one").await;
        write(&spool, "two").await;
        assert_eq!(numbers(spool.batches()), [1, 2]);
        assert_eq!(numbers(spool.batches()), [0; 0], "one batch at a time");
        spool.start_over();
        assert_eq!(numbers(spool.batches()), [1, 2], "a new session sends again");
        spool.stored(&id, 1).unwrap();
        drop(spool);
        let spool = Spool::open(folder.path().into()).unwrap();
        write(&spool, "three").await;
        assert_eq!(numbers(spool.batches()), [1, 2, 3], "the control plane skips what it has");
        spool.stored(&id, 3).unwrap();
        assert!(spool.is_empty(&id));
        let big = "x".repeat(2 << 20);
        write(&spool, &big).await;
        spool.stored(&id, 4).unwrap();
        drop(spool);
        let spool = Spool::open(folder.path().into()).unwrap();
        write(&spool, "five").await;
        assert_eq!(numbers(spool.batches()), [5], "the file was emptied, the number was kept");
    }

    #[tokio::test]
    async fn a_torn_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let id = DeploymentId::from_random(1);
        let spool = Spool::open(folder.path().into()).unwrap();
        spool.write(&id, LogStream::Stdout, "build", vec!["one".into(), "two".into()]).await.unwrap();
        let path = spool.path(&id);
        drop(spool);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 3]).unwrap();
        let spool = Spool::open(folder.path().into()).unwrap();
        spool.write(&id, LogStream::Stdout, "build", vec!["again".into()]).await.unwrap();
        assert_eq!(numbers(spool.batches()), [1, 2]);
    }
}
