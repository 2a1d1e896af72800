//! The blob store as an agent or an ingress on another machine sees it, and the ways to other nodes.
//!
//! A call is written down as an ask and answered by the control plane over whatever connection there is. Without one it waits:
//! a run goes on when the link is back. Content that breaks off is asked for again from where it broke.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::StepName;
use tokio::sync::{mpsc, oneshot, watch};

use super::ask::{Answer, Ask, Want};
use crate::blob::{BlobChannel, BlobError};
use crate::traffic::{Connection, Leaders, Tunnels};

/// Pieces of content that may wait for whoever asked.
const PIECES: usize = 16;
/// Before content is asked for again of which nothing came.
const PAUSE: Duration = Duration::from_secs(1);
/// The largest blob that is handed over whole.
const WHOLE_BYTES: usize = 64 << 20;

/// Asks the control plane.
#[derive(Debug, Default)]
pub struct RemoteBlobs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: Mutex<Open>,
    /// The number of the newest ask.
    newest: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { open: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    asks: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    want: Want,
    source: Option<Source>,
    answer: oneshot::Sender<Reply>,
}

/// Where the content lies that is to be stored.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Memory(Bytes),
    File(PathBuf),
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Reply {
    Document(Answer),
    Content(mpsc::Receiver<Piece>),
    Connection(Box<TokioIo<Upgraded>>),
}

/// Of content. When the last is not the end, the connection ended before the content did.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Bytes),
    End,
}

/// Whoever asked is told, and the ask is gone.
#[derive(Debug)]
pub(super) struct Answering(oneshot::Sender<Reply>);

impl Answering {
    pub(super) fn document(self, answer: Answer) {
        // Who asked may have been cancelled.
        let _ = self.0.send(Reply::Document(answer));
    }

    /// Where the pieces go; `None` when nobody waits any more.
    pub(super) fn content(self) -> Option<mpsc::Sender<Piece>> {
        let (pieces, receiver) = mpsc::channel(PIECES);
        self.0.send(Reply::Content(receiver)).ok().map(|()| pieces)
    }

    pub(super) fn connection(self, connection: TokioIo<Upgraded>) {
        // Who asked may have been cancelled; the connection ends then.
        let _ = self.0.send(Reply::Connection(Box::new(connection)));
    }
}

/// For one connection: every ask that is open, then every new one.
#[derive(Debug)]
pub(super) struct Asks {
    shared: Arc<Shared>,
    told: u64,
    newest: watch::Receiver<u64>,
}

