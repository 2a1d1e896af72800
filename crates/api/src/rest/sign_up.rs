//! Who may make an account, asking for one, and setting a password anew.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{ResetLink, SignUpRequest};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::invitations::AddressRequest;
use super::sign_in::SignUpPolicy;
use super::values::Time;
use crate::Shared;
use crate::access::{Caller, Visitor};
use crate::extract::{Json, Object, Path};
use crate::idempotency::Repeated;
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "grace@example.com", "name": "Grace", "password": "correct horse battery" }))]
pub(crate) struct NewSignUp {
    email: String,
    /// What stands before the `@` when nothing is said.
    name: Option<String>,
    /// Only where no letters can be sent; otherwise it is asked for where the letter leads.
    #[schema(value_type = Option<String>, format = Password, min_length = 10, max_length = 1024)]
    password: Option<SecretString>,
}

/// Ask for an account
///
/// Where everybody may have one. A letter goes to the address; where none can be sent, the account is there at once. The answer
/// is the same whether the address had an account or not.
#[utoipa::path(post, path = "/auth/sign-up", operation_id = "sign_up", tag = "access",
    request_body = NewSignUp, responses((status = 202, description = "See your post, or sign in")))]
pub(crate) async fn ask(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<NewSignUp>>,
) -> Result<StatusCode, Problem> {
    let NewSignUp { email, name, password } = body;
    let request = SignUpRequest { email, password, name };
    app.services.sign_ups.ask(&app.services.auth, request, client).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Who may make an account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "policy": "invitation" }))]
pub(crate) struct SignUpSettings {
    policy: SignUpPolicy,
}

/// Show who may make an account
#[utoipa::path(get, path = "/settings/sign-up", operation_id = "sign_up_policy_get", tag = "access",
    responses((status = 200, description = "The policy", body = SignUpSettings)))]
pub(crate) async fn policy(State(app): State<Shared>) -> Result<Answer<SignUpSettings>, Problem> {
    Ok(Answer(SignUpSettings { policy: app.services.sign_ups.policy().await?.into() }))
}

/// Decide who may make an account
///
/// For administrators. What was sent before counts by what is decided now.
#[utoipa::path(put, path = "/settings/sign-up", operation_id = "sign_up_policy_put", tag = "access",
    request_body = SignUpSettings, responses((status = 200, description = "Decided", body = SignUpSettings)))]
pub(crate) async fn set_policy(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<SignUpSettings>>,
) -> Result<Answer<SignUpSettings>, Problem> {
    let policy = app.services.sign_ups.set_policy(&caller.principal, body.policy.into()).await?;
    Ok(Answer(SignUpSettings { policy: policy.into() }))
}

/// Ask for a link to set another password
///
/// By letter, good for an hour. The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/auth/password/forgot", operation_id = "password_forgot", tag = "access",
    request_body = AddressRequest, responses((status = 202, description = "See your post")))]
pub(crate) async fn forgot(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<AddressRequest>>,
) -> Result<StatusCode, Problem> {
    app.services.resets.ask(&body.email, client).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "phd_rst_0123456789abcdef", "password": "correct horse battery" }))]
pub(crate) struct PasswordReset {
    /// What is behind the `#` of the link.
    #[schema(value_type = String)]
    token: SecretString,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: SecretString,
}

/// Set another password
///
/// With the link of a letter or of an administrator, which is good once. Every sign-in of the account ends.
#[utoipa::path(post, path = "/auth/password/reset", operation_id = "password_reset", tag = "access",
    request_body = PasswordReset, responses((status = 204, description = "Set: sign in with it")))]
pub(crate) async fn reset(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<PasswordReset>>,
) -> Result<StatusCode, Problem> {
    app.services.resets.set(&app.services.auth, &body.token, body.password, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link that is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordLink {
    /// `null` when the call is repeated.
    link: Option<String>,
    expires_at: Time,
}

/// Make a link with which somebody sets another password
///
/// For administrators, to hand over. It is good once, for a day; an earlier one is worthless.
#[utoipa::path(post, path = "/users/{user}/password-reset", operation_id = "user_password_link", tag = "access",
    responses((status = 201, description = "Shown this once", body = PasswordLink)))]
pub(crate) async fn link(
    State(app): State<Shared>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let ResetLink { link, expires_at } = app.services.resets.link_for(&caller.principal, &user).await?;
    let hidden = PasswordLink { link: None, expires_at: expires_at.into() };
    let repeated = serde_json::to_string(&hidden).unwrap_or_default();
    let shown = PasswordLink { link: Some(link), ..hidden };
    let mut response = (StatusCode::CREATED, Answer(shown)).into_response();
    response.extensions_mut().insert(Repeated(repeated));
    Ok(response)
}
