//! One request, from its headers to its answer: which host, which route, who answers.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONNECTION, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use ipnet::IpNet;
use parking_lot::Mutex;
use pierhead_wire::pass::ENTRANCE;

use crate::body::Body;
use crate::client_io::{Activity, Alarm};
use crate::context::Context;
use crate::drain::{InFlight, Refused, Tracker};
use crate::endpoint::Lease;
use crate::error_page::Notice;
use crate::exchange::Exchange;
use crate::file_queue::FileQueue;
use crate::forwarding::{self, Outgoing};
use crate::guard::{self, Refusal};
use crate::host;
use crate::origin::{Origin, Scheme, is_trusted};
use crate::service::{Answer, Failure, Service};
use crate::static_site::{Shelf, Site};
use crate::target::{Route, Target};
use crate::tunnel::Tunnel;
use crate::waking;

/// How often a route is looked up again because its deployment had just left the table.
const LOOKUPS: usize = 4;
/// Who came by TLS comes by TLS for two years. Subdomains may belong to others, and are not spoken for.
const STRICTLY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The visitor at the other end of one connection.
#[derive(Debug)]
pub(crate) struct Visitor {
    origin: Origin,
    /// It is a proxy whose word counts.
    is_proxy: bool,
    activity: Arc<Activity>,
    /// Where the kernel can send files to the visitor.
    queue: Option<Arc<FileQueue>>,
    tunnel: Mutex<Option<Tunnel>>,
    /// Rings when an answer takes too long: one for all requests of a connection that come one after the other.
    alarm: Mutex<Alarm>,
}

impl Visitor {
    pub(crate) fn new(address: IpAddr, scheme: Scheme, trusted: &[IpNet]) -> Self {
        let origin = Origin::new(address, scheme);
        Self {
            is_proxy: is_trusted(origin.client, trusted),
            origin,
            activity: Arc::default(),
            // What is encrypted has to pass through here.
            queue: (scheme == Scheme::Http).then(Arc::default),
            tunnel: Mutex::new(None),
            alarm: Mutex::default(),
        }
    }

    pub(crate) const fn address(&self) -> IpAddr {
        self.origin.client
    }

    pub(crate) const fn queue(&self) -> Option<&Arc<FileQueue>> {
        self.queue.as_ref()
    }

    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// What the connection has become, if it stopped being HTTP.
    pub(crate) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.lock().take()
    }
}

/// An answer, and the tunnel that begins with it.
struct Reply {
    response: Response<Body>,
    tunnel: Option<(hyper::upgrade::OnUpgrade, hyper::upgrade::OnUpgrade, Lease)>,
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self { response, tunnel: None }
    }
}

pub(crate) async fn answer(
    context: Arc<Context>,
    visitor: Arc<Visitor>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    if request.version() == Version::HTTP_2 {
        forwarding::as_http1(&mut request);
    }
    let request_id = context.request_ids.next();
    let trusted = &context.options.trusted_proxies;
    let told = visitor.is_proxy.then(|| visitor.origin.told(request.headers(), trusted));
    let origin = told.as_ref().unwrap_or(&visitor.origin);
    let mut exchange = Exchange::begin(&context, visitor.activity(), origin.client, &request, &request_id);
    let last = ends_connection(&request);
    // Boxed, because each level that a request passes has room for it.
    let request = Box::new(request);
    let reply = reply(&context, &visitor, origin, request, &request_id, &mut exchange).await;
    let mut response = reply.response;
    if last && reply.tunnel.is_none() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if origin.scheme == Scheme::Https {
        response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(STRICTLY);
    }
    exchange.set_status(response.status());
    match reply.tunnel {
        Some((client, service, Lease { use_of, .. })) => {
            *visitor.tunnel.lock() = Some(Tunnel { visitor: client, service, exchange, in_use: use_of });
            response
        }
        None => response.map(|body| body.ending(exchange)),
    }
}

/// Whether nothing may follow a request on its connection: what comes after chunks, or after another protocol was asked for, is
/// not looked at by the [`HeadGuard`](crate::head_guard::HeadGuard).
fn ends_connection(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(TRANSFER_ENCODING) || request.headers().contains_key(UPGRADE)
}

/// What is the same for every way to answer one request.
struct Ask<'a> {
    context: &'a Context,
    request_id: &'a HeaderValue,
    /// The way on which the kernel sends files to this visitor.
    queue: Option<&'a Arc<FileQueue>>,
    accept: Option<HeaderValue>,
    /// Rings when an answer takes too long.
    alarm: &'a Mutex<Alarm>,
}

impl Ask<'_> {
    fn page(&self, notice: &Notice) -> Reply {
        let console = self.context.options.console_url.as_deref();
        notice.answer(self.accept.as_ref(), self.request_id, console).into()
    }

    async fn site(&self, site: &Site, route: &Route, request: &Parts) -> Reply {
        let shelf = Shelf { contents: &self.context.contents, queue: self.queue };
        match site.answer(route, request, shelf).await {
            Ok(response) => response.into(),
            Err(notice) => self.page(&notice),
        }
    }
}

