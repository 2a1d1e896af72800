//! A problem document (RFC 9457), as the server answers every failure.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::exit::Exit;

/// What went wrong, in the server's words.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    /// Stable, for programs: `deployment_state`.
    pub(crate) code: String,
    pub(crate) title: String,
    detail: String,
    request_id: Option<String>,
    fixes: Vec<Fix>,
    errors: Vec<FieldError>,
    pub(crate) raw: Value,
}

/// Something to do about it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fix {
    #[serde(default)]
    title: String,
    #[serde(default)]
    command: Option<String>,
}

/// One field that was refused.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldError {
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    /// Whether this one value is what is wrong.
    pub(crate) fn is_about(&self, pointer: &str) -> bool {
        matches!(self.errors.as_slice(), [only] if only.pointer == pointer)
    }

    /// Reads an answer's body; anything that is not a problem document becomes one.
    pub(crate) fn read(status: u16, request_id: Option<&str>, body: &[u8]) -> Self {
        let raw = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let raw = raw.unwrap_or_else(|| {
            let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
            json!({"type": "about:blank", "title": format!("The server answered {status}"), "status": status, "detail": text.trim()})
        });
        let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |name: &str| raw.get(name).cloned().unwrap_or_else(|| json!([]));
        let last_segment = text("type").rsplit('/').next().unwrap_or_default().replace('-', "_");
        let code = Some(text("code")).filter(|code| !code.is_empty()).unwrap_or(last_segment);
        let title = Some(text("title")).filter(|title| !title.is_empty());
        Self {
            status,
            code,
            title: title.unwrap_or_else(|| format!("The server answered {status}")),
            detail: text("detail"),
            request_id: Some(text("request_id"))
                .filter(|id| !id.is_empty())
                .or(request_id.map(str::to_owned)),
            fixes: serde_json::from_value(list("fixes")).unwrap_or_default(),
            errors: serde_json::from_value(list("errors")).unwrap_or_default(),
            raw,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match (self.status, self.code.as_str()) {
            (_, "no_capacity") => Exit::NoCapacity,
            (401 | 403, _) => Exit::NotAllowed,
            (404, _) => Exit::NotFound,
            (409 | 412 | 428, _) => Exit::Refused,
            (502..=504, _) => Exit::Unreachable,
            _ => Exit::Failure,
        }
    }

    /// Why, with which request, and what to do, a line each.
    pub(crate) fn explanation(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.detail.lines().map(str::to_owned).collect();
        lines.extend(self.errors.iter().map(|error| format!("{}: {}", error.pointer, error.detail)));
        lines.extend(self.request_id.iter().map(|id| format!("(request id {id})")));
        lines.extend(self.fixes.iter().map(|fix| match (&fix.command, fix.title.as_str()) {
            (Some(command), "") => command.clone(),
            (Some(command), title) => format!("{title}: {command}"),
            (None, title) => title.to_owned(),
        }));
        if self.fixes.is_empty() && self.status == 401 {
            lines.push("Sign in with: pierhead login".to_owned());
        }
        lines
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_told_with_everything_it_has() {
        let body = br#"{"type":"https://pierhead.dev/problems/deployment-state","title":"Not now","status":409,"detail":"It is live.",
            "request_id":"r1","fixes":[{"title":"Make another release live first","command":"pierhead rollback"}]}"#;
        let problem = Problem::read(409, None, body);
        assert_eq!((problem.code.as_str(), problem.exit()), ("deployment_state", Exit::Refused));
        assert_eq!(
            problem.explanation(),
            ["It is live.", "(request id r1)", "Make another release live first: pierhead rollback"]
        );
    }

    #[test]
    fn any_other_answer_becomes_one() {
        let problem = Problem::read(502, Some("r2"), b"<html>Bad Gateway</html>");
        assert_eq!((problem.title.as_str(), problem.exit()), ("The server answered 502", Exit::Unreachable));
        assert_eq!(problem.explanation(), ["<html>Bad Gateway</html>", "(request id r2)"]);
        for (status, exit) in [
            (401, Exit::NotAllowed),
            (403, Exit::NotAllowed),
            (404, Exit::NotFound),
            (412, Exit::Refused),
            (422, Exit::Failure),
            (500, Exit::Failure),
        ] {
            assert_eq!(Problem::read(status, None, b"[]").exit(), exit, "{status}");
        }
    }
}
