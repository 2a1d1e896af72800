//! One thing that is wrong, with its place.

use serde::{Deserialize, Serialize};

/// Whether something must or should be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be saved or run like this.
    Error,
    /// It runs, but probably not as meant.
    Warning,
}

/// One problem of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}{message}{}", self.place(), self.hint())]
pub struct Problem {
    pub severity: Severity,
    /// Keys from the top joined by dots, list positions as `[0]`: `steps.db.parameters.name`. Empty for the whole document.
    pub path: String,
    /// Counted from 1; `None` for JSON and for what is not in the text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// What is wrong, for people.
    pub message: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suggestion: Option<String>,
}

impl Problem {
    /// Something that must be changed.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.into(),
            line: None,
            message: message.into(),
            suggestion: None,
        }
    }

    /// Something that is allowed and probably not meant.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    pub fn at_line(self, line: Option<u32>) -> Self {
        Self { line, ..self }
    }

    pub fn suggesting(self, suggestion: Option<String>) -> Self {
        Self { suggestion, ..self }
    }

    fn place(&self) -> String {
        match (self.line, self.path.as_str()) {
            (Some(line), "") => format!("line {line}: "),
            (Some(line), path) => format!("line {line}, {path}: "),
            (None, "") => String::new(),
            (None, path) => format!("{path}: "),
        }
    }

    fn hint(&self) -> String {
        self.suggestion.as_ref().map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
    }
}

/// Whether anything must be changed before the document can be used.
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The known word that is nearest to an unknown one, if one is near enough to be meant.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Text from outside as it may stand in a message: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String =
        text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_place_message_and_hint() {
        let problem = Problem::error("steps.db.imge", "unknown field").at_line(Some(4));
        let problem = problem.suggesting(closest("imge", ["needs", "image"]));
        assert_eq!(problem.to_string(), "line 4, steps.db.imge: unknown field; did you mean `image`?");
        assert_eq!(Problem::warning("", "empty").to_string(), "empty");
        assert_eq!(closest("zzz", ["needs", "image"]), None);
        assert_eq!(quoted("a\u{1b}[31m"), "`a\u{fffd}[31m`");
    }
}
