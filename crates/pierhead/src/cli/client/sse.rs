//! Server-sent events: the live log, which survives cut connections.
//!
//! [`Decoder`] is the format (bounded: a server cannot make it grow), [`LogFollower`] is the log: it asks again from the last
//! line's number after every cut, with growing pauses, and says so when lines are missing.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Client;
use super::calls::LogFilter;
use crate::cli::error::Error;

/// Longest event, in bytes: a line of the log, encoded at its worst.
const MAX_EVENT_BYTES: usize = 512 << 10;
/// Silence after which a connection counts as dead; servers send a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// How often a cut connection is opened again without a single event in between.
const ATTEMPTS: u32 = 8;

/// One event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Empty means `message`.
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    event: SseEvent,
}

/// An event is longer than anything that was agreed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {} KiB", MAX_EVENT_BYTES >> 10)]
pub(crate) struct TooLong;

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        self.buffer.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) = self.buffer[start..].iter().position(|byte| *byte == b'\n') {
            let line = &self.buffer[start..start + length];
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            start += length + 1;
            events.extend(self.line(&line));
            if self.event.data.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
        }
        self.buffer.drain(..start);
        if self.buffer.len() > MAX_EVENT_BYTES { Err(TooLong) } else { Ok(events) }
    }

    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (event != SseEvent::default()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.kind),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

/// What a followed log says.
#[derive(Debug)]
pub(crate) enum LogItem {
    /// A line, as it came.
    Line(Value),
    /// The deployment's state may have changed.
    State,
    /// Lines between these numbers are missing.
    Gap { after: u64, before: u64 },
    /// Nothing more will come.
    End,
}

/// A log that is read as it is written.
#[derive(Debug)]
pub(crate) struct LogFollower<'c> {
    client: &'c Client<'c>,
    deployment: String,
    filter: LogFilter,
    after: u64,
    open: Option<(reqwest::Response, Decoder)>,
    ready: VecDeque<LogItem>,
    failures: u32,
    /// When a cut connection may be opened again.
    not_before: Instant,
}

impl<'c> LogFollower<'c> {
    /// Begins after a line's number.
    pub(crate) fn new(client: &'c Client<'c>, deployment: &str, after: u64, filter: LogFilter) -> Self {
        Self {
            client,
            deployment: deployment.to_owned(),
            filter,
            after,
            open: None,
            ready: VecDeque::new(),
            failures: 0,
            not_before: Instant::now(),
        }
    }

    /// The next item; an error when the server refuses, or cannot be reached again and again. Safe to drop half-way.
    pub(crate) async fn next(&mut self) -> Result<LogItem, Error> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            let Some((response, decoder)) = &mut self.open else {
                self.connect().await?;
                continue;
            };
            let events = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => decoder.push(&chunk).ok(),
                Ok(Ok(None) | Err(_)) | Err(_) => None,
            };
            match events {
                Some(events) => events.into_iter().for_each(|event| self.take(event)),
                None => {
                    self.open = None;
                    self.failed();
                }
            }
        }
    }

    fn failed(&mut self) {
        self.failures += 1;
        self.not_before = Instant::now() + Duration::from_millis(125 << self.failures.min(6));
    }

    async fn connect(&mut self) -> Result<(), Error> {
        tokio::time::sleep_until(self.not_before).await;
        match self.client.log_stream(&self.deployment, self.after, &self.filter).await {
            Ok(response) if self.failures < ATTEMPTS => self.open = Some((response, Decoder::default())),
            Ok(_) => {
                let why = "the log stream ends at once, again and again".to_owned();
                return Err(Error::Garbled { url: self.client.base().to_string(), why });
            }
            Err(Error::Unreachable { .. }) if self.failures < ATTEMPTS => self.failed(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, event: SseEvent) {
        self.failures = 0;
        match event.kind.as_str() {
            "" | "message" | "line" => {
                let Ok(line) = serde_json::from_str::<Value>(&event.data) else { return };
                let number = line.get("number").and_then(Value::as_u64);
                let Some(number) = number.or_else(|| event.id?.parse().ok()) else { return };
                // After a cut the server may begin a little earlier than asked.
                if number <= self.after {
                    return;
                }
                if self.filter.is_empty() && number > self.after + 1 {
                    self.ready.push_back(LogItem::Gap { after: self.after, before: number });
                }
                self.after = number;
                self.ready.push_back(LogItem::Line(line));
            }
            "state" => self.ready.push_back(LogItem::State),
            "end" => self.ready.push_back(LogItem::End),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "retry: 2000\n\n: heartbeat\n\nid: 7\nevent: line\ndata: {\"a\":1}\n\nevent: end\r\ndata:\r\n\r\ndata: one\ndata: two\n\n";

    #[test]
    fn events_comments_and_line_ends() {
        let events = Decoder::default().push(TEXT.as_bytes()).unwrap();
        let seen: Vec<_> =
            events.iter().map(|e| (e.kind.as_str(), e.id.as_deref(), e.data.as_str())).collect();
        assert_eq!(seen, [("line", Some("7"), "{\"a\":1}"), ("end", None, ""), ("", None, "one\ntwo")]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert_eq!(Decoder::default().push(&vec![b'x'; MAX_EVENT_BYTES + 1]), Err(TooLong));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(cuts in proptest::collection::vec(1_usize..9, 1..40)) {
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            let mut rest = TEXT.as_bytes();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                events.extend(decoder.push(now).unwrap());
                rest = later;
            }
            events.extend(decoder.push(rest).unwrap());
            prop_assert_eq!(events, Decoder::default().push(TEXT.as_bytes()).unwrap());
        }
    }
}
