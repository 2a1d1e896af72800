//! A reverse proxy for one deployment: which endpoint, over which connection, and what may be tried again.
//!
//! A request is sent again only when that cannot do anything twice:
//! - the connection was not made, or hyper gives the request back because not one byte of it was written;
//! - a connection from the pool was closed before any answer came (the service had closed it while it was idle), and the
//!   request is idempotent and has no body, or has one of which not one byte was read.
//!
//! Requests that could not be sent again take only pooled connections that were used a moment ago, or a new one.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use parking_lot::Mutex;
use pierhead_model::id::DeploymentId;
use pierhead_model::sleep::Rest;
use pierhead_wire as wire;

use crate::client_io::Alarm;
use crate::context::Context;
use crate::drain::Tracker;
use crate::endpoint::{Endpoint, Lease};
use crate::forwarding::Outgoing;
use crate::request_body::{RequestBody, Watch};

/// A connection that was used this recently has hardly been closed by a service that waits for the next request.
const JUST_USED: Duration = Duration::from_millis(500);
/// Any idle connection that the pool still has.
const ANY: Duration = Duration::from_secs(30);
/// Tries beyond one for each endpoint: a stale connection, and one more.
const SPARE_TRIES: usize = 2;

#[derive(Debug)]
pub(crate) struct Service {
    tracker: Arc<Tracker>,
    endpoints: Box<[Arc<Endpoint>]>,
    rest: Rest,
    next: AtomicUsize,
}

/// The head of a service's answer, and what its body comes over.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    /// The visitor's side, when it asked for a tunnel.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// Why a service did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing was sent to anybody: the request is as it was.
    #[error("no endpoint of the service could be connected to")]
    Unreachable(Box<Outgoing>),
    #[error("the service closed the connection before it answered, or its answer was not HTTP")]
    NoAnswer(#[source] hyper::Error),
    #[error("the service did not begin its answer in time")]
    TimedOut,
    #[error("the visitor sent the request's body too slowly")]
    VisitorTooSlow,
    #[error("the visitor broke off the request")]
    VisitorGone,
}

/// What came of sending a request once.
enum Sent {
    Answered(Response<Incoming>, Lease),
    /// It may be sent again, over another connection.
    Again(Request<RequestBody>),
    Failed(Failure),
}

impl Service {
    pub(crate) fn new(tracker: Arc<Tracker>, endpoints: Box<[Arc<Endpoint>]>, rest: Rest) -> Self {
        Self { tracker, endpoints, rest, next: AtomicUsize::new(0) }
    }

    pub(crate) fn deployment(&self) -> &DeploymentId {
        self.tracker.deployment()
    }

    pub(crate) const fn tracker(&self) -> &Arc<Tracker> {
        &self.tracker
    }

    /// How deeply it sleeps.
    pub(crate) const fn rest(&self) -> Rest {
        self.rest
    }

    /// Whether these are its endpoints, in this order, and it sleeps as deeply as this.
    pub(crate) fn has(&self, named: &[wire::Endpoint], rest: Rest) -> bool {
        self.rest == rest
            && self.endpoints.len() == named.len()
            && self.endpoints.iter().zip(named).all(|(endpoint, named)| endpoint.endpoint() == named)
    }

    #[cfg(test)]
    pub(crate) const fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Sends a request to an endpoint and waits for the head of its answer.
    pub(crate) async fn forward(
        &self,
        context: &Context,
        mut outgoing: Outgoing,
        alarm: &Mutex<Alarm>,
    ) -> Result<Answer, Failure> {
        let mut refused: Vec<wire::Endpoint> = Vec::new();
        let mut pool_is_stale = false;
        for _ in 0..self.endpoints.len() + SPARE_TRIES {
            let now = Instant::now();
            let Some(endpoint) = self.pick(now, &refused) else { break };
            let unused = if is_repeatable(&outgoing.request) { ANY } else { JUST_USED };
            let pooled = if pool_is_stale { None } else { endpoint.pooled(now, unused) };
            let from_pool = pooled.is_some();
            let lease = match pooled {
                Some(lease) => lease,
                None => match Box::pin(endpoint.connect(context)).await {
                    Ok(lease) => lease,
                    Err(error) => {
                        tracing::debug!(
                            %error, endpoint = ?endpoint.endpoint(), deployment = %self.deployment(),
                            "an endpoint could not be connected to"
                        );
                        refused.push(endpoint.endpoint().clone());
                        continue;
                    }
                },
            };
            let has_upgrade = outgoing.upgrade.is_some();
            match send(context, lease, outgoing.request, Way { from_pool, has_upgrade }, alarm).await {
                Sent::Answered(response, lease) => {
                    return Ok(Answer { response, lease, upgrade: outgoing.upgrade });
                }
                Sent::Again(request) => {
                    outgoing = Outgoing { request, upgrade: outgoing.upgrade };
                    if from_pool {
                        pool_is_stale = true;
                    } else {
                        refused.push(endpoint.endpoint().clone());
                    }
                }
                Sent::Failed(failure) => return Err(failure),
            }
        }
        Err(Failure::Unreachable(Box::new(outgoing)))
    }

