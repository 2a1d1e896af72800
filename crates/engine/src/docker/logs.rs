//! Logs with resume: see [`crate::log`] for how the cursor works.
//!
//! The engine is asked for whole seconds, with its own nanosecond stamps in front of each chunk; the cursor
//! drops what the reader has.

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use bytes::{Buf as _, Bytes};
use futures::{StreamExt as _, future};
use jiff::Timestamp;

use super::{
    DockerEngine,
    call::{Call, classify, path_part},
};
use crate::{
    error::{Error, Object, Result},
    log::{Follow, LogChunk, LogCursor, LogStream, Output, Resume},
    state::ContainerId,
};

impl DockerEngine {
    pub(super) async fn container_logs(
        &self,
        id: &ContainerId,
        from: LogCursor,
        follow: Follow,
    ) -> Result<LogStream> {
        let id = path_part(Object::Container, id.as_str())?.to_owned();
        // Asking first makes an absent container an error of the call instead of the stream.
        self.container_inspect(&id).await?;
        let since = from.since().map_or(0, |at| i32::try_from(at.as_second().max(0)).unwrap_or(i32::MAX));
        let options = LogsOptions {
            follow: follow == Follow::Yes,
            stdout: true,
            stderr: true,
            since,
            timestamps: true,
            tail: "all".to_owned(),
            ..Default::default()
        };
        let mut resume = Resume::new(from);
        let chunks = self.docker.logs(&id, Some(options)).filter_map(move |item| {
            let call = Call::on("reading a log", Object::Container, &id);
            future::ready(match item {
                Ok(frame) => chunk(frame, &mut resume).transpose(),
                Err(error) => Some(Err(classify(error, call))),
            })
        });
        Ok(Box::pin(chunks))
    }
}

fn chunk(frame: LogOutput, resume: &mut Resume) -> Result<Option<LogChunk>> {
    let (output, message) = match frame {
        LogOutput::StdOut { message } => (Output::Stdout, message),
        LogOutput::StdErr { message } => (Output::Stderr, message),
        // No container of ours has a terminal: this is the engine saying in the stream that it cannot read on.
        LogOutput::StdIn { message } | LogOutput::Console { message } => {
            return Err(unreadable(String::from_utf8_lossy(&message).into_owned()));
        }
    };
    let (at, bytes) =
        split_stamp(message).ok_or_else(|| unreadable("a log entry has no time stamp".to_owned()))?;
    Ok(resume.accept(output, at).map(|cursor| LogChunk { output, at, bytes, cursor }))
}

fn unreadable(reason: String) -> Error {
    Error::Other {
        operation: "reading a log",
        cause: Some(std::sync::Arc::new(std::io::Error::other(reason))),
    }
}

/// `2026-01-02T03:04:05.000000000Z text` → the stamp and the text.
fn split_stamp(mut message: Bytes) -> Option<(Timestamp, Bytes)> {
    let space = message.iter().take(64).position(|byte| *byte == b' ')?;
    let at = std::str::from_utf8(&message[..space]).ok()?.parse().ok()?;
    message.advance(space + 1);
    Some((at, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_split_off_and_the_text_kept_as_it_is() {
        let (at, text) =
            split_stamp(Bytes::from_static(b"2026-01-02T03:04:05.000000007Z \xff a b\n")).expect("stamped");
        assert_eq!(at.as_nanosecond() % 1_000_000_000, 7);
        assert_eq!(text, Bytes::from_static(b"\xff a b\n"));
        assert_eq!(split_stamp(Bytes::from_static(b"2026-01-02T03:04:05Z ")).expect("empty").1, Bytes::new());
        assert!(split_stamp(Bytes::from_static(b"no stamp")).is_none());
    }
}
