//! What is wrong with a document, as answers say it.

use pierhead_model::pipeline::{Problem, Severity, StepName};
use serde::Serialize;
use utoipa::ToSchema;

/// Something about a document that must or should be changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DocumentProblem {
    /// `error` keeps it from being saved or run; a `warning` does not.
    severity: &'static str,
    /// Names from the top joined by dots: `steps.db.variables.NAME`. Empty for the whole document.
    path: String,
    /// The step it belongs to.
    step: Option<String>,
    /// In the text, counted from 1; `null` for JSON.
    line: Option<u32>,
    message: String,
    /// What was probably meant.
    suggestion: Option<String>,
}

impl From<Problem> for DocumentProblem {
    fn from(problem: Problem) -> Self {
        let step = problem.path.strip_prefix("steps.").and_then(|rest| rest.split(['.', '[']).next());
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            step: step.map(str::to_owned),
            path: problem.path,
            line: problem.line,
            message: problem.message,
            suggestion: problem.suggestion,
        }
    }
}

/// Problems, in the order of the document.
pub(crate) fn all(problems: Vec<Problem>) -> Vec<DocumentProblem> {
    problems.into_iter().map(Into::into).collect()
}

/// Steps by the round in which they could start.
pub(crate) fn rounds(rounds: Vec<Vec<StepName>>) -> Vec<Vec<String>> {
    rounds.into_iter().map(|round| round.into_iter().map(Into::into).collect()).collect()
}
