//! Errors as problem documents (RFC 9457): what happened, to what, and what to do next.
//!
//! A [`Problem`] travels as an extension of an empty answer, and the outermost layer writes the document: only there are the
//! request's id and path at hand, and so a rejection of the framework, a handler's error and a refusal of a layer look alike.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pierhead_control::{Error, FieldProblem};
use pierhead_model::code::Code;
use pierhead_model::deployment::State;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The document, as it is described to callers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "https://pierhead.dev/problems/deployment-state",
    "title": "The deployment's state does not allow this",
    "status": 409,
    "detail": "Deployment 3x9mq2p7ab is PRODUCTION; only FAILED and INACTIVE can be deleted.",
    "instance": "/api/v1/deployments/3x9mq2p7ab",
    "code": "deployment_state",
    "request_id": "0199a7d4e5f67a8b9c0d1e2f3a4b5c6d",
    "state": "PRODUCTION",
    "allowed": ["FAILED", "INACTIVE"],
    "fixes": [{ "title": "Make an earlier release live", "command": "pierhead rollback" }]
}))]
pub(crate) struct Document {
    /// The same on every installation; `/docs/problems/{code}` explains it.
    r#type: String,
    title: &'static str,
    status: u16,
    /// What happened, to what, and what to do next.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// For programs that switch on text: the last segment of `type` in snake_case.
    code: &'static str,
    request_id: String,
    /// What to do about it, likeliest first.
    fixes: Vec<Fix>,
    /// Members that belong to this kind of problem: `errors` (`{pointer, detail}`), `state` and `allowed`, `kind`, `current`.
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    members: Map<String, Value>,
}

/// Something to do about a problem.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Fix {
    title: String,
    command: Option<String>,
}

/// An answer that says why not.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    status: StatusCode,
    detail: String,
    fixes: Vec<Fix>,
    members: Map<String, Value>,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail = detail.into();
        let (fixes, members) = (Vec::new(), Map::new());
        Self(Box::new(Parts { code, status, detail, fixes, members, retry_after_s: None }))
    }

    /// Values that cannot be used.
    pub(crate) fn invalid(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Error::invalid(pointer, detail).into()
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn fix(mut self, title: &str, command: impl Into<String>) -> Self {
        self.0.fixes.push(Fix { title: title.to_owned(), command: Some(command.into()) });
        self
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// The document for one request.
    fn document(self, instance: &str, request_id: &str) -> Document {
        let Parts { code, status, detail, fixes, members, retry_after_s: _ } = *self.0;
        Document {
            r#type: format!("https://pierhead.dev/problems/{}", code.as_str().replace('_', "-")),
            title: code.title(),
            status: status.as_u16(),
            detail,
            instance: instance.to_owned(),
            code: code.as_str(),
            request_id: request_id.to_owned(),
            fixes,
            members,
        }
    }
}

impl Problem {
    /// The document as a message of its own, where there is no answer to write it into.
    pub(crate) fn into_text(self, instance: &str) -> String {
        serde_json::to_string(&self.document(instance, "")).unwrap_or_default()
    }
}

/// Writes the document into an answer that carries a problem; leaves every other answer alone.
pub(crate) fn written(mut response: Response, instance: &str, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let page = format!("</docs/problems/{}>; rel=\"help\"", problem.0.code.as_str().replace('_', "-"));
    let document = problem.document(instance, request_id);
    let text = serde_json::to_string(&document).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Ok(page) = HeaderValue::from_str(&page) {
        headers.insert(header::LINK, page);
    }
    *response.body_mut() = Body::from(text);
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        if let Some(seconds) = self.0.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(error = %source, "an internal error was answered with 500");
        }
        // Where the whole body is meant, there is no pointer to show.
        let problem = Self::new(error.code(), error.to_string().trim_end_matches(" ()"));
        match error {
            Error::Validation(problems) => problem.with("errors", pointed(problems)),
            Error::DeploymentState { deployment, state, allowed, .. } => {
                let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                let problem = problem.with("state", state.to_string()).with("allowed", allowed);
                match state {
                    State::Production => problem.fix("Make an earlier release live", "pierhead rollback"),
                    State::Queued | State::Building | State::Provisioning => {
                        problem.fix("Stop it first", format!("pierhead cancel {deployment}"))
                    }
                    State::Inactive | State::Failed => problem,
                }
            }
            Error::CloneFailed { kind, .. } => problem.with("kind", kind.to_string()),
            Error::RegistryFailed { kind, .. } => problem.with("kind", kind),
            Error::RateLimited { retry_after_s } => problem.retry_after(retry_after_s),
            Error::Unavailable { .. } => problem.retry_after(5),
            Error::Unauthenticated { .. } | Error::TokenExpired => problem.fix("Sign in", "pierhead login"),
            Error::NotFound { what: "project", .. } => problem.fix("See what there is", "pierhead projects"),
            Error::NotFound { what: "deployment", .. } => {
                problem.fix("See what there is", "pierhead deployments")
            }
            Error::DetectionFailed { .. } => problem.fix("Try it on a folder", "pierhead detect ."),
            Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::NameTaken { .. }
            | Error::PreconditionFailed { .. }
            | Error::Conflict { .. }
            | Error::InvalidCursor
            | Error::IdempotencyReuse
            | Error::Internal(_) => problem,
        }
    }
}

fn pointed(problems: Vec<FieldProblem>) -> Vec<Value> {
    problems.into_iter().map(|it| json!({ "pointer": it.pointer, "detail": it.detail })).collect()
}
