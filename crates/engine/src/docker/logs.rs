//! A container's output with resume.
//!
//! Docker resumes only by whole seconds, so a stream begins a little early and skips what was read: lines up to the cursor's
//! moment, and as many lines of exactly that moment as were seen. Every line carries its time because we ask for it.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use pierhead_model::Timestamp;

use super::convert;
use crate::{LogCursor, LogPiece, Result};

pub(super) fn stream(docker: &Docker, name: &str, cursor: LogCursor) -> BoxStream<'static, Result<LogPiece>> {
    let since = cursor.at.map_or(0, |at| i32::try_from(at.as_second()).unwrap_or(i32::MAX));
    let options = LogsOptionsBuilder::new()
        .follow(true)
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .since(since)
        .build();
    let owned_name = name.to_owned();
    let mut resume = Resume::new(cursor);
    docker
        .logs(name, Some(options))
        .filter_map(move |output| {
            let piece = match output {
                Ok(LogOutput::StdErr { message }) => resume.take(true, message).map(Ok),
                Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                    resume.take(false, message).map(Ok)
                }
                Ok(LogOutput::StdIn { .. }) => None,
                Err(error) => {
                    Some(Err(convert::error("reading a container's output", "container", &owned_name, error)))
                }
            };
            std::future::ready(piece)
        })
        .boxed()
}

/// Skips what was read before, and keeps the place.
struct Resume {
    from: LogCursor,
    /// Lines of the cursor's own moment met so far.
    met: u32,
    place: LogCursor,
}

impl Resume {
    fn new(from: LogCursor) -> Self {
        Self { place: from.clone(), from, met: 0 }
    }

    fn take(&mut self, stderr: bool, message: Bytes) -> Option<LogPiece> {
        let space = message.iter().position(|byte| *byte == b' ')?;
        let at: Timestamp = std::str::from_utf8(message.get(..space)?).ok()?.parse().ok()?;
        if let Some(from) = self.from.at {
            if at < from {
                return None;
            }
            if at == from {
                self.met += 1;
                if self.met <= self.from.seen {
                    return None;
                }
            }
        }
        if self.place.at == Some(at) {
            self.place.seen += 1;
        } else {
            self.place = LogCursor { at: Some(at), seen: 1 };
        }
        Some(LogPiece { stderr, bytes: message.slice(space + 1..), cursor: self.place.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 5] = [
        "2026-01-01T00:00:00.000000001Z a\n",
        "2026-01-01T00:00:00.000000002Z b\n",
        "2026-01-01T00:00:00.000000002Z c\n",
        "2026-01-01T00:00:00.000000002Z d\n",
        "2026-01-01T00:00:00.000000003Z e\n",
    ];

    #[test]
    fn goes_on_after_any_line_without_loss_or_repetition() {
        let read = |from: LogCursor, lines: &[&str]| {
            let mut resume = Resume::new(from);
            let pieces =
                lines.iter().filter_map(|line| resume.take(false, Bytes::copy_from_slice(line.as_bytes())));
            pieces.collect::<Vec<_>>()
        };
        let whole = read(LogCursor::default(), &LINES);
        assert_eq!(whole.len(), 5);
        for (index, piece) in whole.iter().enumerate() {
            let rest = read(piece.cursor.clone(), &LINES);
            assert_eq!(rest, whole[index + 1..], "after line {index}");
        }
    }
}
