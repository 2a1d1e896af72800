//! Services behind the ingress.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// An application that does many things, by path.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
pub(crate) struct State {
    name: String,
    pub(crate) requests: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    pub(crate) open: AtomicUsize,
    pub(crate) waiting: AtomicUsize,
    /// `/gate` and `/sse` go on when there is a permit.
    pub(crate) gate: Semaphore,
}

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl App {
    pub(crate) async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name: name.to_owned(),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _task: task }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // What has ended keeps its memory until it is joined.
        while connections.try_join_next().is_some() {}
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        state.connections.fetch_add(1, Ordering::SeqCst);
        state.open.fetch_add(1, Ordering::SeqCst);
        connections.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
            state.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn full(text: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, Infallible> {
    Full::new(text.into()).boxed_unsync()
}

async fn answer(state: Arc<State>, mut request: Request<Incoming>) -> Result<Reply, Infallible> {
    state.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let mut response = Response::new(full(""));
    match path.as_str() {
        "/headers" => {
            let lines: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            let head = format!("{} {}\n", request.method(), request.uri());
            *response.body_mut() = full(head + &lines.join("\n"));
        }
        "/upload" => {
            let mut total = 0;
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => total += frame.data_ref().map_or(0, Bytes::len),
                    Err(_) => break,
                }
            }
            *response.body_mut() = full(format!("{} {total}", state.name));
        }
        "/gate" => {
            state.waiting.fetch_add(1, Ordering::SeqCst);
            state.gate.acquire().await.unwrap().forget();
            *response.body_mut() = full(state.name.clone());
        }
        "/sse" => {
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            let events = futures::stream::unfold((state, 0), |(state, number)| async move {
                if number > 0 {
                    state.gate.acquire().await.unwrap().forget();
                }
                let event = Bytes::from(format!("data: {number}\n\n"));
                Some((Ok(Frame::data(event)), (state, number + 1)))
            });
            *response.body_mut() = StreamBody::new(events.boxed()).boxed_unsync();
        }
        "/hop" => {
            let headers = response.headers_mut();
            headers.insert("connection", "x-hop".parse().unwrap());
            headers.insert("x-hop", "1".parse().unwrap());
            headers.insert("keep-alive", "timeout=5".parse().unwrap());
            headers.append("set-cookie", "a=1".parse().unwrap());
            headers.append("set-cookie", "b=2".parse().unwrap());
        }
        "/echo" => {
            let bytes = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            *response.body_mut() = full(bytes);
        }
        "/status" => *response.status_mut() = StatusCode::IM_A_TEAPOT,
        "/ws" => {
            let key = request.headers().get("sec-websocket-key").unwrap().as_bytes().to_vec();
            let upgrade = hyper::upgrade::on(&mut request);
            let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(&key);
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", "websocket".parse().unwrap());
            headers.insert("sec-websocket-accept", accept.parse().unwrap());
            tokio::spawn(async move {
                let stream = TokioIo::new(upgrade.await.unwrap());
                let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
                let mut socket =
                    tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, None).await;
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && socket.send(message).await.is_err() {
                        break;
                    }
                }
            });
        }
        _ => *response.body_mut() = full(state.name.clone()),
    }
    Ok(response)
}

/// A service that reads one request head at a time and answers each with the next of these texts; after the last it closes.
pub(crate) async fn scripted(answers: Vec<&'static str>) -> (SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            for answer in &answers {
                let mut seen = Vec::new();
                while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
                    if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                if seen.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    (address, connections, task)
}
