//! One connection to a service: what sends requests on it, and what drives it.
//!
//! A connection is driven by whoever waits for its answer, in the visitor's own task, so that a request wakes one task and not
//! two that wake each other. That would hold up an upload, which has to go on while nobody looks at the answer, and a tunnel,
//! which outlives its request: for those the connection gets a task of its own. While it is idle nobody drives it; what the
//! service said meanwhile (mostly that it has closed) is found out before it is used again, or when its pool is swept.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;

use crate::request_body::RequestBody;

/// A connection that was used so recently is taken without a look at what came over it since.
const A_MOMENT: Duration = Duration::from_millis(20);
/// The largest head of an answer, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) sender: SendRequest<RequestBody>,
    driver: Driver,
}

/// What moves bytes between the connection and its sender. Ends with the connection.
enum Driver {
    Here(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// In a task of its own, or at its end.
    Elsewhere,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Elsewhere => "Elsewhere",
        })
    }
}

impl Upstream {
    /// Speaks HTTP/1.1 on a connection that was just made.
    pub(crate) async fn begin<Io>(stream: Io) -> Result<Self, hyper::Error>
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let protocol = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream));
        let (sender, connection) = protocol.await?;
        let driver = Box::pin(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::trace!(%error, "a connection to a service ended early");
            }
        });
        Ok(Self { sender, driver: Driver::Here(driver) })
    }

    /// Lets it be driven by a task of its own from now on.
    pub(crate) fn hand_over(&mut self, tasks: &TaskTracker) {
        if let Driver::Here(driver) = std::mem::replace(&mut self.driver, Driver::Elsewhere) {
            tasks.spawn(driver);
        }
    }

    /// Drives it, and polls for its answer.
    pub(crate) fn poll_answer<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.drive(cx) {
            // Nothing but the driver makes it ready: no need to be woken by it too.
            polled(&mut Context::from_waker(Waker::noop()))
        } else {
            polled(cx)
        }
    }

    /// Polls for a piece of its answer, which may be there, and drives it when none is.
    pub(crate) fn poll_piece<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut polled: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if matches!(self.driver, Driver::Here(_))
            && let Poll::Ready(piece) = polled(&mut Context::from_waker(Waker::noop()))
        {
            return Poll::Ready(piece);
        }
        self.poll_answer(cx, polled)
    }

    /// Whether it is to be driven here again.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let Driver::Here(driver) = &mut self.driver else { return false };
        if driver.as_mut().poll(cx).is_ready() {
            self.driver = Driver::Elsewhere;
            return false;
        }
        true
    }

    /// Finds out what became of it while it was idle, for so long.
    pub(crate) fn state(&mut self, idle: Duration) -> State {
        if idle < A_MOMENT && self.sender.is_ready() {
            return State::Ready;
        }
        let was_here = matches!(self.driver, Driver::Here(_));
        let is_here = self.drive(&mut Context::from_waker(Waker::noop()));
        if self.sender.is_closed() || (was_here && !is_here) {
            State::Closed
        } else if self.sender.is_ready() {
            State::Ready
        } else {
            State::Busy
        }
    }
}

/// What an idle connection is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// Its last answer is still being finished.
    Busy,
    Closed,
}
