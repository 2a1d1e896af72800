//! What reaches the terminal: stdout is the answer, stderr is the conversation.
//!
//! Every byte goes through one [`Printer`], so that three promises hold everywhere: `--json` puts nothing on stdout but the
//! document, colour is decided per stream (`NO_COLOR`, `TERM=dumb`, `CLICOLOR_FORCE`, `--color`), and a reader that went away
//! (`| head`) ends the program quietly.

pub(crate) mod humane;
pub(crate) mod safe_text;
pub(crate) mod style;
pub(crate) mod table;

use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};

use crate::environment::Environment;

pub(crate) use style::Symbols;
pub(crate) use table::Table;

/// The reader of stdout went away.
#[derive(Debug, thiserror::Error)]
#[error("the output was closed")]
pub(crate) struct Closed;

/// What a person asked of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    Normal,
    /// Why something was chosen.
    Verbose,
    /// Every request.
    Requests,
}

/// The one place that writes to stdout and stderr.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    out: ColorChoice,
    err: ColorChoice,
    verbosity: Verbosity,
    symbols: Symbols,
    stdin_is_terminal: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
}

impl Printer {
    pub(crate) fn new(color: Color, verbosity: Verbosity, environment: &Environment) -> Self {
        let stdout_is_terminal = std::io::stdout().is_terminal();
        let stderr_is_terminal = std::io::stderr().is_terminal();
        Self {
            out: style::choice(color, stdout_is_terminal, environment),
            err: style::choice(color, stderr_is_terminal, environment),
            verbosity,
            symbols: Symbols::new(environment),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal,
            stderr_is_terminal,
        }
    }

    /// One line of the answer.
    pub(crate) fn answer(&self, line: &str) -> Result<(), Closed> {
        self.answer_bytes(format!("{line}\n").as_bytes())
    }

    /// A part of the answer as it is, flushed.
    pub(crate) fn answer_bytes(&self, bytes: &[u8]) -> Result<(), Closed> {
        let mut stream = AutoStream::new(std::io::stdout().lock(), self.out);
        stream.write_all(bytes).and_then(|()| stream.flush()).map_err(|_| Closed)
    }

    /// Bytes that nobody touches.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), Closed> {
        let mut stream = std::io::stdout().lock();
        stream.write_all(bytes).and_then(|()| stream.flush()).map_err(|_| Closed)
    }

    /// One line of the conversation. A closed stderr is nobody's loss.
    pub(crate) fn say(&self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.complain(line);
        }
    }

    /// One line that `--quiet` does not silence.
    pub(crate) fn complain(&self, line: &str) {
        let mut stream = AutoStream::new(std::io::stderr().lock(), self.err);
        let _ = writeln!(stream, "{line}");
    }

    /// A question's beginning: no line end.
    pub(crate) fn ask(&self, text: &str) {
        let mut stream = AutoStream::new(std::io::stderr().lock(), self.err);
        let _ = write!(stream, "{text}").and_then(|()| stream.flush());
    }

    /// Said with `-v`: why something was chosen.
    pub(crate) fn explain(&self, line: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.complain(line);
        }
    }

    /// Said with `-vv`: each request.
    pub(crate) fn trace(&self, line: &str) {
        if self.verbosity >= Verbosity::Requests {
            self.complain(line);
        }
    }

    pub(crate) fn symbols(&self) -> Symbols {
        self.symbols
    }

    pub(crate) fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Whether something may move: a terminal that nobody silenced and that can move its cursor.
    pub(crate) fn animates(&self) -> bool {
        self.stderr_is_terminal && self.verbosity > Verbosity::Quiet && !self.symbols.dumb
    }

    pub(crate) fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    pub(crate) fn colors_stderr(&self) -> bool {
        self.err != ColorChoice::Never
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }
}
