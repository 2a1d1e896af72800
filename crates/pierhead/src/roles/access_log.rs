//! The access log: one JSON line per request, in a file.
//!
//! A thread of its own writes what the ingress hands over, in pieces, so that no request waits for the disk. What does not fit into
//! the queue is dropped and counted by the ingress. A file that was moved away, as tools that rotate logs do, is made anew within a
//! second.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pierhead_ingress::AccessRecord;
use pierhead_model::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

/// Records that may wait: some seconds of high load.
const QUEUE: usize = 64 * 1024;
/// Records that are written together: all that are there, at most these.
const IN_ONE_PIECE: usize = 1024;
const BUFFER: usize = 64 * 1024;
/// How soon a file that was moved is noticed.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Line<'r> {
    at: Timestamp,
    client: std::net::IpAddr,
    method: &'r str,
    host: Option<&'r str>,
    path: &'r str,
    status: u16,
    bytes: u64,
    duration_ms: f64,
    project: Option<&'r str>,
    deployment: Option<String>,
    request_id: Option<&'r str>,
}

/// Begins to write; the log ends when the last sender is gone.
pub(crate) fn start(path: PathBuf) -> io::Result<mpsc::Sender<Box<AccessRecord>>> {
    let mut file = LogFile::open(path)?;
    let (sender, mut records) = mpsc::channel(QUEUE);
    let writing = move || {
        let mut piece: Vec<Box<AccessRecord>> = Vec::with_capacity(IN_ONE_PIECE);
        let mut failing = false;
        loop {
            let count = records.blocking_recv_many(&mut piece, IN_ONE_PIECE);
            if count == 0 {
                break;
            }
            let written = piece.drain(..).try_for_each(|record| write(&mut file, &record));
            match written.and_then(|()| file.look()) {
                Err(error) if !failing => {
                    tracing::error!(%error, "the access log cannot be written; lines are lost until it can");
                    failing = true;
                }
                written => failing = written.is_err(),
            }
        }
    };
    std::thread::Builder::new().name("access-log".to_owned()).spawn(writing)?;
    Ok(sender)
}

fn write(to: &mut impl Write, record: &AccessRecord) -> io::Result<()> {
    let line = Line {
        at: Timestamp::try_from(record.at).unwrap_or(Timestamp::UNIX_EPOCH),
        client: record.client,
        method: record.method.as_str(),
        host: record.host().map(|host| host.as_str()),
        path: &record.path,
        status: record.status.as_u16(),
        bytes: record.bytes,
        duration_ms: record.duration.as_secs_f64() * 1000.0,
        project: record.project().map(|project| project.as_str()),
        deployment: record.deployment().map(ToString::to_string),
        request_id: record.request_id.to_str().ok(),
    };
    serde_json::to_writer(&mut *to, &line)?;
    to.write_all(b"\n")
}

/// A file that is appended to, and made anew when it was moved.
struct LogFile {
    path: PathBuf,
    buffer: io::BufWriter<std::fs::File>,
    inode: u64,
    looked: Instant,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let (file, inode) = open(&path)?;
        Ok(Self { path, buffer: io::BufWriter::with_capacity(BUFFER, file), inode, looked: Instant::now() })
    }

    /// Writes out what is buffered, and looks whether the file is still there.
    fn look(&mut self) -> io::Result<()> {
        self.buffer.flush()?;
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        if fs_err::metadata(&self.path).is_ok_and(|now| now.ino() == self.inode) {
            return Ok(());
        }
        let (file, inode) = open(&self.path)?;
        self.buffer = io::BufWriter::with_capacity(BUFFER, file);
        self.inode = inode;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.buffer.flush()
    }
}

fn open(path: &Path) -> io::Result<(std::fs::File, u64)> {
    let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
    let inode = file.metadata()?.ino();
    Ok((file.into_file(), inode))
}
