//! Errors as problem documents (RFC 9457): what happened, to what, and what to do next.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pierhead_control::Error;
use pierhead_model::code::Code;
use serde_json::{Map, Value, json};

/// An answer that says why not.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    /// Figures that belong to this kind of problem.
    members: Map<String, Value>,
    retry_after_s: Option<u64>,
    status: StatusCode,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { code, detail: detail.into(), members: Map::new(), retry_after_s: None, status }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn fix(self, title: &str, command: &str) -> Self {
        self.with("fixes", json!([{ "title": title, "command": command }]))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(error = %source, "an internal error was answered with 500");
        }
        let problem = Self::new(error.code(), error.to_string());
        match error {
            Error::Validation(problems) => {
                let list = |it: pierhead_control::FieldProblem| json!({ "pointer": it.pointer, "detail": it.detail });
                problem.with("errors", problems.into_iter().map(list).collect::<Vec<_>>())
            }
            Error::DeploymentState { state, allowed, .. } => {
                let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                problem.with("state", state.to_string()).with("allowed", allowed)
            }
            Error::CloneFailed { kind, .. } => problem.with("kind", kind.to_string()),
            Error::RateLimited { retry_after_s } => Self { retry_after_s: Some(retry_after_s), ..problem },
            Error::Unavailable { .. } => Self { retry_after_s: Some(5), ..problem },
            Error::Unauthenticated { .. } | Error::TokenExpired => problem.fix("Sign in", "pierhead login"),
            Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::NameTaken { .. }
            | Error::PreconditionFailed { .. }
            | Error::Conflict { .. }
            | Error::InvalidCursor
            | Error::IdempotencyReuse
            | Error::DetectionFailed { .. }
            | Error::Internal(_) => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": format!("https://pierhead.dev/problems/{}", self.code.as_str().replace('_', "-")),
            "title": self.code.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
        });
        if let Value::Object(document) = &mut document {
            document.extend(self.members);
        }
        let mut response = (self.status, Json(document)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(HeaderName::from_static("www-authenticate"), scheme);
        }
        response
    }
}
