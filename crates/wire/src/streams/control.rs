//! The control plane's side of the streams: an HTTP/2 client that answers what the agent asks.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pierhead_model::digest::Digest;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::ask::{Answer, Ask, COMPLETE, CONTENT, DOCUMENT, RESULT, Want, authority};
use super::{Body, CONNECTION_WINDOW, EXEC, FRAME_BYTES, PING, PING_LIMIT, STREAM_WINDOW, empty, full};
use crate::blob::{BlobChannel, BlobError};
use crate::traffic::{Connection, Leaders, Tunnels};

/// Asks of one agent that are answered at the same time.
const CONCURRENT: usize = 32;
/// Connections to other nodes that are being made at the same time for one agent.
const CONNECTING: usize = 256;
/// What is stored from memory; larger blobs go through a file.
const IN_MEMORY: u64 = 1 << 20;
/// The largest blob that an agent may store.
const BLOB_BYTES: u64 = 16 << 30;
/// The longest line of asks: a list of digests of a large site.
const LINE_BYTES: usize = 32 << 20;

/// What the other side may ask for.
#[derive(Debug, Clone)]
pub struct Offer {
    pub blobs: Arc<dyn BlobChannel>,
    /// Whether it may store blobs too.
    pub takes_blobs: bool,
    pub leaders: Arc<dyn Leaders>,
    /// Ways to the services that visitors can reach.
    pub services: Arc<dyn Tunnels>,
}

/// Opens streams to one agent, and answers what one agent or ingress asks.
#[derive(Debug, Clone)]
pub struct Streams {
    sender: SendRequest<Body>,
}

/// Why the streams ended.
#[derive(Debug, thiserror::Error)]
pub enum StreamsEnd {
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    #[error("the agent said something that is no ask: {0}")]
    Garbled(String),
    #[error("the agent closed the connection")]
    Closed,
}

