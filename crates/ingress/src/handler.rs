//! One request, from its headers to its answer: which host, which route, who answers.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use parking_lot::Mutex;

use crate::body::Body;
use crate::client_io::Activity;
use crate::context::Context;
use crate::drain::{InFlight, Refused, Tracker};
use crate::endpoint::Lease;
use crate::error_page::Notice;
use crate::exchange::Exchange;
use crate::file_queue::FileQueue;
use crate::forwarding::{self, Outgoing};
use crate::host;
use crate::service::{Answer, Failure, Service};
use crate::static_site::{Shelf, Site};
use crate::target::{Route, Target};
use crate::tunnel::Tunnel;
use crate::waking;

/// How often a route is looked up again because its deployment had just left the table.
const LOOKUPS: usize = 4;
/// Who came by TLS comes by TLS for two years. Subdomains may belong to others, and are not spoken for.
const STRICTLY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// How the visitor speaks to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As in `X-Forwarded-Proto`.
    pub(crate) const fn value(self) -> HeaderValue {
        match self {
            Self::Http => HeaderValue::from_static("http"),
            Self::Https => HeaderValue::from_static("https"),
        }
    }
}

/// The visitor at the other end of one connection.
#[derive(Debug)]
pub(crate) struct Visitor {
    address: IpAddr,
    pub(crate) scheme: Scheme,
    /// As in `X-Forwarded-For`.
    pub(crate) forwarded_for: HeaderValue,
    activity: Arc<Activity>,
    /// Where the kernel can send files to the visitor.
    queue: Option<Arc<FileQueue>>,
    tunnel: Mutex<Option<Tunnel>>,
}

impl Visitor {
    pub(crate) fn new(address: IpAddr, scheme: Scheme) -> Self {
        let text = Bytes::from(address.to_canonical().to_string());
        Self {
            address,
            scheme,
            forwarded_for: HeaderValue::from_maybe_shared(text)
                .unwrap_or(HeaderValue::from_static("unknown")),
            activity: Arc::default(),
            // What is encrypted has to pass through here.
            queue: (scheme == Scheme::Http).then(Arc::default),
            tunnel: Mutex::new(None),
        }
    }

    pub(crate) const fn address(&self) -> IpAddr {
        self.address
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
    let mut exchange = Exchange::begin(&context, visitor.activity(), visitor.address, &request, &request_id);
    let last = ends_connection(&request);
    let reply = reply(&context, &visitor, request, &request_id, &mut exchange).await;
    let mut response = reply.response;
    if last && reply.tunnel.is_none() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if visitor.scheme == Scheme::Https {
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
    request: Request<Incoming>,
    request_id: &HeaderValue,
    exchange: &mut Exchange,
) -> Reply {
    let accept = request.headers().get(http::header::ACCEPT).cloned();
    let ask = Ask { context, request_id, queue: visitor.queue.as_ref(), accept };
    if let Err(happened) = well_formed(&request) {
        return ask.page(&Notice::bad_request(happened));
    }
    let host = match host::of(request.headers(), request.uri()) {
        Ok(host) => host,
        Err(error) => return ask.page(&Notice::bad_request(error.explanation())),
    };
    if visitor.scheme == Scheme::Http
        && let Some(tls) = &context.tls
        && let Some(reply) = tls.instead(&host, request.uri())
    {
        return reply.into();
    }
    let route = match enter(context, &host, exchange) {
        Ok(route) => route,
        Err(notice) => return ask.page(&notice),
    };
    let route = match waking::awake(context, &host, route, &request, exchange).await {
        Ok(route) => route,
        Err(notice) => return ask.page(&notice),
    };
    match &route.target {
        Target::Page { page, .. } => ask.page(&Notice::of_page(*page)),
        Target::Site(site) => {
            let (parts, _body) = request.into_parts();
            ask.site(site, &route, &parts).await
        }
        Target::Service(service) => {
            let host = host.into_owned();
            let outgoing = forwarding::outgoing(request, visitor, request_id, &context.options.limits);
            ask.forward(service, &route, &host, outgoing, exchange).await
        }
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

/// Looks a route up and is counted at its deployment.
pub(crate) fn enter(context: &Context, host: &str, exchange: &mut Exchange) -> Result<Arc<Route>, Notice> {
    let mut lookups = 0;
    loop {
        lookups += 1;
        let table = context.table.load();
        let Some(route) = table.get(host) else {
            return Err(if table.has_arrived() { Notice::UNKNOWN_HOST } else { Notice::NO_TABLE_YET });
        };
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
                return Err(Notice::BUSY);
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
        host: &str,
        outgoing: Outgoing,
        exchange: &mut Exchange,
    ) -> Reply {
        let failure = match service.forward(self.context, outgoing).await {
            Ok(answer) => return self.pass_on(answer),
            Err(failure) => failure,
        };
        match failure {
            Failure::Unreachable(outgoing) => {
                Box::pin(self.forward_anew(route, host, *outgoing, exchange)).await
            }
            failure => self.failed(&failure, exchange),
        }
    }

    async fn forward_anew(
        &self,
        route: &Arc<Route>,
        host: &str,
        outgoing: Outgoing,
        exchange: &mut Exchange,
    ) -> Reply {
        let entered = enter(self.context, host, exchange);
        match entered {
            Ok(now) if !now.target.is(&route.target) => match &now.target {
                Target::Service(service) => match service.forward(self.context, outgoing).await {
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
