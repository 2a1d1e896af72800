//! The bodies of answers, and what is done when one has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::endpoint::Lease;
use crate::exchange::Exchange;
use crate::file_queue::FileBody;

/// Why a body ended early. The visitor's connection is closed then, which is how HTTP/1.1 says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the service broke off its answer")]
    Service(#[source] hyper::Error),
    #[error("a file of the site could not be read to its end")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Debug)]
pub(crate) struct Body {
    content: Content,
    exchange: Option<Exchange>,
}

enum Content {
    Empty,
    Whole(Option<Bytes>),
    /// The answer of a service. The lease goes back to its pool at the body's clean end, and only then.
    Service {
        incoming: Incoming,
        lease: Option<Lease>,
        /// It was broken off. Told after what came before it is on its way to the visitor.
        broken_off: Option<hyper::Error>,
    },
    /// A file that the kernel sends.
    File(FileBody),
    Stream {
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
        left: u64,
    },
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Whole(_) => "Whole",
            Self::Service { .. } => "Service",
            Self::File(_) => "File",
            Self::Stream { .. } => "Stream",
        })
    }
}

impl Body {
    const fn new(content: Content) -> Self {
        Self { content, exchange: None }
    }

    pub(crate) const fn empty() -> Self {
        Self::new(Content::Empty)
    }

    pub(crate) const fn whole(bytes: Bytes) -> Self {
        Self::new(Content::Whole(Some(bytes)))
    }

    /// `length` bytes that come piece by piece.
    pub(crate) const fn stream(stream: BoxStream<'static, Result<Bytes, BodyError>>, length: u64) -> Self {
        Self::new(Content::Stream { stream, left: length })
    }

    pub(crate) const fn file(file: FileBody) -> Self {
        Self::new(Content::File(file))
    }

    pub(crate) fn of_service(incoming: Incoming, lease: Lease) -> Self {
        let mut lease = Some(lease);
        if http_body::Body::is_end_stream(&incoming) {
            give_back(&mut lease);
        }
        Self::new(Content::Service { incoming, lease, broken_off: None })
    }

    /// The exchange ends when this body does.
    pub(crate) fn ending(mut self, exchange: Exchange) -> Self {
        self.exchange = Some(exchange);
        self
    }
}

fn give_back(lease: &mut Option<Lease>) {
    if let Some(lease) = lease.take() {
        lease.give_back();
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = match &mut this.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Service { incoming, lease, broken_off } => {
                if let Some(error) = broken_off.take() {
                    return Poll::Ready(Some(Err(BodyError::Service(error))));
                }
                let polled = match lease {
                    Some(lease) => {
                        lease.upstream.poll_piece(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx))
                    }
                    None => Pin::new(&mut *incoming).poll_frame(cx),
                };
                match &polled {
                    Poll::Ready(None) => give_back(lease),
                    Poll::Ready(Some(Ok(_))) if http_body::Body::is_end_stream(incoming) => give_back(lease),
                    Poll::Ready(_) | Poll::Pending => {}
                }
                match polled {
                    Poll::Ready(Some(Err(error))) => {
                        *broken_off = Some(error);
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            }
            Content::File(file) => Poll::Ready(file.next().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream { stream, left } => Pin::new(stream).poll_next(cx).map(|piece| {
                piece.map(|piece| {
                    piece.map(|mut bytes| {
                        // Never more than was promised, whatever the file has become.
                        bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= bytes.len() as u64;
                        Frame::data(bytes)
                    })
                })
            }),
        };
        if let (Poll::Ready(Some(Ok(frame))), Some(exchange)) = (&polled, &mut this.exchange)
            && let Some(data) = frame.data_ref()
        {
            exchange.add_bytes(data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_none(),
            Content::Service { incoming, .. } => incoming.is_end_stream(),
            Content::File(file) => file.left() == 0,
            Content::Stream { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Service { incoming, .. } => incoming.size_hint(),
            Content::File(file) => SizeHint::with_exact(file.left()),
            Content::Stream { left, .. } => SizeHint::with_exact(*left),
        }
    }
}
