//! The body of a request on its way to a service: passed on piece by piece, watched, and given back if nobody read it.
//!
//! *Pace.* Only the time spent waiting for the visitor counts, not the time a service takes to read. A visitor may keep us
//! waiting for the grace plus what its bytes need at the lowest rate; an upload of any size that moves goes through.
//!
//! *Reclaim.* A connection from the pool may turn out to be closed after the request was written to it. If not one byte of the
//! body was taken by then, the body comes back and the request can be sent elsewhere.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use crate::options::Limits;

/// Why a body ended early: always the visitor's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestBodyError {
    #[error("the visitor broke off the request")]
    BrokenOff(#[source] hyper::Error),
    #[error("the visitor sends the request too slowly")]
    TooSlow,
}

#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Streaming(Box<Streaming>),
}

#[derive(Debug)]
pub(crate) struct Streaming {
    incoming: Option<Incoming>,
    pace: Pace,
    progress: Arc<Progress>,
    reclaim: Option<oneshot::Sender<Incoming>>,
}

/// How far a body has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: AtomicU64,
    ended: AtomicBool,
    too_slow: AtomicBool,
    broken_off: AtomicBool,
}

impl Progress {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn is_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Relaxed)
    }

    pub(crate) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Relaxed)
    }
}

/// What the sender of a request keeps of its body.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) progress: Arc<Progress>,
    /// Resolves to the body when it was dropped untouched, and to an error when some of it was read.
    pub(crate) reclaimed: oneshot::Receiver<Incoming>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, limits: &Limits) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        Self::Streaming(Box::new(Streaming {
            incoming: Some(incoming),
            pace: Pace::new(limits.body_grace, limits.body_bytes_per_second),
            progress: Arc::default(),
            reclaim: None,
        }))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Starts to watch this body, unless there is none.
    pub(crate) fn watch(&mut self) -> Option<Watch> {
        match self {
            Self::Empty => None,
            Self::Streaming(streaming) => {
                let (sender, reclaimed) = oneshot::channel();
                streaming.reclaim = Some(sender);
                Some(Watch { progress: Arc::clone(&streaming.progress), reclaimed })
            }
        }
    }
}

impl Streaming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Pending if self.pace.poll_patience(cx).is_ready() => {
                self.progress.too_slow.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(RequestBodyError::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.reclaim = None;
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.pace.received(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.reclaim = None;
                self.progress.broken_off.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(RequestBodyError::BrokenOff(error))))
            }
            Poll::Ready(None) => {
                self.reclaim = None;
                self.progress.ended.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let (Some(reclaim), Some(incoming)) = (self.reclaim.take(), self.incoming.take()) {
            if incoming.is_end_stream() {
                self.progress.ended.store(true, Ordering::Relaxed);
            }
            // Nobody wants it back: the request was answered.
            let _ = reclaim.send(incoming);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streaming(streaming) => streaming.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(streaming) => {
                let ended = streaming.incoming.as_ref().is_none_or(Body::is_end_stream);
                if ended {
                    streaming.progress.ended.store(true, Ordering::Relaxed);
                }
                ended
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(streaming) => {
                streaming.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
            }
        }
    }
}

/// How long a visitor has kept us waiting, and how long it may.
#[derive(Debug)]
struct Pace {
    allowed: Duration,
    bytes_per_second: u32,
    waited: Duration,
    waiting_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    const fn new(grace: Duration, bytes_per_second: u32) -> Self {
        Self { allowed: grace, bytes_per_second, waited: Duration::ZERO, waiting_since: None, alarm: None }
    }

    /// Called when nothing has come. Ready means that it has been too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadline = since + self.allowed.saturating_sub(self.waited);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx)
    }

    fn received(&mut self, bytes: u64) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        let milliseconds = bytes.saturating_mul(1000) / u64::from(self.bytes_per_second.max(1));
        self.allowed = self.allowed.saturating_add(Duration::from_millis(milliseconds));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_waiting_counts_and_bytes_earn_time() {
        let mut pace = Pace::new(Duration::from_secs(10), 100);
        let begin = Instant::now();
        // The service reads slowly: nobody waits for the visitor.
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(poll_fn(|cx| Poll::Ready(pace.poll_patience(cx))).await.is_pending());
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.received(500);
        poll_fn(|cx| pace.poll_patience(cx)).await;
        // 10 s of grace and 5 s for 500 bytes, 9 s of which were used.
        assert_eq!(begin.elapsed().as_secs(), 60 + 9 + 6);
    }
}
