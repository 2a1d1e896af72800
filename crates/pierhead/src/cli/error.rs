//! Why a command failed, and how that is told: what happened, why, what to do, the most useful line last.

use serde_json::{Value, json};

use super::client::Problem;
use super::exit::Exit;
use crate::output::{Closed, Printer, Symbols, safe_text, style};

/// The failure of a command. Each variant is another thing for the caller to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server answered with a problem document.
    #[error("{0}")]
    Problem(Box<Problem>),
    #[error("cannot reach {url}")]
    Unreachable { url: String, why: String, fix: String },
    /// The answer is not what this version understands.
    #[error("{url} gave an answer that cannot be understood")]
    Garbled { url: String, why: String },
    #[error("not signed in to {url}")]
    NotSignedIn { url: String },
    /// The command line asks for something impossible.
    #[error("{what}")]
    Usage { what: String, fix: String },
    #[error("{what}")]
    NotFound { what: String, fix: String },
    /// The deployment ended FAILED; everything about it was said already.
    #[error("deployment {id} failed: {detail}")]
    DeploymentFailed { id: String, code: String, detail: String },
    #[error("{what}")]
    TimedOut { what: String, fix: String },
    #[error("interrupted")]
    Interrupted,
    /// Something here, on this machine.
    #[error("{what}")]
    Local { what: String, why: String, fix: String },
    /// The reader of stdout went away: nothing is wrong.
    #[error("the output was closed")]
    OutputClosed,
}

impl From<Closed> for Error {
    fn from(_: Closed) -> Self {
        Self::OutputClosed
    }
}

impl Error {
    pub(crate) fn usage(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), fix: fix.into() }
    }

    pub(crate) fn not_found(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::NotFound { what: what.into(), fix: fix.into() }
    }

    pub(crate) fn local(
        what: impl Into<String>,
        why: impl std::fmt::Display,
        fix: impl Into<String>,
    ) -> Self {
        Self::Local { what: what.into(), why: why.to_string(), fix: fix.into() }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Problem(problem) => problem.exit(),
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::NotSignedIn { .. } => Exit::NotAllowed,
            Self::Usage { .. } => Exit::Usage,
            Self::NotFound { .. } => Exit::NotFound,
            Self::DeploymentFailed { code, .. } if code == "no_capacity" => Exit::NoCapacity,
            Self::DeploymentFailed { .. } => Exit::DeploymentFailed,
            Self::TimedOut { .. } => Exit::TimedOut,
            Self::Interrupted => Exit::Interrupted,
            Self::Garbled { .. } | Self::Local { .. } => Exit::Failure,
            Self::OutputClosed => Exit::Done,
        }
    }

    /// Says it on stderr: as one line of JSON for programs, as a few lines for people.
    pub(crate) fn report(&self, printer: &Printer, as_json: bool) {
        if matches!(self, Self::OutputClosed) {
            return;
        }
        if as_json {
            printer.complain(&self.document().to_string());
            return;
        }
        for line in self.lines(printer.symbols()) {
            printer.complain(&line);
        }
    }

    fn lines(&self, symbols: Symbols) -> Vec<String> {
        let head =
            |text: &str| format!("{} {}", style::paint(style::BAD, symbols.failed), safe_text::plain(text));
        let told = |what: &str, why: &str, fix: &str| {
            let mut lines = vec![head(what)];
            lines.extend(why.lines().map(|line| format!("  {}", safe_text::plain(line))));
            lines.extend(fix.lines().map(|line| format!("  {}", safe_text::plain(line))));
            lines
        };
        match self {
            Self::Problem(problem) => {
                let mut lines = vec![head(&problem.title)];
                lines
                    .extend(problem.explanation().iter().map(|line| format!("  {}", safe_text::plain(line))));
                lines
            }
            Self::Unreachable { why, fix, .. } => told(&self.to_string(), why, fix),
            Self::Garbled { why, .. } => told(
                &self.to_string(),
                why,
                "Is this a Pierhead server? Compare `pierhead version` with the server's version.",
            ),
            Self::NotSignedIn { .. } => told(
                &self.to_string(),
                "",
                "Sign in with: pierhead login\nIn scripts set PIERHEAD_URL and PIERHEAD_TOKEN.",
            ),
            Self::Usage { what, fix } | Self::NotFound { what, fix } | Self::TimedOut { what, fix } => {
                told(what, "", fix)
            }
            Self::Local { what, why, fix } => told(what, why, fix),
            Self::DeploymentFailed { .. } | Self::Interrupted | Self::OutputClosed => Vec::new(),
        }
    }

    /// The failure in the shape of a problem document.
    fn document(&self) -> Value {
        let (code, detail, fix) = match self {
            Self::Problem(problem) => return problem.raw.clone(),
            Self::Unreachable { why, fix, .. } => ("unreachable", why.clone(), fix.clone()),
            Self::Garbled { why, .. } => ("garbled_answer", why.clone(), String::new()),
            Self::NotSignedIn { .. } => ("unauthenticated", self.to_string(), "pierhead login".to_owned()),
            Self::Usage { what, fix } => ("usage", what.clone(), fix.clone()),
            Self::NotFound { what, fix } => ("not_found", what.clone(), fix.clone()),
            Self::TimedOut { what, fix } => ("timed_out", what.clone(), fix.clone()),
            Self::Local { why, fix, .. } => ("local", why.clone(), fix.clone()),
            Self::DeploymentFailed { id, code, detail } => {
                return json!({"type": "about:blank", "title": self.to_string(), "code": code, "detail": detail, "deployment": id});
            }
            Self::Interrupted | Self::OutputClosed => ("interrupted", self.to_string(), String::new()),
        };
        json!({"type": "about:blank", "title": self.to_string(), "code": code, "detail": detail, "fix": fix})
    }
}
