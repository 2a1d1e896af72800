//! What a step's container prints: standard error as lines for people, standard output as they ask for it.
//!
//! The engine keeps the output of a container that has ended, so after a crash everything is read again from its beginning;
//! lines that are kept already are left out.

use futures::StreamExt as _;
use pierhead_engine::log::{Follow, LogChunk, LogCursor, LogStream as EngineLog, Output, Resume};
use pierhead_engine::state::{ContainerId, State};
use pierhead_model::log::LogStream;

use super::contract::MAX_STDOUT_BYTES;
use super::mask::Mask;
use super::{Context, Line};
use crate::log::Splitter;

/// Chunks that are kept at once.
const CHUNKS: usize = 256;

/// What becomes of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stdout {
    /// It is an answer: collected, not shown.
    Collect,
    /// It is lines for people, like standard error.
    Show,
}

/// A limit that the output broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// More than an answer may have.
    Stdout,
    /// More than a step may print.
    Log,
}

/// Takes the output of one container.
#[derive(Debug)]
pub(super) struct Collector<'c> {
    context: &'c Context,
    step: &'c str,
    container: &'c str,
    mask: &'c Mask,
    stdout: Stdout,
    /// What standard output was, when it is collected: up to one byte more than an answer may have.
    collected: Vec<u8>,
    printed: u64,
    splitters: [Splitter; 2],
    /// Leaves out what is kept.
    kept: Resume,
    /// Where the next read goes on.
    cursor: LogCursor,
    /// Where a read goes on after a crash, when nothing is half read.
    durable: Option<LogCursor>,
}

impl<'c> Collector<'c> {
    pub(super) fn new(
        context: &'c Context,
        step: &'c str,
        container: &'c str,
        mask: &'c Mask,
        stdout: Stdout,
    ) -> Self {
        let kept = context.lines.read_up_to(container).unwrap_or_default();
        // An answer is read as a whole, whatever of the lines is kept.
        let cursor = if stdout == Stdout::Collect { LogCursor::default() } else { kept };
        Self {
            context,
            step,
            container,
            mask,
            stdout,
            collected: Vec::new(),
            printed: 0,
            splitters: Default::default(),
            kept: Resume::new(kept),
            cursor,
            durable: None,
        }
    }

    /// Reads until the container ends. Never resolves, unless a limit is broken: the end is told by whoever waits for it.
    pub(super) async fn follow(&mut self, id: &ContainerId) -> TooMuch {
        loop {
            match self.context.engine.logs(id, self.cursor, Follow::Yes).await {
                Ok(logs) => {
                    if let Some(broken) = self.take_all(logs).await {
                        return broken;
                    }
                }
                Err(error) => tracing::debug!(container = self.container, %error, "output cannot be read"),
            }
            // It has ended, or it was cut, as by a restart of the engine: then it is opened again where it ended.
            tokio::time::sleep(super::context::ENGINE_PAUSE).await;
        }
    }

    /// Reads what a container that has ended had printed and was not read.
    pub(super) async fn rest(&mut self, id: &ContainerId) -> Result<Option<TooMuch>, super::StepError> {
        let context = self.context;
        let cursor = self.cursor;
        let open = || context.engine.logs(id, cursor, Follow::No);
        let logs = context.patiently("reading the step's output", open).await?;
        let broken = self.take_all(logs).await;
        let last: Vec<_> = [LogStream::Stdout, LogStream::Stderr]
            .into_iter()
            .zip(&mut self.splitters)
            .filter_map(|(stream, splitter)| Some((stream, splitter.finish()?)))
            .collect();
        let time = (self.context.now)();
        let lines = last
            .into_iter()
            .map(|(stream, text)| Line { time, stream, text: self.mask.apply_to_line(text) })
            .collect::<Vec<_>>();
        if !lines.is_empty() || self.durable.is_some() {
            self.context.lines.keep(self.step, self.container, lines, self.durable.take());
        }
        Ok(broken)
    }

    /// What standard output was.
    pub(super) fn collected(&self) -> &[u8] {
        &self.collected
    }

    async fn take_all(&mut self, logs: EngineLog) -> Option<TooMuch> {
        let mut chunks = logs.ready_chunks(CHUNKS);
        while let Some(some) = chunks.next().await {
            let mut lines = Vec::new();
            let mut broken = None;
            for chunk in some {
                match chunk {
                    Ok(chunk) => broken = broken.or(self.take(&chunk, &mut lines)),
                    Err(error) => {
                        tracing::debug!(container = self.container, %error, "output was cut");
                        break;
                    }
                }
            }
            self.keep(lines);
            if broken.is_some() {
                return broken;
            }
        }
        None
    }

    fn take(&mut self, chunk: &LogChunk, lines: &mut Vec<Line>) -> Option<TooMuch> {
        self.cursor = chunk.cursor;
        self.printed += chunk.bytes.len() as u64;
        if chunk.output == Output::Stdout && self.stdout == Stdout::Collect {
            let room = (MAX_STDOUT_BYTES + 1).saturating_sub(self.collected.len());
            self.collected.extend_from_slice(&chunk.bytes[..chunk.bytes.len().min(room)]);
            return (self.collected.len() > MAX_STDOUT_BYTES).then_some(TooMuch::Stdout);
        }
        if let Some(cursor) = self.kept.accept(chunk.output, chunk.at) {
            self.durable = Some(cursor);
            let (stream, splitter) = match chunk.output {
                Output::Stdout => (LogStream::Stdout, &mut self.splitters[0]),
                Output::Stderr => (LogStream::Stderr, &mut self.splitters[1]),
            };
            let mask = self.mask;
            splitter.push(&chunk.bytes, |text| {
                lines.push(Line { time: chunk.at, stream, text: mask.apply_to_line(text) });
            });
        }
        (self.printed > self.context.log_limit_bytes && self.stdout == Stdout::Collect)
            .then_some(TooMuch::Log)
    }

    fn keep(&mut self, lines: Vec<Line>) {
        let whole = self.splitters.iter().all(Splitter::is_empty);
        let cursor = if whole { self.durable.take() } else { None };
        if !lines.is_empty() || cursor.is_some() {
            self.context.lines.keep(self.step, self.container, lines, cursor);
        }
    }
}

/// Whether a container runs, by its state.
pub(super) const fn runs(state: &State) -> bool {
    matches!(state, State::Running { .. } | State::Paused { .. })
}