async fn reply(
    context: &Arc<Context>,
    visitor: &Visitor,
    origin: &Origin,
    request: Box<Request<Incoming>>,
    request_id: &HeaderValue,
    exchange: &mut Exchange,
) -> Reply {
    let accept = request.headers().get(http::header::ACCEPT).cloned();
    // Requests that come at the same time are polled by tasks of their own, and each has to be woken.
    let own = Mutex::default();
    let alarm = if request.version() == Version::HTTP_2 { &own } else { &visitor.alarm };
    let ask = Ask { context, request_id, queue: visitor.queue.as_ref(), accept, alarm };
    if let Err(happened) = well_formed(&request) {
        return ask.page(&Notice::bad_request(happened));
    }
    let host = match host::of(request.headers(), request.uri()) {
        Ok(host) => host,
        Err(error) => return ask.page(&Notice::bad_request(error.explanation())),
    };
    if origin.scheme == Scheme::Http
        && let Some(tls) = &context.tls
        && let Some(reply) = tls.instead(&host, request.uri())
    {
        return reply.into();
    }
    let stranger = |route: &Arc<Route>| match &route.guard {
        Some(guard) if guard.stops() => Err(Turned::Stopped(Arc::clone(route))),
        Some(_) | None => Ok(()),
    };
    match find(context, &host, exchange, stranger) {
        Ok(route) => ask.serve(origin, route, request, exchange).await,
        Err(Turned::Away(notice)) => ask.page(&notice),
        Err(Turned::Stopped(route)) => Box::pin(ask.serve_guarded(origin, route, request, exchange)).await,
    }
}

/// Why a request does not enter.
enum Turned {
    Away(Notice),
    /// It has to be looked at first.
    Stopped(Arc<Route>),
}

impl From<Notice> for Turned {
    fn from(notice: Notice) -> Self {
        Self::Away(notice)
    }
}

impl Ask<'_> {
    /// Lets what a route shows answer.
    async fn serve(
        &self,
        origin: &Origin,
        route: Arc<Route>,
        request: Box<Request<Incoming>>,
        exchange: &mut Exchange,
    ) -> Reply {
        let route = match waking::awake(self.context, route, &request, exchange).await {
            Ok(route) => route,
            Err(notice) => return self.page(&notice),
        };
        match &route.target {
            Target::Page { page, .. } => self.page(&Notice::of_page(*page)),
            Target::Site(site) => {
                let (parts, _body) = request.into_parts();
                // Boxed, as what is below: a request's future is moved, and each byte of it costs.
                let mut reply = Box::pin(self.site(site, &route, &parts)).await;
                if let Some(guard) = &route.guard {
                    guard.mark_site(reply.response.headers_mut());
                }
                reply
            }
            Target::Service(service) => {
                let limits = &self.context.options.limits;
                let outgoing = forwarding::outgoing(*request, origin, self.request_id, limits);
                Box::pin(self.forward(service, &route, outgoing, exchange)).await
            }
        }
    }

    /// The same for who has to be let in first. Until then it wakes nothing, and counts as nobody's need.
    async fn serve_guarded(
        &self,
        origin: &Origin,
        route: Arc<Route>,
        mut request: Box<Request<Incoming>>,
        exchange: &mut Exchange,
    ) -> Reply {
        let host = route.host.as_str();
        exchange.answered_by(Arc::clone(&route), None);
        let Some(guard) = &route.guard else { return self.page(&Notice::UNKNOWN_HOST) };
        if request.uri().path() == ENTRANCE {
            exchange.hide_query();
        }
        let let_in = match guard::admit(self.context, guard, (host, origin), &mut request).await {
            Ok(let_in) => let_in,
            Err(Refusal::Page(notice)) => return self.page(&notice),
            Err(Refusal::Answer(mut answer)) => {
                answer.headers_mut().insert(forwarding::REQUEST_ID, self.request_id.clone());
                return (*answer).into();
            }
        };
        let mut reply = match enter(self.context, host, exchange) {
            Ok(route) => self.serve(origin, route, request, exchange).await,
            Err(notice) => self.page(&notice),
        };
        let_in.mark(reply.response.headers_mut());
        reply
    }
}

/// What hyper lets through and we do not.
fn well_formed(request: &Request<Incoming>) -> Result<(), &'static str> {
    if *request.method() == Method::CONNECT {
        return Err("This is not a forward proxy.");
    }
    if !request.uri().path().starts_with('/') {
        return Err("The request's target is not a path.");
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) && request.version() != Version::HTTP_11 {
        return Err("Only HTTP/1.1 has Transfer-Encoding.");
    }
    Ok(())
}

