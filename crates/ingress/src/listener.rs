//! Accepting visitors: several loops on one socket, one task per connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::client_io::ClientIo;
use crate::connections::Permit;
use crate::context::Context;
use crate::handler::{self, Visitor};
use crate::options::FREE_HEADERS;

/// Connections that may wait to be accepted, which matters when thousands come at once.
const BACKLOG: i32 = 4096;
/// A visitor whose machine went away is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long accepting rests when the process has no file descriptors left.
const REST: Duration = Duration::from_millis(20);

/// Listens. Accepted sockets inherit the options that are set here.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// One accept loop for each of the runtime's workers.
pub(crate) fn spawn_accept_loops(listener: TcpListener, context: &Arc<Context>, tasks: &mut JoinSet<()>) {
    let listener = Arc::new(listener);
    for _ in 0..tokio::runtime::Handle::current().metrics().num_workers() {
        tasks.spawn(accept_loop(Arc::clone(&listener), Arc::clone(context)));
    }
}

async fn accept_loop(listener: Arc<TcpListener>, context: Arc<Context>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Too many connections: closing this one is the clearest answer there is room for.
                if let Some(permit) = context.connections.admit(peer.ip()) {
                    let number = permit.number();
                    let task = serve(stream, peer.ip(), permit, Arc::clone(&context));
                    context.connections.spawn(number, task);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a visitor's connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// One visitor's connection, from its first request to its last, and the tunnel it may become.
async fn serve(stream: TcpStream, client: IpAddr, permit: Permit, context: Arc<Context>) {
    let visitor = Arc::new(Visitor::new(client));
    let limits = &context.options.limits;
    let io = ClientIo::new(stream, visitor.activity(), limits);
    let service = service_fn(|request| {
        let context = Arc::clone(&context);
        let visitor = Arc::clone(&visitor);
        async move { Ok::<_, Infallible>(handler::answer(context, visitor, request).await) }
    });
    let mut protocol = http1::Builder::new();
    // Patience is the business of `ClientIo`.
    protocol
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(64 * 1024));
    if limits.header_count != FREE_HEADERS {
        protocol.max_headers(limits.header_count);
    }
    let connection = protocol.serve_connection(io, service).with_upgrades();
    let mut connection = pin!(connection);
    let mut registered = false;
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !registered {
            permit.wake_with(cx.waker());
            registered = true;
        }
        if !told && context.connections.stopping() {
            connection.as_mut().graceful_shutdown();
            told = true;
        }
        connection.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::trace!(%error, %client, "a visitor's connection ended early");
    }
    if let Some(tunnel) = visitor.take_tunnel() {
        tunnel.run().await;
    }
}
