//! Visitors' connections: accepted, limited, and each request led to what its host shows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::page::{self, Body};
use crate::table::Shown;
use crate::{Shared, headers, service};

/// A visitor has this long to say what it wants; keeps slow ones from holding connections.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
const MAXIMUM_HEADER_BYTES: usize = 64 * 1024;
const MAXIMUM_HEADERS: usize = 100;

/// Accepts until it is stopped, and then waits for what is in flight.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(shared.options.maximum_connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, visitor) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others must end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // One too many is closed at once, so that the ones that are served stay served.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move {
            serve(shared, stream, visitor, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    let _ = tokio::time::timeout(shared.options.drain_limit, connections.wait()).await;
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, visitor: SocketAddr, mut stop: watch::Receiver<bool>) {
    // Small answers should not wait for more to say.
    let _ = stream.set_nodelay(true);
    let answering = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request, visitor).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAXIMUM_HEADER_BYTES)
        .max_headers(MAXIMUM_HEADERS)
        .serve_connection(TokioIo::new(stream), answering)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How a visitor's connection ended is the visitor's business.
        _ = &mut connection => {}
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone stops us too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn answer(shared: &Shared, request: Request<Incoming>, visitor: SocketAddr) -> Response<Body> {
    let host = match headers::host(&request) {
        Ok(host) => host,
        Err(why) => return page::problem(&request, StatusCode::BAD_REQUEST, why),
    };
    let Some(entry) = shared.table.find(&host) else {
        return if shared.table.is_empty() {
            page::starting_up(&request)
        } else {
            page::unknown(&request, &host)
        };
    };
    match &entry.shown {
        Shown::Page(kind) => page::of(&request, *kind, &host),
        Shown::Site { manifest, live } => {
            let in_flight = live.begin();
            let answer = shared.sites.answer(&request, *manifest).await;
            page::held(answer, in_flight)
        }
        Shown::Service { upstreams, live, next } => {
            let in_flight = live.begin();
            service::answer(upstreams, next, request, visitor, &host, in_flight).await
        }
    }
}
