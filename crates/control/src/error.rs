//! What can go wrong for a caller, in words that do not know HTTP.
//!
//! The API turns each into a problem document in one place; the code decides the status.

use std::borrow::Cow;

use pierhead_model::code::Code;
use pierhead_model::deployment::{CloneFailure, State};
use pierhead_model::pipeline::{Problem, Severity};
use pierhead_store::StoreError;

/// One value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// A JSON pointer: `/limits/memory_mb`.
    pub pointer: String,
    pub detail: String,
}

impl FieldProblem {
    pub fn new(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self { pointer: pointer.into(), detail: detail.to_string() }
    }
}

impl From<&Problem> for FieldProblem {
    /// `steps.db.volumes[0]` is `/steps/db/volumes/0`.
    fn from(problem: &Problem) -> Self {
        let mut pointer = String::new();
        for part in problem.path.split(['.', '[']).filter(|part| !part.is_empty()) {
            pointer.push('/');
            pointer.push_str(&part.trim_end_matches(']').replace('~', "~0").replace('/', "~1"));
        }
        let line = problem.line.map_or_else(String::new, |line| format!("line {line}: "));
        let hint =
            problem.suggestion.as_ref().map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
        Self { pointer, detail: format!("{line}{}{hint}", problem.message) }
    }
}

/// Why the control plane did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("There is no {what} `{name}`, or you may not see it.")]
    NotFound { what: &'static str, name: String },
    #[error("{detail}")]
    Unauthenticated { detail: &'static str },
    #[error("The token has expired: refresh it or sign in again.")]
    TokenExpired,
    #[error("This needs {required}, which your role or token does not include.")]
    Forbidden { required: Cow<'static, str> },
    #[error("{}", field_sentence(.0))]
    Validation(Vec<FieldProblem>),
    #[error("The {what} `{name}` exists already.")]
    NameTaken { what: &'static str, name: String },
    #[error("Deployment {deployment} is {state}; only {} can be {action}.", states(.allowed))]
    DeploymentState { deployment: String, state: State, allowed: Vec<State>, action: &'static str },
    #[error("The {what} was changed since you read it.")]
    PreconditionFailed { what: &'static str },
    #[error("{detail}")]
    Conflict { detail: String },
    #[error("Too many attempts: wait {retry_after_s} s and try again.")]
    RateLimited { retry_after_s: u64 },
    #[error("The cursor does not belong to this list.")]
    InvalidCursor,
    #[error("The idempotency key was used for another request.")]
    IdempotencyReuse,
    #[error("{detail}")]
    DetectionFailed { detail: String },
    #[error("{detail}")]
    CloneFailed { kind: CloneFailure, detail: String },
    /// A registry did not answer as was hoped; `kind` says how.
    #[error("{detail}")]
    RegistryFailed { kind: &'static str, detail: String },
    #[error("{detail}")]
    Unavailable { detail: String },
    #[error("Something went wrong inside Pierhead; the server's log has the details.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub const fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::NotFound,
            Self::Unauthenticated { .. } => Code::Unauthenticated,
            Self::TokenExpired => Code::TokenExpired,
            Self::Forbidden { .. } => Code::Forbidden,
            Self::Validation(_) => Code::Validation,
            Self::NameTaken { .. } => Code::NameTaken,
            Self::DeploymentState { .. } => Code::DeploymentState,
            Self::PreconditionFailed { .. } => Code::PreconditionFailed,
            Self::Conflict { .. } => Code::Conflict,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::InvalidCursor => Code::InvalidCursor,
            Self::IdempotencyReuse => Code::IdempotencyReuse,
            Self::DetectionFailed { .. } => Code::DetectionFailed,
            Self::CloneFailed { .. } => Code::CloneFailed,
            Self::RegistryFailed { .. } => Code::RegistryFailed,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// One value that cannot be used.
    pub fn invalid(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self::Validation(vec![FieldProblem::new(pointer, detail)])
    }

    /// The same, where what was wrong is a part of something larger.
    #[must_use]
    pub fn below(self, pointer: &str) -> Self {
        let moved = |it: FieldProblem| FieldProblem { pointer: format!("{pointer}{}", it.pointer), ..it };
        match self {
            Self::Validation(problems) => Self::Validation(problems.into_iter().map(moved).collect()),
            error => error,
        }
    }

    /// A document with mistakes: those that keep it from being used, not the warnings.
    pub(crate) fn from_problems(problems: &[Problem]) -> Self {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        Self::Validation(errors.map(FieldProblem::from).collect())
    }

    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }
}

fn field_sentence(problems: &[FieldProblem]) -> String {
    match problems {
        [one] => format!("{} ({})", one.detail, one.pointer),
        many => format!("{} values cannot be used; see `errors`.", many.len()),
    }
}

fn states(states: &[State]) -> String {
    states.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// What a failure of the store means to a caller.
pub(crate) trait StoreResult<T> {
    /// Of somebody who asked for the `what` called `name`.
    fn asked_for(self, what: &'static str, name: &dyn std::fmt::Display) -> Result<T, Error>;

    /// Where nothing was looked up by name.
    fn stored(self) -> Result<T, Error>;
}

impl<T> StoreResult<T> for Result<T, StoreError> {
    fn asked_for(self, what: &'static str, name: &dyn std::fmt::Display) -> Result<T, Error> {
        self.map_err(|error| match error {
            StoreError::NotFound { .. } => Error::not_found(what, name),
            StoreError::Taken { .. } => Error::NameTaken { what, name: name.to_string() },
            StoreError::Conflict { .. } => Error::PreconditionFailed { what },
            error => from_store(error),
        })
    }

    fn stored(self) -> Result<T, Error> {
        self.map_err(from_store)
    }
}

pub(crate) fn from_store(error: StoreError) -> Error {
    match error {
        StoreError::Illegal(illegal) => Error::Conflict { detail: illegal.to_string() },
        StoreError::Conflict { what } => Error::Conflict {
            detail: format!("The {what} was changed at the same moment: read it and try again."),
        },
        StoreError::OutOfSpace { .. } => Error::Unavailable {
            detail:
                "The disk is full: nothing new is accepted until there is space. What is live keeps serving."
                    .into(),
        },
        StoreError::Fenced { .. } => {
            Error::Unavailable { detail: "Another control plane has taken over from this one.".into() }
        }
        StoreError::Unavailable { .. } => {
            tracing::error!(error = %crate::reconcilers::driver::Chain(&error), "the store does not answer");
            Error::Unavailable {
                detail: "The database does not answer at the moment. Try again shortly.".into(),
            }
        }
        error @ (StoreError::NotFound { .. } | StoreError::Taken { .. } | StoreError::Corrupt { .. }) => {
            Error::internal(error)
        }
    }
}
