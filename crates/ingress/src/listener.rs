//! Accepting visitors: several loops on each socket, one task per connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::client_io::{Carries, ClientIo, Transport};
use crate::connections::Permit;
use crate::context::Context;
use crate::handler::{self, Scheme, Visitor};
use crate::options::FREE_HEADERS;
use crate::tls;

/// Connections that may wait to be accepted, which matters when thousands come at once.
const BACKLOG: i32 = 4096;
/// A visitor whose machine went away is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long accepting rests when the process has no file descriptors left.
const REST: Duration = Duration::from_millis(20);

/// Requests that one connection may carry at the same time.
const STREAMS: u32 = 128;
/// Requests that may be taken back before the connection is ended: taking them back is cheap for the visitor, and not for us.
const RESETS: usize = 20;
/// Bytes of a request's body that may be on their way.
const WINDOW: u32 = 256 * 1024;
/// How often a connection of HTTP/2 is asked whether anybody is there, and how long the answer may take.
const PING: Duration = Duration::from_secs(20);

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
pub(crate) fn spawn_accept_loops(
    listener: TcpListener,
    speech: Speech,
    context: &Arc<Context>,
    tasks: &mut JoinSet<()>,
) {
    let listener = Arc::new(listener);
    for _ in 0..tokio::runtime::Handle::current().metrics().num_workers() {
        tasks.spawn(accept_loop(Arc::clone(&listener), speech.clone(), Arc::clone(context)));
    }
}

/// What is spoken on a listener.
#[derive(Clone)]
pub(crate) enum Speech {
    Plain,
    Tls(TlsAcceptor),
}

async fn accept_loop(listener: Arc<TcpListener>, speech: Speech, context: Arc<Context>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Too many connections: closing this one is the clearest answer there is room for.
                if let Some(permit) = context.connections.admit(peer.ip()) {
                    let (number, context) = (permit.number(), Arc::clone(&context));
                    match &speech {
                        Speech::Plain => {
                            let visitor = Visitor::new(peer.ip(), Scheme::Http);
                            let task = serve_http1(stream, visitor, permit, Arc::clone(&context));
                            context.connections.spawn(number, task);
                        }
                        Speech::Tls(acceptor) => {
                            let task =
                                serve_tls(stream, peer.ip(), acceptor.clone(), permit, Arc::clone(&context));
                            context.connections.spawn(number, task);
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a visitor's connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Shakes hands, within the time that headers may take, and goes on in the protocol that was agreed on.
async fn serve_tls(
    stream: TcpStream,
    client: IpAddr,
    acceptor: TlsAcceptor,
    permit: Permit,
    context: Arc<Context>,
) {
    let patience = context.options.limits.header_timeout;
    let stream = match tokio::time::timeout(patience, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::trace!(%error, %client, "a handshake failed"),
        Err(_) => return tracing::trace!(%client, "a handshake took too long"),
    };
    let visitor = Visitor::new(client, Scheme::Https);
    if stream.get_ref().1.alpn_protocol() == Some(tls::H2) {
        serve_http2(stream, visitor, permit, context).await;
    } else {
        serve_http1(stream, visitor, permit, context).await;
    }
}

/// One visitor's connection, from its first request to its last, and the tunnel it may become.
async fn serve_http1<S>(stream: S, visitor: Visitor, permit: Permit, context: Arc<Context>)
where
    S: Transport + Send + 'static,
{
    let visitor = Arc::new(visitor);
    let limits = &context.options.limits;
    let io = ClientIo::new(stream, Carries::One, &visitor, limits);
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
    let connection = pin!(protocol.serve_connection(io, service).with_upgrades());
    if let Err(error) = until_end(connection, |it| it.graceful_shutdown(), &permit, &context).await {
        tracing::trace!(%error, client = %visitor.address(), "a visitor's connection ended early");
    }
    if let Some(tunnel) = visitor.take_tunnel() {
        tunnel.run().await;
    }
}

/// The same for a connection that carries many requests at once.
async fn serve_http2<S>(stream: S, visitor: Visitor, permit: Permit, context: Arc<Context>)
where
    S: Transport + Send + 'static,
{
    let visitor = Arc::new(visitor);
    let limits = &context.options.limits;
    let io = ClientIo::new(stream, Carries::Many, &visitor, limits);
    let service = service_fn(|request| {
        let context = Arc::clone(&context);
        let visitor = Arc::clone(&visitor);
        async move { Ok::<_, Infallible>(handler::answer(context, visitor, request).await) }
    });
    let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(header_bytes)
        .max_local_error_reset_streams(Some(RESETS))
        .max_pending_accept_reset_streams(Some(RESETS))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_send_buf_size(WINDOW as usize)
        // A visitor whose machine went away, or who answers nothing, holds no requests up.
        .keep_alive_interval(Some(PING))
        .keep_alive_timeout(PING);
    let connection = pin!(protocol.serve_connection(io, service));
    if let Err(error) = until_end(connection, |it| it.graceful_shutdown(), &permit, &context).await {
        tracing::trace!(%error, client = %visitor.address(), "a visitor's connection ended early");
    }
}

/// Drives a connection to its end, and tells it when it is time to come to it.
async fn until_end<C>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    permit: &Permit,
    context: &Context,
) -> Result<(), hyper::Error>
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut registered = false;
    let mut told = false;
    poll_fn(|cx| {
        if !registered {
            permit.wake_with(cx.waker());
            registered = true;
        }
        if !told && context.connections.stopping() {
            finish(connection.as_mut());
            told = true;
        }
        connection.as_mut().poll(cx)
    })
    .await
}
