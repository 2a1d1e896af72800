//! Accounts as administrators see them; one's own sign-ins and password.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{AccountChange, AccountView, InstanceRole, SessionView};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::{List, WholeList, page};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    id: String,
    email: String,
    name: String,
    role: UserRole,
    /// Whether signing in is refused.
    disabled: bool,
    created_at: Time,
}

/// What somebody is on this installation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserRole {
    /// Sees and may do everything.
    Admin,
    User,
}

impl From<InstanceRole> for UserRole {
    fn from(role: InstanceRole) -> Self {
        match role {
            InstanceRole::Admin => Self::Admin,
            InstanceRole::User => Self::User,
        }
    }
}

impl From<UserRole> for InstanceRole {
    fn from(role: UserRole) -> Self {
        match role {
            UserRole::Admin => Self::Admin,
            UserRole::User => Self::User,
        }
    }
}

impl From<AccountView> for User {
    fn from(view: AccountView) -> Self {
        Self {
            id: view.id.to_string(),
            email: view.email,
            name: view.name,
            role: view.role.into(),
            disabled: view.disabled,
            created_at: view.created_at.into(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List accounts
///
/// For administrators.
#[utoipa::path(get, path = "/users", operation_id = "user_list", tag = "access",
    params(Listing), responses((status = 200, description = "By address", body = List<User>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<List<User>, Problem> {
    let page = page(query.cursor, query.limit);
    Ok(List::of(app.services.accounts.list(&caller.principal, &page).await?))
}

/// Show an account
///
/// For administrators. `{user}` is its address or its id.
#[utoipa::path(get, path = "/users/{user}", operation_id = "user_get", tag = "access",
    responses((status = 200, description = "The account", body = User)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Answer<User>, Problem> {
    Ok(Answer(app.services.accounts.get(&caller.principal, &user).await?.into()))
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "user", "disabled": true }))]
pub(crate) struct UserPatch {
    role: Option<UserRole>,
    /// Who is disabled is signed out everywhere at once.
    disabled: Option<bool>,
}

/// Change an account
///
/// For administrators, of whom there is always one.
#[utoipa::path(patch, path = "/users/{user}", operation_id = "user_update", tag = "access",
    request_body = UserPatch, responses((status = 200, description = "Changed", body = User)))]
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(user): Path<String>,
    Json(Object(body)): Json<Object<UserPatch>>,
) -> Result<Answer<User>, Problem> {
    let change = AccountChange { role: body.role.map(Into::into), disabled: body.disabled };
    Ok(Answer(app.services.accounts.update(&caller.principal, &user, change).await?.into()))
}

/// A sign-in on one device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    ip: Option<String>,
    user_agent: Option<String>,
    created_at: Time,
    /// When its tokens were exchanged last.
    last_used_at: Time,
    expires_at: Time,
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        Self {
            id: view.id.to_string(),
            current: view.current,
            ip: view.ip,
            user_agent: view.user_agent,
            created_at: view.created_at.into(),
            last_used_at: view.last_used_at.into(),
            expires_at: view.expires_at.into(),
        }
    }
}

/// List where one is signed in
#[utoipa::path(get, path = "/sessions", operation_id = "session_list", tag = "access",
    params(WholeList), responses((status = 200, description = "Newest first", body = List<Session>)))]
pub(crate) async fn sessions(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Session>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.auth.session_list(&caller.principal).await?))
}

/// Sign out somewhere
#[utoipa::path(delete, path = "/sessions/{session}", operation_id = "session_revoke", tag = "access",
    responses((status = 204, description = "Its tokens are worthless from now on")))]
pub(crate) async fn revoke_session(
    State(app): State<Shared>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.auth.session_revoke(&caller.principal, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "old_password": "correct horse battery", "password": "battery staple correct" }))]
pub(crate) struct PasswordRequest {
    #[schema(value_type = String, format = Password, max_length = 1024)]
    old_password: SecretString,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: SecretString,
}

/// Change one's password
///
/// Every other sign-in of the account ends.
#[utoipa::path(post, path = "/me/password", operation_id = "password_change", tag = "access",
    request_body = PasswordRequest, responses((status = 204, description = "Changed")))]
pub(crate) async fn change_password(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<PasswordRequest>>,
) -> Result<StatusCode, Problem> {
    app.services.auth.change_password(&caller.principal, body.old_password, body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
