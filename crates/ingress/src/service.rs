//! Requests to a service: passed on to one of its processes, streaming both ways.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::headers;
use crate::page::{self, Body};
use crate::pool::{Connection, Upstream};
use crate::table::InFlight;

/// From the request to the beginning of the answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn answer(
    upstreams: &[Arc<Upstream>],
    next: &AtomicUsize,
    mut request: Request<Incoming>,
    visitor: SocketAddr,
    host: &str,
    in_flight: InFlight,
) -> Response<Body> {
    let upgrade = headers::upgrade(request.headers());
    let visitors_side = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    let asked = page::Asked::of(&request);
    let is_head = request.method() == Method::HEAD;
    headers::strip_hop_by_hop(request.headers_mut());
    headers::set_forwarded(request.headers_mut(), visitor.ip(), host);
    if let Some(protocol) = &upgrade {
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(header::UPGRADE, protocol.clone());
    }
    // The request line to a server names the path only.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    let first = next.fetch_add(1, Ordering::Relaxed);
    let (mut response, connection, upstream) = match send(upstreams, first, request).await {
        Ok(sent) => sent,
        Err(failure) => return failure.page(&asked, host),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return match visitors_side {
            Some(visitors_side) => tunnel(response, visitors_side, in_flight),
            None => page::failed(
                &asked,
                StatusCode::BAD_GATEWAY,
                "The service changed to a protocol nobody asked for.",
            ),
        };
    }
    headers::strip_hop_by_hop(response.headers_mut());
    let has_no_body = is_head || response.body().is_end_stream();
    let (parts, body) = response.into_parts();
    let mut body = Passed { body, connection: Some((connection, upstream)), _in_flight: in_flight };
    if has_no_body {
        body.give_back();
    }
    Response::from_parts(parts, body.boxed_unsync())
}

/// Why no answer came.
enum Failure {
    Unreachable,
    TooSlow,
    BrokeOff,
}

impl Failure {
    fn page(&self, asked: &page::Asked, host: &str) -> Response<Body> {
        let (status, detail) = match self {
            Self::Unreachable => {
                (StatusCode::SERVICE_UNAVAILABLE, "Its process does not take connections at the moment.")
            }
            Self::TooSlow => (StatusCode::GATEWAY_TIMEOUT, "Its process did not answer within a minute."),
            Self::BrokeOff => (StatusCode::BAD_GATEWAY, "Its process hung up instead of answering."),
        };
        page::failed(asked, status, &format!("{host} could not answer. {detail}"))
    }
}

type Sent = (Response<Incoming>, Connection, Arc<Upstream>);

/// A kept connection may have been closed by the other side just now: as long as nothing was sent, another one is taken. A
/// process that takes no connection is passed over.
async fn send(
    upstreams: &[Arc<Upstream>],
    first: usize,
    mut request: Request<Incoming>,
) -> Result<Sent, Failure> {
    for offset in 0..upstreams.len() {
        let Some(upstream) = upstreams.get((first + offset) % upstreams.len()) else { break };
        loop {
            let (mut connection, kept) = match upstream.kept() {
                Some(connection) => (connection, true),
                None => match upstream.connect().await {
                    Ok(connection) => (connection, false),
                    Err(_) => break,
                },
            };
            if connection.ready().await.is_err() {
                if kept {
                    continue;
                }
                break;
            }
            let sending = connection.try_send_request(request);
            match tokio::time::timeout(ANSWER_LIMIT, sending).await {
                Err(_) => return Err(Failure::TooSlow),
                Ok(Ok(response)) => return Ok((response, connection, Arc::clone(upstream))),
                Ok(Err(mut error)) => match error.take_message() {
                    // It was not sent at all.
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::BrokeOff),
                },
            }
        }
    }
    Err(Failure::Unreachable)
}

/// Joins both sides after the service agreed to another protocol.
fn tunnel(
    mut response: Response<Incoming>,
    visitor: hyper::upgrade::OnUpgrade,
    in_flight: InFlight,
) -> Response<Body> {
    let service = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        if let (Ok(visitor), Ok(service)) = tokio::join!(visitor, service) {
            let (mut visitor, mut service) = (TokioIo::new(visitor), TokioIo::new(service));
            // Either side may end it.
            let _ = tokio::io::copy_bidirectional(&mut visitor, &mut service).await;
        }
        drop(in_flight);
    });
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, page::empty())
}

/// An answer's body on its way; gives the connection back when it has ended well.
struct Passed {
    body: Incoming,
    connection: Option<(Connection, Arc<Upstream>)>,
    _in_flight: InFlight,
}

impl Passed {
    fn give_back(&mut self) {
        if let Some((connection, upstream)) = self.connection.take() {
            upstream.keep(connection);
        }
    }
}

impl hyper::body::Body for Passed {
    type Data = Bytes;
    type Error = page::BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.give_back();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
