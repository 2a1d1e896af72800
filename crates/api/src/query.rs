//! Bodies and query strings, refused with a problem document when they cannot be read.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use pierhead_model::code::Code;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

fn unreadable(rejection: &JsonRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Code::BodyTooLarge, "The request is larger than this call takes (1 MiB).")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = "The body must be JSON: send `Content-Type: application/json`.";
            Problem::new(Code::Malformed, detail).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
        StatusCode::UNPROCESSABLE_ENTITY => Problem::new(Code::Validation, rejection.body_text()),
        _ => Problem::new(Code::Malformed, rejection.body_text()),
    }
}

/// A query string; parameters that nobody knows are refused, so that typing errors do not hide.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read: Result<_, QueryRejection> = axum::extract::Query::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::new(Code::Malformed, rejection.body_text())),
        }
    }
}
