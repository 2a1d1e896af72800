//! The agent's side of the streams: an HTTP/2 server that only its control plane can reach.

use std::convert::Infallible;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::ask::{Answer, COMPLETE, CONTENT, DOCUMENT_BYTES, RESULT, asked};
use super::remote_blobs::{Piece, RemoteBlobs, Source};
use super::{
    Body, CONNECTION_WINDOW, EXEC, FRAME_BYTES, PING, PING_LIMIT, STREAM_WINDOW, STREAMS, empty, full,
};
use crate::exec::Executes;

/// A container of this machine answers at once or not at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Which addresses a tunnel may lead to: those of this node's services and no other.
pub trait Reachable: Send + Sync + Debug {
    fn is_service(&self, address: SocketAddr) -> bool;
}

/// Answers until the connection ends.
pub async fn serve<Io>(
    io: Io,
    blobs: Arc<RemoteBlobs>,
    reachable: Arc<dyn Reachable>,
    executes: Arc<dyn Executes>,
) -> Result<(), hyper::Error>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let (blobs, reachable) = (Arc::clone(&blobs), Arc::clone(&reachable));
        let executes = Arc::clone(&executes);
        async move { Ok::<_, Infallible>(answer(request, &blobs, &*reachable, executes).await) }
    });
    http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_LIMIT)
        .serve_connection(TokioIo::new(io), service)
        .await
}

async fn answer(
    request: Request<Incoming>,
    blobs: &Arc<RemoteBlobs>,
    reachable: &dyn Reachable,
    executes: Arc<dyn Executes>,
) -> Response<Body> {
    if request.method() == Method::CONNECT {
        if request.uri().authority().is_some_and(|authority| authority.as_str() == EXEC) {
            return execute(request, executes);
        }
        let number = request.uri().authority().and_then(|authority| asked(authority.as_str()));
        return match number {
            Some(number) => hand_connection(request, number, blobs),
            None => tunnel(request, reachable).await,
        };
    }
    let path = request.uri().path();
    let number = path.strip_prefix("/asks/").and_then(|number| number.parse::<u64>().ok());
    match (request.method(), number) {
        (&Method::GET, None) if path == "/asks" => list(blobs),
        (&Method::GET, Some(number)) => match blobs.source(number) {
            Some(source) => content(source).await,
            None => status(StatusCode::NOT_FOUND),
        },
        (&Method::POST, Some(number)) => take(request, number, blobs).await,
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// Every open ask and every new one, until the connection ends.
fn list(blobs: &Arc<RemoteBlobs>) -> Response<Body> {
    let lines = futures::stream::unfold(blobs.asks(), |mut asks| async {
        let ask = asks.next().await;
        let line = serde_json::to_vec(&ask).map_err(io::Error::other).map(|mut line| {
            line.push(b'\n');
            Frame::data(Bytes::from(line))
        });
        Some((line, asks))
    });
    Response::new(StreamBody::new(lines).boxed_unsync())
}

async fn content(source: Source) -> Response<Body> {
    match source {
        Source::Memory(content) => Response::new(full(content)),
        Source::File(path) => match tokio::fs::File::open(&path).await {
            Ok(file) => {
                let pieces = ReaderStream::with_capacity(file, FRAME_BYTES as usize);
                let frames = futures::StreamExt::map(pieces, |piece| piece.map(Frame::data));
                Response::new(StreamBody::new(frames).boxed_unsync())
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a file that should be stored cannot be read");
                status(StatusCode::GONE)
            }
        },
    }
}

/// The control plane answers an ask.
async fn take(request: Request<Incoming>, number: u64, blobs: &RemoteBlobs) -> Response<Body> {
    let is_content = request.headers().get(RESULT).is_some_and(|result| result == CONTENT);
    if is_content {
        let Some(pieces) = blobs.answer(number).and_then(|answering| answering.content()) else {
            return status(StatusCode::NOT_FOUND);
        };
        hand_on(request.into_body(), &pieces).await;
        return status(StatusCode::NO_CONTENT);
    }
    let document = Limited::new(request.into_body(), DOCUMENT_BYTES).collect().await;
    let answer = document.ok().and_then(|it| serde_json::from_slice::<Answer>(&it.to_bytes()).ok());
    match (answer, blobs.answer(number)) {
        (Some(answer), Some(answering)) => {
            answering.document(answer);
            status(StatusCode::NO_CONTENT)
        }
        (None, _) => status(StatusCode::BAD_REQUEST),
        (_, None) => status(StatusCode::NOT_FOUND),
    }
}

/// Hands content on piece by piece. A body that was cut off can look like one that ended: only the trailer says which.
async fn hand_on(mut body: Incoming, pieces: &mpsc::Sender<Piece>) {
    while let Some(Ok(frame)) = body.frame().await {
        let piece = match frame.into_data() {
            Ok(data) if data.is_empty() => continue,
            Ok(data) => Piece::Data(data),
            Err(frame) if frame.trailers_ref().is_some_and(|it| it.contains_key(COMPLETE)) => Piece::End,
            Err(_) => return,
        };
        // Nobody may be waiting any more.
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

/// Hands a connection to whoever asked for it.
fn hand_connection(request: Request<Incoming>, number: u64, blobs: &RemoteBlobs) -> Response<Body> {
    let Some(answering) = blobs.answer(number) else { return status(StatusCode::NOT_FOUND) };
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            answering.connection(TokioIo::new(upgraded));
        }
    });
    Response::new(empty())
}

/// Runs a command for as long as somebody holds the connection.
fn execute(request: Request<Incoming>, executes: Arc<dyn Executes>) -> Response<Body> {
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            executes.execute(Box::new(TokioIo::new(upgraded))).await;
        }
    });
    Response::new(empty())
}

async fn tunnel(request: Request<Incoming>, reachable: &dyn Reachable) -> Response<Body> {
    let address =
        request.uri().authority().and_then(|authority| authority.as_str().parse::<SocketAddr>().ok());
    let Some(address) = address.filter(|address| reachable.is_service(*address)) else {
        return status(StatusCode::FORBIDDEN);
    };
    let mut service = match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(service)) => service,
        Ok(Err(_)) => return status(StatusCode::BAD_GATEWAY),
        Err(_) => return status(StatusCode::GATEWAY_TIMEOUT),
    };
    // Small answers would wait for company.
    let _ = service.set_nodelay(true);
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let mut tunnel = TokioIo::new(upgraded);
        // Either side may end it at any time.
        let _ = tokio::io::copy_bidirectional_with_sizes(
            &mut tunnel,
            &mut service,
            FRAME_BYTES as usize,
            FRAME_BYTES as usize,
        )
        .await;
    });
    Response::new(empty())
}
