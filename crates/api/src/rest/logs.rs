//! Logs: a page, or a stream that can be resumed.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse as _, Response, Sse};
use futures::{StreamExt as _, stream};
use pierhead_control::{LogItem, LogOf, LogQuery};
use pierhead_model::code::Code;
use pierhead_model::log::LogLine;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::values::{Stream, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Lines that one page holds at most, and when nothing is said.
const MOST_LINES: usize = 10_000;
const USUAL_LINES: usize = 1_000;
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Lines with a higher number.
    #[serde(default)]
    after: u64,
    /// 1000 when nothing is said.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Lines that contain this, whatever the case.
    q: Option<String>,
    #[param(inline)]
    stream: Option<Stream>,
    /// `clone`, `install`, `build`, `release`, `service`.
    step: Option<String>,
    /// A repository project has one service; its lines are those of the step `service`.
    service: Option<String>,
    /// Of a deployment whose replicas are on several nodes: the name or id of one of them. Each has a log of its own; the one
    /// that leads is meant when nothing is said.
    node: Option<String>,
}

impl Wanted {
    fn query(self) -> Result<LogQuery, Problem> {
        let Self { after, limit, q, stream, step, service, node: _ } = self;
        let limit = limit.unwrap_or(USUAL_LINES);
        if !(1..=MOST_LINES).contains(&limit) {
            return Err(Problem::invalid("/limit", format!("must be between 1 and {MOST_LINES}")));
        }
        let step = step.or_else(|| service.map(|_| "service".to_owned()));
        Ok(LogQuery { after, limit, text: q, stream: stream.map(Into::into), step })
    }
}

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    /// Counts from 1, without gaps.
    number: u64,
    time: Time,
    stream: Stream,
    step: String,
    text: String,
}

impl From<LogLine> for Line {
    fn from(line: LogLine) -> Self {
        let LogLine { number, time, stream, step, text } = line;
        Self { number, time: time.into(), stream: stream.into(), step, text }
    }
}

/// A page of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    /// For `?after=` of the next page; the same as `after` when there is nothing more.
    next: u64,
}

/// Read a deployment's log
///
/// With a filter a page may be empty although more follows: go on until `next` does not grow.
#[utoipa::path(get, path = "/deployments/{id}/logs", operation_id = "log_read", tag = "logs",
    params(Wanted), responses((status = 200, description = "In order", body = Lines)))]
pub(crate) async fn read(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Lines>, Problem> {
    let node = wanted.node.clone();
    let of = LogOf { deployment: &id, node: node.as_deref() };
    let page = app.services.logs.read(&caller.principal, of, wanted.query()?).await?;
    Ok(Answer(Lines { lines: page.lines.into_iter().map(Into::into).collect(), next: page.next }))
}

/// Follow a deployment's log
///
/// Server-sent events: `line` with a line as data and its number as id, and `end` with the state when the deployment has
/// ended and everything was told. After a cut, `Last-Event-ID` or `?after=` goes on where it was. The stream ends without
/// `end` when its token is not good any more, or what it may read has changed.
#[utoipa::path(get, path = "/deployments/{id}/logs/stream", operation_id = "log_stream", tag = "logs",
    params(Wanted, ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last line that was read")),
    responses((status = 200, description = "What is there, and then what comes", body = String,
        content_type = "text/event-stream")))]
pub(crate) async fn stream(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(mut wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    if let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) {
        let last = last.to_str().ok().and_then(|last| last.parse().ok());
        wanted.after = last.ok_or_else(|| {
            Problem::new(Code::Malformed, "`Last-Event-ID` is not the number of a line of this log.")
        })?;
    }
    let node = wanted.node.clone();
    let of = LogOf { deployment: &id, node: node.as_deref() };
    let items = app.services.logs.follow(&caller.principal, of, wanted.query()?).await?;
    let items = items.take_until(caller.shut_out(app, id)).map(event);
    let events = stream::iter([Event::default().retry(RETRY)]).chain(items).map(Ok::<_, Infallible>);
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let headers = [
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        // Tells nginx and its like to pass each event on at once.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Sse::new(events).keep_alive(heartbeat)).into_response())
}

fn event(item: LogItem) -> Event {
    match item {
        LogItem::Line(line) => {
            let event = Event::default().event("line").id(line.number.to_string());
            event.json_data(Line::from(line)).unwrap_or_default()
        }
        LogItem::End(state) => Event::default().event("end").data(state.to_string()),
    }
}
