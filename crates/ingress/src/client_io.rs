//! A visitor's socket, and its patience.
//!
//! hyper's header timeout also runs while a connection is idle, and costs a timer for every request. Here a connection has one
//! alarm for reading, which is set again only when it rings too early, and one for writing that exists only while a visitor
//! takes nothing. Three waits are limited: for the rest of a request's head (slow headers), for the next request (idle), and
//! for the visitor to take bytes (slow readers). While a request is being answered its body has its own pace
//! (see [`crate::request_body`]). A connection that carries many requests at once (HTTP/2) is only watched for being idle and for
//! taking nothing: the rest is the business of its protocol.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::file_queue::{FileQueue, is_placeholder};
use crate::handler::Visitor;
use crate::head_guard::HeadGuard;
use crate::options::Limits;

/// Read at once while heads are looked at.
const PIECE: usize = 16 * 1024;
/// How long, and for how much, a visitor may go on sending after its last answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;
/// Said to who is ambiguous, right before the connection is closed.
const AMBIGUOUS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How many requests are being answered. Shared by the socket and the handler of one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicUsize);

impl Activity {
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// How many requests a connection carries at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    One,
    Many,
}

/// A socket, plain or with TLS around it.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// The socket itself, if what is written to it arrives as it is.
    fn plain(&self) -> Option<&TcpStream>;
}

impl Transport for TcpStream {
    fn plain(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl Transport for tokio_rustls::server::TlsStream<TcpStream> {
    fn plain(&self) -> Option<&TcpStream> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct ClientIo<S> {
    stream: TokioIo<S>,
    queue: Option<Arc<FileQueue>>,
    carries: Carries,
    activity: Arc<Activity>,
    guard: HeadGuard,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    waiting: Waiting,
    read_alarm: Alarm,
    write_stalled: Option<Instant>,
    write_alarm: Alarm,
    lingers: Option<Lingering>,
}

/// The end of a connection whose last answer is on its way.
#[derive(Debug, Clone, Copy)]
struct Lingering {
    until: Instant,
    /// More than this is not waited for.
    bytes: usize,
}

/// What a connection without a request waits for.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// Nothing: a request is being answered.
    No,
    /// The next request, since then.
    Idle(Instant),
    /// The rest of a request's head, the first byte of which came then.
    Head(Instant),
}

impl<S: Transport> ClientIo<S> {
    pub(crate) fn new(stream: S, carries: Carries, visitor: &Visitor, limits: &Limits) -> Self {
        Self {
            stream: TokioIo::new(stream),
            queue: visitor.queue().cloned(),
            carries,
            activity: visitor.activity(),
            guard: HeadGuard::default(),
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            // Who connects and says nothing is not idle but slow.
            waiting: Waiting::Head(Instant::now()),
            read_alarm: Alarm::default(),
            write_stalled: None,
            write_alarm: Alarm::default(),
            lingers: None,
        }
    }

    /// Called when there is nothing to read. Ready means that the wait has been too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.activity.is_busy() {
            self.waiting = Waiting::No;
            return Poll::Pending;
        }
        let deadline = match self.waiting {
            Waiting::Head(since) => since + self.header_timeout,
            Waiting::Idle(since) => since + self.idle_timeout,
            Waiting::No => {
                let now = Instant::now();
                self.waiting = Waiting::Idle(now);
                now + self.idle_timeout
            }
        };
        self.read_alarm.poll(cx, deadline)
    }

    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_stalled = None;
            return result;
        }
        let since = *self.write_stalled.get_or_insert_with(Instant::now);
        ready!(self.write_alarm.poll(cx, since + self.write_timeout));
        Poll::Ready(Err(too_slow("the visitor takes no bytes")))
    }
}

