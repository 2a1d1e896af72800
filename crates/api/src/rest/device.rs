//! Signing a command line in by a browser.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{DeviceAnswer, DeviceBegun, DeviceView};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::Token;
use super::values::Time;
use crate::Shared;
use crate::access::{Caller, Visitor};
use crate::extract::{Json, Object, Path};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "ada's laptop" }))]
pub(crate) struct DeviceLoginRequest {
    /// Which machine it is: shown to the person who confirms it.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
}

/// A sign-in that waits for somebody to confirm it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceLogin {
    /// For `POST /auth/device/token`, and for nobody else to see.
    device_code: String,
    #[schema(example = "BCDF-GHJK")]
    user_code: String,
    /// Where a person confirms it, with the code in it.
    verification_url: String,
    /// Seconds until it is over.
    expires_in: u32,
    /// Seconds to wait between two questions.
    interval: u32,
}

impl From<DeviceBegun> for DeviceLogin {
    fn from(begun: DeviceBegun) -> Self {
        let DeviceBegun { device_code, user_code, url, expires_in_s, interval_s } = begun;
        Self { device_code, user_code, verification_url: url, expires_in: expires_in_s, interval: interval_s }
    }
}

/// Begin signing a command line in
///
/// Show the address and the code to the person, and ask `POST /auth/device/token` until there is an answer.
#[utoipa::path(post, path = "/auth/device", operation_id = "device_begin", tag = "access",
    request_body = DeviceLoginRequest, responses((status = 200, description = "Begun", body = DeviceLogin)))]
pub(crate) async fn begin(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<DeviceLoginRequest>>,
) -> Result<Answer<DeviceLogin>, Problem> {
    Ok(Answer(app.services.devices.begin(&body.name, client).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "device_code": "phd_dev_0123456789abcdef" }))]
pub(crate) struct DeviceTokenRequest {
    #[schema(value_type = String)]
    device_code: SecretString,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceStatus {
    /// Nobody has answered yet: ask again after the interval.
    Pending,
    Denied,
    Approved,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceToken {
    status: DeviceStatus,
    /// When it was approved, an API token, with its text. It is told once.
    token: Option<Token>,
    /// Whose token it is.
    email: Option<String>,
}

/// Ask whether a sign-in was confirmed
#[utoipa::path(post, path = "/auth/device/token", operation_id = "device_token", tag = "access",
    request_body = DeviceTokenRequest, responses((status = 200, description = "The answer, or none yet", body = DeviceToken),
        (status = 401, description = "It is over"), (status = 429, description = "Asked too soon")))]
pub(crate) async fn token(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<DeviceTokenRequest>>,
) -> Result<Response, Problem> {
    let told = app.services.devices.poll(&app.services.auth, &body.device_code, client).await?;
    let told = match told {
        DeviceAnswer::Pending => DeviceToken { status: DeviceStatus::Pending, token: None, email: None },
        DeviceAnswer::Denied => DeviceToken { status: DeviceStatus::Denied, token: None, email: None },
        DeviceAnswer::Approved { token, view, email } => DeviceToken {
            status: DeviceStatus::Approved,
            token: Some(Token::told_once(view, token)),
            email: Some(email),
        },
    };
    Ok(([(axum::http::header::CACHE_CONTROL, "no-store")], Answer(told)).into_response())
}

/// What asks to be signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceAsked {
    #[schema(example = "BCDF-GHJK")]
    user_code: String,
    /// Which machine it says it is. Anybody may claim any name: compare the code.
    name: String,
    /// From where it asks.
    ip: Option<String>,
    created_at: Time,
    expires_at: Time,
}

impl From<DeviceView> for DeviceAsked {
    fn from(view: DeviceView) -> Self {
        let DeviceView { user_code, name, ip, created_at, expires_at } = view;
        Self { user_code, name, ip, created_at: created_at.into(), expires_at: expires_at.into() }
    }
}

/// Show what asks to be signed in
#[utoipa::path(get, path = "/me/device-logins/{code}", operation_id = "device_get", tag = "access",
    responses((status = 200, description = "It waits for an answer", body = DeviceAsked)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Answer<DeviceAsked>, Problem> {
    Ok(Answer(app.services.devices.show(&caller.principal, &code).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "approve": true }))]
pub(crate) struct DeviceDecision {
    approve: bool,
}

/// Confirm or refuse a sign-in
///
/// From a browser that is signed in. Who asked gets an API token with all scopes, for 90 days, in the name of who confirms it.
#[utoipa::path(post, path = "/me/device-logins/{code}", operation_id = "device_answer", tag = "access",
    request_body = DeviceDecision, responses((status = 204, description = "Answered")))]
pub(crate) async fn answer(
    State(app): State<Shared>,
    caller: Caller,
    Path(code): Path<String>,
    Json(Object(body)): Json<Object<DeviceDecision>>,
) -> Result<StatusCode, Problem> {
    app.services.devices.answer(&caller.principal, &code, body.approve).await?;
    Ok(StatusCode::NO_CONTENT)
}