impl Asks {
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Ask {
        loop {
            let next = {
                let open = self.shared.open.lock();
                let mut later = open.asks.range(self.told + 1..);
                later.next().map(|(number, waiting)| Ask { number: *number, want: waiting.want.clone() })
            };
            if let Some(ask) = next {
                self.told = ask.number;
                return ask;
            }
            if self.newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl RemoteBlobs {
    /// Whether there is somebody to ask now.
    pub fn is_connected(&self) -> bool {
        // Each connection listens for as long as it lives.
        self.0.newest.receiver_count() > 0
    }

    pub(super) fn asks(&self) -> Asks {
        Asks { shared: Arc::clone(&self.0), told: 0, newest: self.0.newest.subscribe() }
    }

    /// What an ask wants to have stored.
    pub(super) fn source(&self, number: u64) -> Option<Source> {
        self.0.open.lock().asks.get(&number)?.source.clone()
    }

    /// Takes an ask to answer it.
    pub(super) fn answer(&self, number: u64) -> Option<Answering> {
        self.0.open.lock().asks.remove(&number).map(|waiting| Answering(waiting.answer))
    }

    async fn ask(&self, want: Want, source: Option<Source>) -> Result<Reply, BlobError> {
        self.0.ask(want, source).await
    }
}

impl Shared {
    async fn ask(self: &Arc<Self>, want: Want, source: Option<Source>) -> Result<Reply, BlobError> {
        let (answer, answered) = oneshot::channel();
        let number = {
            let mut open = self.open.lock();
            open.last += 1;
            let number = open.last;
            open.asks.insert(number, Waiting { want, source, answer });
            number
        };
        self.newest.send_replace(number);
        let _withdraw = Withdraw { shared: Arc::clone(self), number };
        answered.await.map_err(|_| BlobError::Unavailable { reason: "the agent is stopping".to_owned() })
    }
}

/// Takes an ask back when nobody waits for it any more.
struct Withdraw {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Withdraw {
    fn drop(&mut self) {
        self.shared.open.lock().asks.remove(&self.number);
    }
}

fn unexpected() -> BlobError {
    BlobError::Unavailable { reason: "the control plane gave an answer to another question".to_owned() }
}

/// The pieces of one blob, over as many connections as it takes.
struct Fetch {
    shared: Arc<Shared>,
    digest: Digest,
    /// What was asked for; `None` is the whole blob.
    range: Option<Range<u64>>,
    /// Bytes that were handed over.
    received: u64,
    /// Bytes at the beginning of what comes next that were handed over before.
    known: usize,
    /// Something came since it was asked for last.
    moved: bool,
    pieces: mpsc::Receiver<Piece>,
}

impl Fetch {
    async fn begin(
        shared: &Arc<Shared>,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<Self, BlobError> {
        let pieces = content(shared, digest, range.clone()).await?;
        Ok(Self { shared: Arc::clone(shared), digest, range, received: 0, known: 0, moved: false, pieces })
    }

    async fn next(mut self) -> Option<(Result<Bytes, BlobError>, Option<Self>)> {
        loop {
            match self.pieces.recv().await {
                Some(Piece::Data(mut piece)) => {
                    let known = std::mem::take(&mut self.known).min(piece.len());
                    let piece = piece.split_off(known);
                    if piece.is_empty() {
                        continue;
                    }
                    self.received += piece.len() as u64;
                    self.moved = true;
                    return Some((Ok(piece), Some(self)));
                }
                Some(Piece::End) => return None,
                None => {
                    if let Err(error) = self.go_on().await {
                        return Some((Err(error), None));
                    }
                }
            }
        }
    }

    /// Asks for what has not come yet.
    async fn go_on(&mut self) -> Result<(), BlobError> {
        if !self.moved {
            tokio::time::sleep(PAUSE).await;
        }
        self.moved = false;
        let Some(overlap) = self.received.checked_sub(1) else {
            self.pieces = content(&self.shared, self.digest, self.range.clone()).await?;
            return Ok(());
        };
        // The last byte that came is asked for again: a range that begins at the end of a blob is none.
        let asked = self.range.clone().unwrap_or(0..u64::MAX);
        self.pieces = content(&self.shared, self.digest, Some(asked.start + overlap..asked.end)).await?;
        self.known = 1;
        Ok(())
    }
}

/// Asks for content and waits for its beginning.
async fn content(
    shared: &Arc<Shared>,
    digest: Digest,
    range: Option<Range<u64>>,
) -> Result<mpsc::Receiver<Piece>, BlobError> {
    match shared.ask(Want::Content { digest, range }, None).await? {
        Reply::Content(pieces) => Ok(pieces),
        Reply::Document(answer) => Err(answer.into_result().err().unwrap_or_else(unexpected)),
        Reply::Connection(_) => Err(unexpected()),
    }
}

#[async_trait]
impl Leaders for RemoteBlobs {
    async fn reach(
        &self,
        share: &DeploymentId,
        service: &StepName,
        port: u16,
    ) -> io::Result<Box<dyn Connection>> {
        let want = Want::Leader { share: share.clone(), service: service.clone(), port };
        match self.ask(want, None).await.map_err(io::Error::other)? {
            Reply::Connection(connection) => Ok(connection),
            Reply::Document(answer) => Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                answer.into_result().err().unwrap_or_else(unexpected),
            )),
            Reply::Content(_) => Err(io::Error::other(unexpected())),
        }
    }
}

/// Never waits for a control plane that is away.
#[async_trait]
impl Tunnels for RemoteBlobs {
    async fn open(&self, node: &NodeId, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        if !self.is_connected() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the control plane is away"));
        }
        let want = Want::Service { node: node.clone(), address };
        match self.ask(want, None).await.map_err(io::Error::other)? {
            Reply::Connection(connection) => Ok(connection),
            Reply::Document(Answer::Refused { reason }) => {
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, reason))
            }
            Reply::Document(answer) => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                answer.into_result().err().unwrap_or_else(unexpected),
            )),
            Reply::Content(_) => Err(io::Error::other(unexpected())),
        }
    }
}

#[async_trait]
impl BlobChannel for RemoteBlobs {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        match self.ask(Want::Missing { digests: digests.to_vec() }, None).await? {
            Reply::Document(answer) => match answer.into_result()? {
                Answer::Missing { digests } => Ok(digests),
                _ => Err(unexpected()),
            },
            Reply::Content(_) | Reply::Connection(_) => Err(unexpected()),
        }
    }

    async fn put(&self, digest: Digest, content: Bytes) -> Result<(), BlobError> {
        let want = Want::Stored { digest, bytes: content.len() as u64 };
        stored(self.ask(want, Some(Source::Memory(content))).await?)
    }

    async fn put_file(&self, digest: Digest, file: PathBuf) -> Result<(), BlobError> {
        let unreadable =
            |error: io::Error| BlobError::Unavailable { reason: format!("{}: {error}", file.display()) };
        let bytes = tokio::fs::metadata(&file).await.map_err(unreadable)?.len();
        stored(self.ask(Want::Stored { digest, bytes }, Some(Source::File(file))).await?)
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        let mut pieces = self.stream(digest, None).await?;
        let mut content = Vec::new();
        while let Some(piece) = pieces.next().await {
            content.extend_from_slice(&piece?);
            if content.len() > WHOLE_BYTES {
                let reason = format!("the blob {digest} is too large to be read whole");
                return Err(BlobError::Unavailable { reason });
            }
        }
        let actual = Digest::of(&content);
        if actual == digest {
            Ok(content.into())
        } else {
            Err(BlobError::Corrupt { expected: digest, actual })
        }
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let fetch = Fetch::begin(&self.0, digest, range).await?;
        Ok(futures::stream::unfold(Some(fetch), |fetch| async { fetch?.next().await }).boxed())
    }

    fn local_path(&self, _: Digest) -> Option<PathBuf> {
        None
    }
}

fn stored(reply: Reply) -> Result<(), BlobError> {
    match reply {
        Reply::Document(answer) => match answer.into_result()? {
            Answer::Stored => Ok(()),
            _ => Err(unexpected()),
        },
        Reply::Content(_) | Reply::Connection(_) => Err(unexpected()),
    }
}
