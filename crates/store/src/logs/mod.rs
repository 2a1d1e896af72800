//! Logs of deployments: append-only files, one per deployment, never in the database.
//!
//! Lines are numbered without gaps by the agent, and appending is idempotent by number: what is stored already is skipped, so
//! a batch may be sent any number of times. A batch is one frame (see [`frame`]); a frame that was torn by a crash is cut off
//! when the log is opened, and the agent sends it again because it was never acknowledged.

mod file;
mod frame;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pierhead_model::id::DeploymentId;
use pierhead_model::log::{LogLine, LogStream};
use tokio::sync::watch;

use self::file::LogFile;
use crate::StoreError;

/// Which lines somebody wants; every field that is set narrows it.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Lines with a higher number.
    pub after: u64,
    pub limit: usize,
    /// The line contains this, whatever the case.
    pub text: Option<String>,
    pub stream: Option<LogStream>,
    pub step: Option<String>,
}

impl LogQuery {
    fn matches(&self, line: &LogLine) -> bool {
        line.number > self.after
            && self.stream.is_none_or(|stream| stream == line.stream)
            && self.step.as_ref().is_none_or(|step| *step == line.step)
            && self.text.as_ref().is_none_or(|text| line.text.to_lowercase().contains(&text.to_lowercase()))
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Logs that were used in this process. A log is opened once and then shared.
    open: Mutex<HashMap<DeploymentId, Arc<Log>>>,
}

#[derive(Debug)]
struct Log {
    file: tokio::sync::Mutex<LogFile>,
    last: watch::Sender<u64>,
}

impl LogStore {
    pub(crate) fn open(root: PathBuf) -> Result<Self, StoreError> {
        fs_err::create_dir_all(&root).map_err(|error| StoreError::from_io("opening the log store", error))?;
        Ok(Self(Arc::new(Inner { root, open: Mutex::default() })))
    }

    /// Stores lines; durable when it returns. Lines that are stored already are skipped. Lines beyond a gap are refused: the
    /// sender starts again after the last stored line.
    pub async fn append(&self, deployment: &DeploymentId, lines: &[LogLine]) -> Result<u64, StoreError> {
        let log = self.log(deployment).await?;
        let mut file = log.file.lock().await;
        let last = file.last();
        let new: Vec<&LogLine> = lines.iter().filter(|line| line.number > last).collect();
        let Some(first) = new.first() else { return Ok(last) };
        let consecutive =
            first.number == last + 1 && new.windows(2).all(|pair| pair[1].number == pair[0].number + 1);
        if !consecutive {
            return Err(StoreError::Conflict { what: "log (lines are missing before these)" });
        }
        let last = file.append(&new).await?;
        log.last.send_replace(last);
        Ok(last)
    }

    /// Lines in order, and the number to go on after. Looks at no more than is needed to fill the limit.
    pub async fn read(
        &self,
        deployment: &DeploymentId,
        query: &LogQuery,
    ) -> Result<(Vec<LogLine>, u64), StoreError> {
        let log = self.log(deployment).await?;
        let frames = log.file.lock().await.reader_after(query.after)?;
        tokio::task::spawn_blocking({
            let query = query.clone();
            move || frames.read(&query)
        })
        .await
        .map_err(|error| StoreError::Unavailable { doing: "reading a log", source: Box::new(error) })?
    }

    /// The number of the last stored line; 0 when there is none.
    pub async fn last(&self, deployment: &DeploymentId) -> Result<u64, StoreError> {
        Ok(*self.log(deployment).await?.last.borrow())
    }

    /// The number of the last stored line, now and whenever it changes.
    pub async fn follow(&self, deployment: &DeploymentId) -> Result<watch::Receiver<u64>, StoreError> {
        Ok(self.log(deployment).await?.last.subscribe())
    }

