//! One request and its answer: counting, logging, and what else has to be done at the end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, Request, StatusCode};

use crate::access_log::AccessRecord;
use crate::client_io::Activity;
use crate::context::Context;
use crate::drain::InFlight;
use crate::target::Route;

/// One request and its answer, from the moment the headers were complete. What has to be done at the end is done when it is
/// dropped, which is when the answer's body, or the tunnel it became, has ended: however it ended.
#[derive(Debug)]
pub(crate) struct Exchange {
    context: Arc<Context>,
    activity: Arc<Activity>,
    route: Option<Arc<Route>>,
    in_flight: Option<InFlight>,
    /// When the request's headers were complete.
    began: Instant,
    /// How long it took until the answer began.
    took: Option<Duration>,
    status: StatusCode,
    bytes: u64,
    draft: Option<Box<AccessRecord>>,
}

impl Exchange {
    pub(crate) fn begin<B>(
        context: &Arc<Context>,
        activity: Arc<Activity>,
        client: IpAddr,
        request: &Request<B>,
        request_id: &HeaderValue,
    ) -> Self {
        activity.begin();
        let draft = context.log.wanted().then(|| {
            Box::new(AccessRecord {
                at: SystemTime::now(),
                client,
                method: request.method().clone(),
                route: None,
                // A copy: sharing would keep the whole buffer that the connection reads into.
                path: request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned(),
                status: StatusCode::OK,
                bytes: 0,
                duration: Duration::ZERO,
                request_id: request_id.clone(),
            })
        });
        Self {
            context: Arc::clone(context),
            activity,
            route: None,
            in_flight: None,
            began: Instant::now(),
            took: None,
            status: StatusCode::OK,
            bytes: 0,
            draft,
        }
    }

    /// The request is answered by this route, and counted where it is answered.
    pub(crate) fn answered_by(&mut self, route: Arc<Route>, in_flight: Option<InFlight>) {
        self.route = Some(route);
        self.in_flight = in_flight;
    }

    /// The same deployment answers, by another line of the table: it is counted there already.
    pub(crate) fn goes_on_with(&mut self, route: Arc<Route>) {
        self.route = Some(route);
    }

    /// What is secret in an address does not go into the log.
    pub(crate) fn hide_query(&mut self) {
        if let Some(draft) = &mut self.draft
            && let Some(at) = draft.path.find('?')
        {
            draft.path.truncate(at);
        }
    }

    /// The answer begins now.
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.status = status;
        self.took = Some(self.began.elapsed());
    }

    pub(crate) const fn add_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(crate) fn upstream_failed(&self) {
        self.context.totals.upstream_failed();
        if let Some(route) = &self.route {
            route.counters.upstream_failed();
        }
    }

    /// Resolves when the deployment that answers has had its time to finish.
    pub(crate) async fn cut(&self) {
        match &self.in_flight {
            Some(in_flight) => in_flight.cut().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.activity.end();
        self.context.totals.answered(self.status, self.bytes);
        let Some(route) = self.route.take() else { return };
        route.counters.took(self.took.unwrap_or_else(|| self.began.elapsed()));
        route.counters.answered(self.status, self.bytes);
        let Some(mut record) = self.draft.take() else { return };
        record.status = self.status;
        record.bytes = self.bytes;
        record.duration = self.began.elapsed();
        record.route = Some(route);
        self.context.log.write(record);
    }
}
