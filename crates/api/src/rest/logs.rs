//! Logs: a page, or a stream that can be resumed.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt as _};
use pierhead_control::{LogItem, LogQuery};
use pierhead_model::log::{LogLine, LogStream};
use serde::{Deserialize, Serialize};

use super::time;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::query::Query;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    q: Option<String>,
    stream: Option<LogStream>,
    step: Option<String>,
    /// A repository project has one service; its lines are those of the step `service`.
    service: Option<String>,
}

impl From<Wanted> for LogQuery {
    fn from(wanted: Wanted) -> Self {
        let Wanted { after, limit, q, stream, step, service } = wanted;
        let step = step.or_else(|| service.map(|_| "service".to_owned()));
        Self { after, limit: limit.unwrap_or(1000), text: q, stream, step }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Line {
    number: u64,
    time: String,
    stream: LogStream,
    step: String,
    text: String,
}

impl From<LogLine> for Line {
    fn from(line: LogLine) -> Self {
        let LogLine { number, time: at, stream, step, text } = line;
        Self { number, time: time(at), stream, step, text }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    next: u64,
}

pub(crate) async fn read(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Lines>, Problem> {
    let page = services.logs.read(&principal, &id, wanted.into()).await?;
    Ok(Answer(Lines { lines: page.lines.into_iter().map(Into::into).collect(), next: page.next }))
}

/// Server-sent events: one `line` per line with its number as id, and `end` when the deployment has ended.
pub(crate) async fn stream(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(mut wanted): Query<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    wanted.after = resumed.unwrap_or(wanted.after);
    let items = services.logs.follow(&principal, &id, wanted.into()).await?;
    let events = items.map(|item| {
        Ok(match item {
            LogItem::Line(line) => {
                let number = line.number.to_string();
                let event = Event::default().event("line").id(number);
                event.json_data(Line::from(line)).unwrap_or_default()
            }
            LogItem::End(state) => Event::default().event("end").data(state.to_string()),
        })
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
