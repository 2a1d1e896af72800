//! Signing in and out, the first administrator, who one is.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::Tokens;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::browser;
use super::values::Scope;
use crate::Shared;
use crate::access::{Caller, Visitor};
use crate::extract::{Json, Object, Query};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "you@example.com", "password": "correct horse battery" }))]
pub(crate) struct Login {
    pub(super) email: String,
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(super) password: SecretString,
}

/// What a sign-in gives. The refresh token is exchanged once; each exchange gives a new one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    access_token: String,
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: i64,
}

impl From<Tokens> for SignedIn {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access_token, refresh_token, expires_in_s } = tokens;
        Self { access_token, refresh_token, token_type: "Bearer", expires_in: expires_in_s }
    }
}

/// Sign in
///
/// Wrong addresses and wrong passwords get the same answer. Attempts are limited per account and address: 429 with
/// `Retry-After`.
#[utoipa::path(post, path = "/auth/login", operation_id = "login", tag = "access",
    request_body = Login, responses((status = 200, description = "Signed in", body = SignedIn)))]
pub(crate) async fn login(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(login)): Json<Object<Login>>,
) -> Result<Answer<SignedIn>, Problem> {
    Ok(Answer(app.services.auth.login(&login.email, login.password, client).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "refresh_token": "phd_ref_0123456789abcdef" }))]
pub(crate) struct Refresh {
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// Exchange a refresh token
///
/// Each is good once. One that comes a second time ends its whole session, because somebody has a copy.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "refresh", tag = "access",
    request_body = Refresh, responses((status = 200, description = "New tokens", body = SignedIn)))]
pub(crate) async fn refresh(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<Refresh>>,
) -> Result<Answer<SignedIn>, Problem> {
    Ok(Answer(app.services.auth.refresh(body.refresh_token.expose_secret(), &client).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "phd_set_0123456789abcdef", "email": "you@example.com", "password": "correct horse battery" }))]
pub(crate) struct SetUp {
    /// From the set-up link that the server printed.
    #[schema(value_type = String)]
    pub(super) token: SecretString,
    pub(super) email: String,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    pub(super) password: SecretString,
}

/// Make the first administrator
///
/// Once, on an empty installation, with the token that `pierhead up` printed.
#[utoipa::path(post, path = "/auth/setup", operation_id = "set_up", tag = "access",
    request_body = SetUp, responses((status = 201, description = "Made, and signed in", body = SignedIn)))]
pub(crate) async fn set_up(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<SetUp>>,
) -> Result<(StatusCode, Answer<SignedIn>), Problem> {
    let auth = &app.services.auth;
    let tokens = auth.set_up(body.token.expose_secret(), &body.email, body.password, client).await?;
    Ok((StatusCode::CREATED, Answer(tokens.into())))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutQuery {
    /// End every session of this account, as `everywhere` in the body.
    #[serde(default)]
    everywhere: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "everywhere": false }))]
pub(crate) struct Logout {
    /// End every session of this account.
    #[serde(default)]
    everywhere: bool,
}

/// Sign out
///
/// Ends the session of the token, or revokes it when it is an API token.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout", tag = "access",
    request_body = Logout, params(LogoutQuery), responses((status = 204, description = "Signed out")))]
pub(crate) async fn logout(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<LogoutQuery>,
    Json(Object(body)): Json<Object<Logout>>,
) -> Result<Response, Problem> {
    app.services.auth.logout(&caller.principal, query.everywhere || body.everywhere).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, browser::GONE)]).into_response())
}

/// Let another key sign access tokens
///
/// For administrators. Tokens that were signed before stay good until their time is over.
#[utoipa::path(post, path = "/auth/rotate-keys", operation_id = "token_keys_rotate", tag = "access",
    responses((status = 204, description = "Another key signs from now on")))]
pub(crate) async fn rotate_keys(State(app): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    app.services.auth.rotate_keys(&caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who somebody is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    id: String,
    email: String,
    name: String,
    /// `admin` or `user`.
    role: String,
    /// What the token that was used includes.
    scopes: Vec<Scope>,
}

/// Who is signed in
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "access",
    responses((status = 200, description = "The account and what the token includes", body = Me)))]
pub(crate) async fn me(caller: Caller) -> Answer<Me> {
    let principal = caller.principal;
    let scopes = principal.scopes.iter().map(Into::into).collect();
    let (id, role) = (principal.user.to_string(), principal.role.to_string());
    Answer(Me { id, email: principal.email, name: principal.name, role, scopes })
}
