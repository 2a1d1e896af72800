//! Log chunks and the cursor that resumes them.
//!
//! An engine stamps each chunk with nanoseconds, and several chunks may share a stamp; the stamps of one output
//! never go back, but those of the two outputs interleave. So the cursor keeps, *per output*, the last stamp and
//! how many chunks carried it. Reopening asks the engine for everything from the older of both, and the cursor
//! drops what was seen. The result: a cut stream, reopened with the last chunk's cursor, continues as if it had
//! not been cut. (A host clock set back while a container writes breaks the order, and lines of that moment
//! can be dropped on a reopen; nothing else.)

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;

pub type LogStream = Pin<Box<dyn Stream<Item = Result<LogChunk>> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    Stdout,
    Stderr,
}

/// Whether a log stream ends at its present end or goes on until the container has exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    No,
    Yes,
}

/// What a container wrote: one line with its newline, or a part of a long one (engines cut at 16 KiB), or a last
/// line without newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    pub output: Output,
    pub at: Timestamp,
    pub bytes: Bytes,
    /// Hand this to [`crate::Engine::logs`] to continue after this chunk.
    pub cursor: LogCursor,
}

/// Where a reader is. The default is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogCursor {
    stdout: Option<Mark>,
    stderr: Option<Mark>,
}

/// The last stamp of one output, and how many of its chunks carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
    seen: u64,
}

/// How far the stamps of the two outputs may be out of order: between stamping and writing lies only the
/// engine's lock on the log file. It bounds what a reopen reads again when one output has been silent for long.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

impl LogCursor {
    /// The stamp from which the engine must be asked to send again; `None` is the beginning.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let latest = [self.stdout, self.stderr].into_iter().flatten().map(|mark| mark.at).max()?;
        let margin = latest.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
        let oldest = match (self.stdout, self.stderr) {
            (Some(a), Some(b)) => a.at.min(b.at),
            _ => margin,
        };
        Some(oldest.max(margin))
    }

    fn mark(&mut self, output: Output) -> &mut Option<Mark> {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }
}

/// Applies a cursor to a reopened stream: says for each chunk whether it is new. A stream that was opened with the cursor needs
/// none; one that is read from its beginning for another reason does.
#[derive(Debug)]
pub struct Resume {
    /// What the reader had seen when the stream was opened.
    seen: LogCursor,
    /// Where the reader is now.
    now: LogCursor,
    /// Chunks at `seen`'s stamps that this stream has repeated, per output.
    repeated: [u64; 2],
}

impl Resume {
    #[must_use]
    pub fn new(from: LogCursor) -> Self {
        Self { seen: from, now: from, repeated: [0, 0] }
    }

    /// The cursor after this chunk, or `None` when the reader already has it. Every chunk must be shown, in order.
    pub fn accept(&mut self, output: Output, at: Timestamp) -> Option<LogCursor> {
        if let Some(mark) = *self.seen.mark(output) {
            if at < mark.at {
                return None;
            }
            let repeated = &mut self.repeated[output as usize];
            if at == mark.at && *repeated < mark.seen {
                *repeated += 1;
                return None;
            }
        }
        let mark = self.now.mark(output);
        *mark = Some(match *mark {
            Some(last) if last.at == at => Mark { at, seen: last.seen + 1 },
            _ => Mark { at, seen: 1 },
        });
        Some(self.now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the engine would send: entries in file order, each output's stamps never going back.
    fn entries() -> impl Strategy<Value = Vec<(Output, Timestamp)>> {
        prop::collection::vec((any::<bool>(), 0..3_i64), 0..60).prop_map(|steps| {
            let mut clock = [1_700_000_000_000_000_000_i64; 2];
            steps
                .into_iter()
                .map(|(stderr, step)| {
                    let output = if stderr { Output::Stderr } else { Output::Stdout };
                    clock[output as usize] += step * 300_000_000;
                    (output, Timestamp::from_nanosecond(clock[output as usize].into()).expect("in range"))
                })
                .collect()
        })
    }

    fn read(
        entries: &[(Output, Timestamp)],
        from: LogCursor,
        at_most: usize,
    ) -> Vec<((Output, Timestamp), LogCursor)> {
        let mut resume = Resume::new(from);
        // As engines do: whole seconds, filtered entry by entry.
        let since = from.since().map_or(i64::MIN, Timestamp::as_second);
        entries
            .iter()
            .filter(|(_, at)| at.as_second() >= since)
            .filter_map(|entry| Some((*entry, resume.accept(entry.0, entry.1)?)))
            .take(at_most)
            .collect()
    }

    proptest! {
        #[test]
        fn cut_anywhere_and_reopened_nothing_is_lost_or_doubled(
            entries in entries(),
            cuts in prop::collection::vec(0..20_usize, 0..10),
        ) {
            let skewed = entries.iter().map(|(_, at)| at.as_second()).max().unwrap_or(0)
                - entries.iter().map(|(_, at)| at.as_second()).min().unwrap_or(0);
            prop_assume!(skewed < 9);
            let mut got = Vec::new();
            let mut cursor = LogCursor::default();
            for at_most in cuts.into_iter().chain([usize::MAX]) {
                for (entry, next) in read(&entries, cursor, at_most) {
                    got.push(entry);
                    cursor = next;
                }
            }
            prop_assert_eq!(got, entries);
        }
    }

    #[test]
    fn a_silent_output_does_not_make_a_reopen_read_everything() {
        let mut resume = Resume::new(LogCursor::default());
        let second = |s: i64| Timestamp::from_second(s).expect("in range");
        resume.accept(Output::Stderr, second(1_000));
        let cursor = resume.accept(Output::Stdout, second(9_000)).expect("new");
        assert_eq!(cursor.since(), Some(second(8_990)));
    }
}