    /// The endpoint with the fewest requests, in turn among equals; one that just failed only when there is no other.
    fn pick(&self, now: Instant, refused: &[wire::Endpoint]) -> Option<&Arc<Endpoint>> {
        if let [only] = &*self.endpoints {
            return refused.is_empty().then_some(only);
        }
        let count = self.endpoints.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let (before, after) = self.endpoints.split_at(first);
        after
            .iter()
            .chain(before)
            .filter(|endpoint| !refused.contains(endpoint.endpoint()))
            .min_by_key(|endpoint| (endpoint.is_avoided(now), endpoint.in_flight()))
    }
}

/// Whether a request that was written may be written again.
fn is_repeatable(request: &Request<RequestBody>) -> bool {
    request.body().is_empty()
        && matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
        )
}

/// How a request is sent.
#[derive(Debug, Clone, Copy)]
struct Way {
    from_pool: bool,
    has_upgrade: bool,
}

async fn send(
    context: &Context,
    mut lease: Lease,
    mut request: Request<RequestBody>,
    way: Way,
    alarm: &Mutex<Alarm>,
) -> Sent {
    let limits = &context.options.limits;
    let mut watch = request.body_mut().watch();
    if watch.is_some() || way.has_upgrade {
        lease.upstream.hand_over(&context.upstreams);
    }
    let copy = (way.from_pool && (is_repeatable(&request) || watch.is_some())).then(|| Head::of(&request));
    let answering = lease.upstream.sender.try_send_request(request);
    let mut answering = std::pin::pin!(answering);
    let mut uploaded = 0;
    let answered = loop {
        let deadline = tokio::time::Instant::now() + limits.answer_timeout;
        let answered = poll_fn(|cx| match lease.upstream.poll_answer(cx, |cx| answering.as_mut().poll(cx)) {
            Poll::Ready(answered) => Poll::Ready(Some(answered)),
            Poll::Pending => alarm.lock().poll(cx, deadline).map(|()| None),
        });
        match answered.await {
            Some(answered) => break answered,
            None => match &watch {
                // It is still taking the body: the time for its answer has not begun.
                Some(Watch { progress, .. }) if !progress.has_ended() && progress.bytes() > uploaded => {
                    uploaded = progress.bytes();
                }
                _ => return Sent::Failed(Failure::TimedOut),
            },
        }
    };
    let mut error = match answered {
        Ok(response) => return Sent::Answered(response, lease),
        Err(error) => error,
    };
    if let Some(request) = error.take_message() {
        return Sent::Again(request);
    }
    let error = error.into_error();
    if let Some(Watch { progress, .. }) = &watch {
        if progress.is_too_slow() {
            return Sent::Failed(Failure::VisitorTooSlow);
        }
        if progress.is_broken_off() {
            return Sent::Failed(Failure::VisitorGone);
        }
    }
    // An answer that cannot be parsed is an answer: only a connection that ended may be stale.
    let ended = error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_io(&error);
    let Some(head) = copy.filter(|_| ended) else {
        return Sent::Failed(Failure::NoAnswer(error));
    };
    match watch.take() {
        None => Sent::Again(head.with(RequestBody::Empty)),
        Some(Watch { reclaimed, .. }) => match reclaimed.await {
            Ok(incoming) => Sent::Again(head.with(RequestBody::new(incoming, limits))),
            Err(_) => Sent::Failed(Failure::NoAnswer(error)),
        },
    }
}

fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// A request without its body, kept to write it again.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    fn of(request: &Request<RequestBody>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    fn with(self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        *request.version_mut() = Version::HTTP_11;
        request
    }
}