    pub(crate) async fn delete(&self, deployment: &DeploymentId) -> Result<(), StoreError> {
        self.0.open.lock().remove(deployment);
        match fs_err::tokio::remove_file(self.path(deployment)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::from_io("deleting a log", error))
            }
            _ => Ok(()),
        }
    }

    async fn log(&self, deployment: &DeploymentId) -> Result<Arc<Log>, StoreError> {
        if let Some(log) = self.0.open.lock().get(deployment) {
            return Ok(Arc::clone(log));
        }
        let file = LogFile::open(self.path(deployment)).await?;
        let last = watch::Sender::new(file.last());
        let log = Arc::new(Log { file: tokio::sync::Mutex::new(file), last });
        // Whoever was faster stays: two open files of one log must not both append.
        Ok(Arc::clone(self.0.open.lock().entry(deployment.clone()).or_insert(log)))
    }

    fn path(&self, deployment: &DeploymentId) -> PathBuf {
        let name = deployment.as_str();
        self.0.root.join(name.get(..2).unwrap_or_default()).join(format!("{name}.log"))
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    fn lines(numbers: std::ops::RangeInclusive<u64>) -> Vec<LogLine> {
        let line = |number| LogLine {
            number,
            time: Timestamp::UNIX_EPOCH,
            stream: if number % 2 == 0 { LogStream::Stdout } else { LogStream::Stderr },
            step: "build".into(),
            text: format!("line {number}"),
        };
        numbers.map(line).collect()
    }

    fn all() -> LogQuery {
        LogQuery { limit: usize::MAX, ..LogQuery::default() }
    }

    #[tokio::test]
    async fn a_batch_may_come_twice_and_a_gap_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id) = (LogStore::open(folder.path().into()).unwrap(), DeploymentId::from_random(1));
        assert_eq!(store.append(&id, &lines(1..=3)).await.unwrap(), 3);
        assert_eq!(store.append(&id, &lines(1..=3)).await.unwrap(), 3);
        assert_eq!(store.append(&id, &lines(2..=5)).await.unwrap(), 5);
        assert!(store.append(&id, &lines(7..=8)).await.is_err());
        let (read, next) = store.read(&id, &all()).await.unwrap();
        assert_eq!((read, next), (lines(1..=5), 5));
    }

    #[tokio::test]
    async fn filters_and_resumes() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id) = (LogStore::open(folder.path().into()).unwrap(), DeploymentId::from_random(1));
        for batch in 0..10 {
            store.append(&id, &lines(batch * 10 + 1..=batch * 10 + 10)).await.unwrap();
        }
        let query = LogQuery { after: 35, limit: 2, stream: Some(LogStream::Stdout), ..LogQuery::default() };
        let (read, next) = store.read(&id, &query).await.unwrap();
        assert_eq!(read.iter().map(|line| line.number).collect::<Vec<_>>(), [36, 38]);
        assert_eq!(next, 38);
        let (read, _) = store.read(&id, &LogQuery { text: Some("LINE 100".into()), ..all() }).await.unwrap();
        assert_eq!(read.len(), 1);
    }

    #[tokio::test]
    async fn a_torn_tail_is_cut_and_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let id = DeploymentId::from_random(1);
        let store = LogStore::open(folder.path().into()).unwrap();
        store.append(&id, &lines(1..=3)).await.unwrap();
        let whole = std::fs::metadata(store.path(&id)).unwrap().len();
        store.append(&id, &lines(4..=6)).await.unwrap();
        let path = store.path(&id);
        drop(store);
        for cut in whole..std::fs::metadata(&path).unwrap().len() {
            let torn = tempfile::tempdir().unwrap();
            let store = LogStore::open(torn.path().into()).unwrap();
            let copy = store.path(&id);
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::write(&copy, &std::fs::read(&path).unwrap()[..usize::try_from(cut).unwrap()]).unwrap();
            assert_eq!(store.append(&id, &lines(2..=6)).await.unwrap(), 6, "cut at {cut}");
            assert_eq!(store.read(&id, &all()).await.unwrap().0, lines(1..=6));
        }
    }

    #[tokio::test]
    async fn followers_see_new_lines_and_two_hundred_thousand_are_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id) = (LogStore::open(folder.path().into()).unwrap(), DeploymentId::from_random(1));
        let mut follower = store.follow(&id).await.unwrap();
        for batch in 0..400 {
            store.append(&id, &lines(batch * 500 + 1..=batch * 500 + 500)).await.unwrap();
        }
        assert_eq!(*follower.wait_for(|last| *last >= 200_000).await.unwrap(), 200_000);
        let (read, _) = store.read(&id, &LogQuery { after: 199_990, ..all() }).await.unwrap();
        assert_eq!(read.len(), 10);
    }
}
