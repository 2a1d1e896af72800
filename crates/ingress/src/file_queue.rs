//! Files that go from the disk's cache to the visitor's socket without passing through this process.
//!
//! hyper writes bodies that are bytes, and a file is none. So such a body is made of a *placeholder*: bytes of one static region,
//! of the right length, that nobody reads. What is really to be sent waits in the connection's queue, and the socket
//! ([`crate::client_io`]) knows a placeholder by where it lies: in its place it has the kernel send from the file. On connections
//! where that is not possible (TLS, several requests at once) there is no queue, and files come as bytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Its content is never looked at, so it takes no memory.
static PLACEHOLDER: [u8; 256 * 1024] = [0; 256 * 1024];

/// What one connection has promised to send, in order.
#[derive(Debug, Default)]
pub(crate) struct FileQueue(Mutex<VecDeque<Piece>>);

#[derive(Debug)]
struct Piece {
    file: Arc<File>,
    offset: u64,
    left: usize,
}

/// The rest of a file, or of a part of it.
#[derive(Debug)]
pub(crate) struct FileBody {
    queue: Arc<FileQueue>,
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl FileBody {
    pub(crate) const fn new(queue: Arc<FileQueue>, file: Arc<File>, offset: u64, length: u64) -> Self {
        Self { queue, file, offset, left: length }
    }

    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The next placeholder; what it stands for is queued.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PLACEHOLDER.len());
        if length == 0 {
            return None;
        }
        let piece = Piece { file: Arc::clone(&self.file), offset: self.offset, left: length };
        self.queue.0.lock().push_back(piece);
        self.offset += length as u64;
        self.left -= length as u64;
        PLACEHOLDER.get(..length).map(Bytes::from_static)
    }
}

/// Whether bytes stand for a file.
pub(crate) fn is_placeholder(bytes: &[u8]) -> bool {
    !bytes.is_empty() && PLACEHOLDER.as_ptr_range().contains(&bytes.as_ptr())
}

impl FileQueue {
    /// Sends at most `length` bytes of what comes next. A file that is shorter than it was is an error: what was promised cannot
    /// be kept, and the connection ends.
    pub(crate) fn send(&self, socket: impl AsFd, length: usize) -> io::Result<usize> {
        let mut pieces = self.0.lock();
        let Some(piece) = pieces.front_mut() else {
            return Err(io::Error::other("a placeholder without a file"));
        };
        let length = length.min(piece.left);
        let sent = rustix::fs::sendfile(socket, &*piece.file, Some(&mut piece.offset), length)?;
        if sent == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
        }
        piece.left -= sent;
        if piece.left == 0 {
            pieces.pop_front();
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_known_by_where_it_lies() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut body = FileBody::new(Arc::default(), file, 7, PLACEHOLDER.len() as u64 + 10);
        let (first, second) = (body.next().unwrap(), body.next().unwrap());
        assert_eq!((first.len(), second.len(), body.left()), (PLACEHOLDER.len(), 10, 0));
        assert!(body.next().is_none());
        for placeholder in [&first[..], &first[5..], &first[PLACEHOLDER.len() - 1..], &second[..]] {
            assert!(is_placeholder(placeholder));
        }
        assert!(!is_placeholder(&vec![0; 10]) && !is_placeholder(&[]));
    }
}