/// Looks a route up and is counted at its deployment. For who was let in.
pub(crate) fn enter(context: &Context, host: &str, exchange: &mut Exchange) -> Result<Arc<Route>, Notice> {
    find(context, host, exchange, |_| Ok(()))
}

/// The same, unless `may_enter` says something else of the route.
fn find<E: From<Notice>>(
    context: &Context,
    host: &str,
    exchange: &mut Exchange,
    may_enter: impl Fn(&Arc<Route>) -> Result<(), E>,
) -> Result<Arc<Route>, E> {
    let mut lookups = 0;
    loop {
        lookups += 1;
        let table = context.table.load();
        let Some(route) = table.get(host) else {
            return Err(if table.has_arrived() { Notice::UNKNOWN_HOST } else { Notice::NO_TABLE_YET }.into());
        };
        may_enter(route)?;
        let tracker = match &route.target {
            Target::Service(service) => service.tracker(),
            Target::Site(site) => site.tracker(),
            Target::Page { .. } => {
                exchange.answered_by(Arc::clone(route), None);
                return Ok(Arc::clone(route));
            }
        };
        match admit(tracker, context, lookups) {
            Ok(in_flight) => {
                exchange.answered_by(Arc::clone(route), Some(in_flight));
                return Ok(Arc::clone(route));
            }
            Err(Refused::Leaving) => {}
            Err(Refused::Full) => {
                exchange.answered_by(Arc::clone(route), None);
                return Err(Notice::BUSY.into());
            }
        }
    }
}

fn admit(tracker: &Arc<Tracker>, context: &Context, lookups: usize) -> Result<InFlight, Refused> {
    if lookups > LOOKUPS {
        return Ok(tracker.enter_anyway());
    }
    tracker.enter(context.options.limits.requests_per_deployment)
}

impl Ask<'_> {
    /// Lets a service answer. When nobody could be connected to and the route has changed meanwhile, the new one is asked.
    async fn forward(
        &self,
        service: &Service,
        route: &Arc<Route>,
        outgoing: Outgoing,
        exchange: &mut Exchange,
    ) -> Reply {
        let failure = match service.forward(self.context, outgoing, self.alarm).await {
            Ok(answer) => return self.pass_on(answer),
            Err(failure) => failure,
        };
        match failure {
            Failure::Unreachable(outgoing) => Box::pin(self.forward_anew(route, *outgoing, exchange)).await,
            failure => self.failed(&failure, exchange),
        }
    }

    async fn forward_anew(&self, route: &Arc<Route>, outgoing: Outgoing, exchange: &mut Exchange) -> Reply {
        let entered = enter(self.context, route.host.as_str(), exchange);
        match entered {
            Ok(now) if !now.target.is(&route.target) => match &now.target {
                Target::Service(service) => match service.forward(self.context, outgoing, self.alarm).await {
                    Ok(answer) => self.pass_on(answer),
                    Err(failure) => self.failed(&failure, exchange),
                },
                Target::Site(site) => {
                    let (parts, _body) = outgoing.request.into_parts();
                    self.site(site, &now, &parts).await
                }
                Target::Page { page, .. } => self.page(&Notice::of_page(*page)),
            },
            Ok(_) | Err(_) => self.failed(&Failure::Unreachable(Box::new(outgoing)), exchange),
        }
    }

    fn failed(&self, failure: &Failure, exchange: &Exchange) -> Reply {
        exchange.upstream_failed();
        tracing::debug!(error = %failure, request_id = ?self.request_id, "a service did not answer");
        self.page(&match failure {
            Failure::Unreachable(_) => Notice::UNREACHABLE,
            Failure::NoAnswer(_) => Notice::NO_ANSWER,
            Failure::TimedOut => Notice::TIMED_OUT,
            Failure::VisitorTooSlow => Notice::VISITOR_TOO_SLOW,
            Failure::VisitorGone => Notice::bad_request("The request's body ended early."),
        })
    }

    fn pass_on(&self, answer: Answer) -> Reply {
        let Answer { mut response, lease, upgrade } = answer;
        *response.version_mut() = Version::default();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            forwarding::returning(response.headers_mut(), self.request_id);
            return response.map(|incoming| Body::of_service(incoming, lease)).into();
        }
        let Some(client) = upgrade else {
            // Nobody asked for another protocol.
            return self.page(&Notice::NO_ANSWER);
        };
        let service = hyper::upgrade::on(&mut response);
        let headers = response.headers_mut();
        let protocol = headers.get(UPGRADE).cloned();
        forwarding::returning(headers, self.request_id);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        if let Some(protocol) = protocol {
            headers.insert(UPGRADE, protocol);
        }
        Reply { response: response.map(|_| Body::empty()), tunnel: Some((client, service, lease)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn size_of_future<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_requests_future_is_small_because_it_is_moved() {
        let size = size_of_future(answer);
        assert!(size <= 2048, "{size} bytes: box what few requests need");
    }
}
