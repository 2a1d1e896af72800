//! The file of one log, and where each frame begins in it.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use pierhead_model::crash_point;
use pierhead_model::log::LogLine;

use super::LogQuery;
use super::frame::{self, HEADER_BYTES, Header};
use crate::StoreError;

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    frames: Vec<Frame>,
    /// Where the next frame begins.
    end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    offset: u64,
    header: Header,
}

impl LogFile {
    /// Opens a log that may not exist yet, and cuts a torn tail off.
    pub(super) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        blocking("opening a log", move || {
            if let Some(folder) = path.parent() {
                fs_err::create_dir_all(folder)?;
            }
            let mut file = match fs_err::OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Self { path, frames: Vec::new(), end: 0 });
                }
                Err(error) => return Err(error),
            };
            let length = file.metadata()?.len();
            let (frames, end) = scan(&mut file)?;
            if end < length {
                tracing::warn!(path = %path.display(), "cut {} torn bytes off the end of a log", length - end);
                file.set_len(end)?;
                file.sync_all()?;
            }
            Ok(Self { path, frames, end })
        })
        .await
    }

    /// The number of the last line, 0 when there is none.
    pub(super) fn last(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.header.last())
    }

    /// Writes a frame and syncs it. A frame that could not be written whole is cut off again.
    pub(super) async fn append(&mut self, lines: &[&LogLine]) -> Result<u64, StoreError> {
        let bytes = frame::encode(lines).map_err(|error| StoreError::from_io("packing log lines", error))?;
        let (path, offset) = (self.path.clone(), self.end);
        let header = bytes
            .first_chunk()
            .and_then(Header::parse)
            .ok_or(StoreError::Conflict { what: "log (a batch of lines does not fit a frame)" })?;
        let length = bytes.len() as u64;
        blocking("storing log lines", move || {
            let mut file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            file.set_len(offset)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&bytes)?;
            crash_point!("store.log.before_sync");
            file.sync_data()
        })
        .await?;
        self.frames.push(Frame { offset, header });
        self.end += length;
        Ok(self.last())
    }

    /// The frames that hold lines after `number`, to be read without holding the log.
    pub(super) fn reader_after(&self, number: u64) -> Result<FrameReader, StoreError> {
        let first = self.frames.partition_point(|frame| frame.header.last() <= number);
        let frames = self.frames.get(first..).unwrap_or_default().to_vec();
        Ok(FrameReader { path: self.path.clone(), frames })
    }
}

#[derive(Debug)]
pub(super) struct FrameReader {
    path: PathBuf,
    frames: Vec<Frame>,
}

impl FrameReader {
    /// The lines that match, and the number after which to go on.
    pub(super) fn read(self, query: &LogQuery) -> Result<(Vec<LogLine>, u64), StoreError> {
        let mut found = Vec::new();
        let mut next = query.after;
        if self.frames.is_empty() {
            return Ok((found, next));
        }
        let mut file =
            fs_err::File::open(&self.path).map_err(|error| StoreError::from_io("reading a log", error))?;
        for frame in &self.frames {
            let payload = read_payload(&mut file, frame)
                .map_err(|error| StoreError::from_io("reading a log", error))?;
            let lines = frame::decode(&payload).map_err(|error| StoreError::corrupt("log", error))?;
            for line in lines {
                if found.len() >= query.limit {
                    return Ok((found, next));
                }
                if line.number > next {
                    next = line.number;
                }
                if query.matches(&line) {
                    found.push(line);
                }
            }
        }
        Ok((found, next))
    }
}

fn read_payload(file: &mut fs_err::File, frame: &Frame) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(frame.offset + HEADER_BYTES as u64))?;
    let mut payload = vec![0; frame.header.payload_bytes as usize];
    file.read_exact(&mut payload)?;
    Ok(payload)
}

/// Every whole frame from the beginning, and where they end.
fn scan(file: &mut fs_err::File) -> std::io::Result<(Vec<Frame>, u64)> {
    let length = file.metadata()?.len();
    let mut reader = std::io::BufReader::with_capacity(256 * 1024, file);
    let (mut frames, mut offset): (Vec<Frame>, u64) = (Vec::new(), 0);
    let mut expected = 1;
    loop {
        let mut bytes = [0; HEADER_BYTES];
        if length - offset < HEADER_BYTES as u64 {
            return Ok((frames, offset));
        }
        reader.read_exact(&mut bytes)?;
        let Some(header) = Header::parse(&bytes).filter(|header| header.first == expected) else {
            return Ok((frames, offset));
        };
        let end = offset + HEADER_BYTES as u64 + u64::from(header.payload_bytes);
        if end > length {
            return Ok((frames, offset));
        }
        let mut payload = vec![0; header.payload_bytes as usize];
        reader.read_exact(&mut payload)?;
        if !header.fits(&payload) {
            return Ok((frames, offset));
        }
        frames.push(Frame { offset, header });
        expected = header.last() + 1;
        offset = end;
    }
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| StoreError::from_io(doing, error)),
        Err(error) => Err(StoreError::Unavailable { doing, source: Box::new(error) }),
    }
}
