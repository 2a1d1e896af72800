//! A request for a service that sleeps: it asks once for all, and waits.
//!
//! One that is frozen accepts connections all the same, so its requests go on at once and are answered when it is thawed. One
//! that is stopped has no address: requests wait for the route to change. They are counted like any that are in flight, so no
//! more of them wait than may be answered at the same time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::ACCEPT;
use http::{Method, Request};
use pierhead_model::sleep::Rest;
use tokio::time::Instant;

use crate::context::Context;
use crate::error_page::{Notice, wants_page};
use crate::exchange::Exchange;
use crate::handler::enter;
use crate::target::{Route, Target};

/// After how long the control plane is asked again: it may have been restarted meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// The route as it is when its service can be asked; the same one at once, unless it sleeps.
pub(crate) async fn awake<B>(
    context: &Context,
    route: Arc<Route>,
    request: &Request<B>,
    exchange: &mut Exchange,
) -> Result<Arc<Route>, Notice> {
    match &route.target {
        Target::Service(service) if service.rest() != Rest::Awake => {
            // Boxed, like everything that few requests need: a request's future is moved, and each byte of it costs.
            Box::pin(wait(context, route, request, exchange)).await
        }
        Target::Service(_) | Target::Site(_) | Target::Page { .. } => Ok(route),
    }
}

async fn wait<B>(
    context: &Context,
    mut route: Arc<Route>,
    request: &Request<B>,
    exchange: &mut Exchange,
) -> Result<Arc<Route>, Notice> {
    let limits = &context.options.limits;
    let is_page = *request.method() == Method::GET && wants_page(request.headers().get(ACCEPT));
    let own = route.guard.as_ref().and_then(|guard| guard.wake_page_after);
    let shown_after = own.unwrap_or(limits.wake_page_after);
    let patience = if is_page { shown_after.min(limits.wake_timeout) } else { limits.wake_timeout };
    let deadline = Instant::now() + patience;
    loop {
        let Target::Service(service) = &route.target else { return Ok(route) };
        if service.rest() == Rest::Awake {
            return Ok(route);
        }
        let tracker = Arc::clone(service.tracker());
        let mut woken = pin!(tracker.woken());
        woken.as_mut().enable();
        // It may have changed before this request was counted, and before anybody listened here.
        if let Some(now) = changed(context, &route, exchange)? {
            route = now;
            continue;
        }
        if tracker.is_first_to_ask() {
            context.outbox.wake(tracker.deployment().clone());
        }
        if service.rest() == Rest::Frozen {
            return Ok(route);
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline.min(Instant::now() + ASK_AGAIN)) => {
                if Instant::now() >= deadline {
                    return Err(Notice::WAKING);
                }
                context.outbox.wake(tracker.deployment().clone());
            }
        }
    }
}

/// The route of the host as it is now, if that is another one. The request is counted at its deployment then.
fn changed(context: &Context, route: &Route, exchange: &mut Exchange) -> Result<Option<Arc<Route>>, Notice> {
    let host = route.host.as_str();
    let now = context.table.load().get(host).map(Arc::clone);
    match (now, &route.target) {
        (Some(now), target) if now.target.is(target) => Ok(None),
        (Some(now), Target::Service(before)) => {
            if let Target::Service(service) = &now.target
                && Arc::ptr_eq(service.tracker(), before.tracker())
            {
                exchange.goes_on_with(Arc::clone(&now));
                return Ok(Some(now));
            }
            enter(context, host, exchange).map(Some)
        }
        (Some(_) | None, _) => enter(context, host, exchange).map(Some),
    }
}