impl Streams {
    /// Begins on an opened channel. The future answers asks with what is offered, and must be driven; it ends with the connection.
    pub async fn begin<Io>(
        io: Io,
        offer: Offer,
    ) -> Result<(Self, impl Future<Output = StreamsEnd> + Send), StreamsEnd>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME_BYTES)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING_LIMIT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(io))
            .await?;
        let streams = Self { sender };
        let answering = Answering { streams: streams.clone(), offer };
        let driven = async move {
            tokio::select! {
                ended = connection => ended.map_or_else(StreamsEnd::Broken, |()| StreamsEnd::Closed),
                end = answering.run() => end,
            }
        };
        Ok((streams, driven))
    }

    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// A connection to a service on the agent's machine.
    pub async fn tunnel(&self, to: SocketAddr) -> io::Result<TokioIo<Upgraded>> {
        let to = to.to_string();
        let response = self.connect(&to).await?;
        let refused = |kind, reason: &str| Err(io::Error::new(kind, format!("{to}: {reason}")));
        match response.status() {
            StatusCode::OK => Ok(TokioIo::new(hyper::upgrade::on(response).await.map_err(io::Error::other)?)),
            StatusCode::FORBIDDEN => refused(io::ErrorKind::ConnectionRefused, "no service of that node"),
            StatusCode::GATEWAY_TIMEOUT => refused(io::ErrorKind::TimedOut, "the service did not answer"),
            _ => refused(io::ErrorKind::ConnectionRefused, "the service refused"),
        }
    }

    /// A connection to a command that is still to be told ([`crate::exec::Begin`]). An error of the kind `Unsupported` comes from an
    /// agent that is too old.
    pub async fn execute(&self) -> io::Result<TokioIo<Upgraded>> {
        let response = self.connect(EXEC).await?;
        match response.status() {
            StatusCode::OK => Ok(TokioIo::new(hyper::upgrade::on(response).await.map_err(io::Error::other)?)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    async fn connect(&self, authority: &str) -> io::Result<Response<Incoming>> {
        let mut request = Request::new(empty());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = authority.parse().map_err(io::Error::other)?;
        self.send(request).await.map_err(io::Error::other)
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, hyper::Error> {
        let mut sender = self.sender.clone();
        sender.ready().await?;
        sender.send_request(request).await
    }
}

/// Reads the agent's asks and answers each on a stream of its own.
struct Answering {
    streams: Streams,
    offer: Offer,
}

impl Answering {
    async fn run(self) -> StreamsEnd {
        let mut request = Request::new(empty());
        *request.uri_mut() = http::Uri::from_static("/asks");
        let mut body = match self.streams.send(request).await {
            Ok(response) => response.into_body(),
            Err(error) => return error.into(),
        };
        let slots = Arc::new(Semaphore::new(CONCURRENT));
        let connecting = Arc::new(Semaphore::new(CONNECTING));
        let this = Arc::new(self);
        let mut tasks = tokio::task::JoinSet::new();
        let mut line = BytesMut::new();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                Some(_) = tasks.join_next() => continue,
            };
            match frame {
                Some(Ok(frame)) => line.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                Some(Err(error)) => return error.into(),
                None => return StreamsEnd::Closed,
            }
            while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                let ask = match serde_json::from_slice::<Ask>(&line.split_to(end + 1)) {
                    Ok(ask) => ask,
                    Err(error) => return StreamsEnd::Garbled(error.to_string()),
                };
                // Reading on waits too: an agent that asks for everything at once holds only itself up. Connections are made soon
                // or not at all, and must not wait for transfers of blobs.
                let slots = match ask.want {
                    Want::Leader { .. } | Want::Service { .. } => &connecting,
                    Want::Missing { .. } | Want::Content { .. } | Want::Stored { .. } => &slots,
                };
                let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return StreamsEnd::Closed };
                let this = Arc::clone(&this);
                tasks.spawn(async move {
                    this.answer(ask).await;
                    drop(slot);
                });
            }
            if line.len() > LINE_BYTES {
                return StreamsEnd::Garbled("a line without end".to_owned());
            }
        }
    }

    async fn answer(&self, ask: Ask) {
        let number = ask.number;
        let only_reads = || BlobError::Unavailable { reason: "nothing is stored from there".to_owned() };
        let answer = match ask.want {
            // Before any of it is fetched.
            Want::Missing { .. } | Want::Stored { .. } if !self.offer.takes_blobs => Err(only_reads()),
            Want::Missing { digests } => {
                self.offer.blobs.missing(&digests).await.map(|digests| Answer::Missing { digests })
            }
            Want::Content { digest, range } => match self.offer.blobs.stream(digest, range).await {
                Ok(pieces) => {
                    let frames = pieces.map(|piece| piece.map(Frame::data).map_err(io::Error::other));
                    let trailer = HeaderMap::from_iter(
                        [(COMPLETE, HeaderValue::from_static("true"))]
                            .map(|(name, value)| (HeaderName::from_static(name), value)),
                    );
                    let frames = frames.chain(futures::stream::iter([Ok(Frame::trailers(trailer))]));
                    return self.tell(number, CONTENT, StreamBody::new(frames).boxed_unsync()).await;
                }
                Err(error) => Err(error),
            },
            Want::Stored { digest, bytes } => match self.store(number, digest, bytes).await {
                Ok(()) => Ok(Answer::Stored),
                // The connection is gone, or nobody wants it any more; it is asked again if somebody does.
                Err(StoreError::NotFetched) => return,
                Err(StoreError::Blob(error)) => Err(error),
            },
            Want::Leader { share, service, port } => {
                match self.offer.leaders.reach(&share, &service, port).await {
                    Ok(connection) => return self.connect(number, connection).await,
                    Err(error) => Err(BlobError::Unavailable { reason: error.to_string() }),
                }
            }
            Want::Service { node, address } => match self.offer.services.open(&node, address).await {
                Ok(connection) => return self.connect(number, connection).await,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(BlobError::Unavailable { reason: error.to_string() })
                }
                Err(error) => Ok(Answer::Refused { reason: error.to_string() }),
            },
        };
        let answer = answer.unwrap_or_else(Answer::from);
        if let Ok(document) = serde_json::to_vec(&answer) {
            self.tell(number, DOCUMENT, full(document)).await;
        }
    }

    /// Joins what the agent asked for with what was found.
    async fn connect(&self, number: u64, mut found: Box<dyn Connection>) {
        let asked = match self.streams.connect(&authority(number)).await {
            Ok(response) if response.status() == StatusCode::OK => hyper::upgrade::on(response).await.ok(),
            // Nobody waits for it any more.
            Ok(_) | Err(_) => None,
        };
        let Some(asked) = asked else { return };
        tokio::spawn(async move {
            let mut asked = TokioIo::new(asked);
            let size = FRAME_BYTES as usize;
            // Either side may end it at any time.
            let _ = tokio::io::copy_bidirectional_with_sizes(&mut asked, &mut found, size, size).await;
        });
    }

    /// When this fails the agent asks again on the next connection.
    async fn tell(&self, number: u64, result: &'static str, body: Body) {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(RESULT, HeaderValue::from_static(result));
        if let Ok(uri) = format!("/asks/{number}").parse() {
            *request.uri_mut() = uri;
            if let Err(error) = self.streams.send(request).await {
                tracing::debug!(%error, "an answer did not arrive");
            }
        }
    }

    async fn store(&self, number: u64, digest: Digest, bytes: u64) -> Result<(), StoreError> {
        if bytes > BLOB_BYTES {
            return Err(StoreError::Blob(BlobError::OutOfSpace));
        }
        let mut request = Request::new(empty());
        *request.uri_mut() = format!("/asks/{number}").parse().map_err(|_| StoreError::NotFetched)?;
        let response = self.streams.send(request).await.map_err(|_| StoreError::NotFetched)?;
        if response.status() != StatusCode::OK {
            return Err(StoreError::NotFetched);
        }
        let mut body = response.into_body();
        let mut received = 0;
        if bytes <= IN_MEMORY {
            let mut content = Vec::new();
            while let Some(piece) = next(&mut body, &mut received, bytes).await? {
                content.extend_from_slice(&piece);
            }
            return Ok(self.offer.blobs.put(digest, content.into()).await?);
        }
        let file = tempfile::NamedTempFile::new().map_err(unavailable)?;
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(unavailable)?);
        while let Some(piece) = next(&mut body, &mut received, bytes).await? {
            writer.write_all(&piece).await.map_err(unavailable)?;
        }
        writer.flush().await.map_err(unavailable)?;
        Ok(self.offer.blobs.put_file(digest, file.path().to_owned()).await?)
    }
}

enum StoreError {
    NotFetched,
    Blob(BlobError),
}

impl From<BlobError> for StoreError {
    fn from(error: BlobError) -> Self {
        Self::Blob(error)
    }
}

fn unavailable(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::Blob(BlobError::OutOfSpace),
        _ => StoreError::Blob(BlobError::Unavailable { reason: error.to_string() }),
    }
}

/// The next piece; neither more nor less than was announced is taken.
async fn next(body: &mut Incoming, received: &mut u64, announced: u64) -> Result<Option<Bytes>, StoreError> {
    loop {
        let Some(frame) = body.frame().await else {
            return if *received == announced { Ok(None) } else { Err(StoreError::NotFetched) };
        };
        let Ok(piece) = frame.map_err(|_| StoreError::NotFetched)?.into_data() else { continue };
        *received += piece.len() as u64;
        if *received > announced {
            let reason = "more came than was announced".to_owned();
            return Err(StoreError::Blob(BlobError::Unavailable { reason }));
        }
        return Ok(Some(piece));
    }
}