impl<S: Transport> ClientIo<S> {
    /// A socket that is closed while bytes lie unread in it is reset, and the visitor may lose the answer that was just sent: so
    /// what still comes is read and dropped for a moment.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut lingering) = self.lingers else { return Poll::Ready(()) };
        let mut piece = [MaybeUninit::uninit(); PIECE];
        loop {
            let mut read = ReadBuf::uninit(&mut piece);
            match Pin::new(self.stream.inner_mut()).poll_read(cx, &mut read) {
                Poll::Pending => return self.read_alarm.poll(cx, lingering.until),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let dropped = read.filled().len();
                    lingering.bytes = lingering.bytes.saturating_sub(dropped);
                    self.lingers = Some(lingering);
                    if dropped == 0 || lingering.bytes == 0 {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }

    /// Reads, and looks at what was read while it may be the head of a request.
    fn poll_guarded(&mut self, cx: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.carries == Carries::Many || self.guard.is_done() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let room = buffer.remaining().min(PIECE);
        let Some(space) = piece.get_mut(..room) else { return Poll::Ready(Ok(())) };
        let mut read = ReadBuf::uninit(space);
        ready!(Pin::new(self.stream.inner_mut()).poll_read(cx, &mut read))?;
        if let Err(ambiguous) = self.guard.look(read.filled()) {
            if !self.activity.is_busy() {
                // Whether it arrives or not, this is the end.
                let _ = Pin::new(&mut self.stream).poll_write(cx, AMBIGUOUS);
            }
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, ambiguous)));
        }
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> ClientIo<S> {
    /// Writes what is not just bytes: a file, or what goes right before one and may travel with it.
    fn poll_special(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        let queue = self.queue.as_ref()?;
        let position = slices.iter().position(|slice| is_placeholder(slice))?;
        let socket = self.stream.inner().plain()?;
        let first = slices.iter().find(|slice| !slice.is_empty())?;
        Some(loop {
            match socket.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
            let written = socket.try_io(Interest::WRITABLE, || {
                if is_placeholder(first) {
                    queue.send(socket, first.len())
                } else if position == 1 {
                    Ok(rustix::net::send(socket, first, SendFlags::MORE | SendFlags::NOSIGNAL)?)
                } else {
                    Ok(rustix::net::send(socket, first, SendFlags::NOSIGNAL)?)
                }
            });
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => break Poll::Ready(written),
            }
        })
    }
}

impl<S: Transport> Read for ClientIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.poll_guarded(cx, buffer) {
            Poll::Ready(result) => {
                if self.activity.is_busy() || self.carries == Carries::Many {
                    self.waiting = Waiting::No;
                } else if !matches!(self.waiting, Waiting::Head(_)) {
                    self.waiting = Waiting::Head(Instant::now());
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.poll_patience(cx));
                Poll::Ready(Err(too_slow("the visitor sends no request")))
            }
        }
    }
}

impl<S: Transport> Write for ClientIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = match self.poll_special(cx, &[io::IoSlice::new(bytes)]) {
            Some(result) => result,
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        };
        self.poll_written(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingers.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.lingers = Some(Lingering { until: Instant::now() + LINGER, bytes: LINGER_BYTES });
        }
        self.poll_linger(cx).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match self.poll_special(cx, slices) {
            Some(result) => result,
            None => match only(slices) {
                Some(bytes) => Pin::new(&mut self.stream).poll_write(cx, bytes),
                None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
            },
        };
        self.poll_written(cx, result)
    }
}

/// What there is to write, if it is in one piece: that takes a cheaper system call.
pub(crate) fn only<'a>(slices: &'a [io::IoSlice<'_>]) -> Option<&'a [u8]> {
    let mut filled = slices.iter().filter(|slice| !slice.is_empty());
    let first = filled.next()?;
    filled.next().is_none().then_some(first)
}

fn too_slow(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

/// A timer that is cheap to move to a later deadline: it is left alone, and set again when it rings too early.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    rung: bool,
}

impl Alarm {
    /// Ready at or after `deadline`. Always polled by the same task, which a set timer therefore wakes without being polled
    /// again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if deadline < sleep.deadline() || self.rung {
                    sleep.as_mut().reset(deadline);
                } else if !sleep.is_elapsed() {
                    return Poll::Pending;
                } else if sleep.deadline() < deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            None => self.sleep.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        self.rung = sleep.as_mut().poll(cx).is_ready();
        if self.rung { Poll::Ready(()) } else { Poll::Pending }
    }
}
