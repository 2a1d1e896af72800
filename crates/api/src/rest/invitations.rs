//! Invitations: made by teams, answered by who was invited; and the accounts that begin with one.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{InvitationView, Invited, NewAccount};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::SignedIn;
use super::list::{List, WholeList};
use super::projects::location;
use super::values::{Role, Time};
use crate::Shared;
use crate::access::{Caller, Visitor};
use crate::extract::{Json, Object, Path, Query};
use crate::idempotency::Repeated;
use crate::problem::Problem;

/// An invitation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Invitation {
    id: String,
    /// `null` is into the installation only.
    team: Option<String>,
    email: String,
    role: Role,
    invited_by: String,
    created_at: Time,
    expires_at: Time,
    expired: bool,
    /// To send to whom it is for: only in the answer to who made it, and only when it could not be sent by e-mail.
    link: Option<String>,
}

impl From<InvitationView> for Invitation {
    fn from(view: InvitationView) -> Self {
        Self {
            id: view.id.to_string(),
            team: view.team.map(|team| team.to_string()),
            email: view.email,
            role: view.role.into(),
            invited_by: view.invited_by,
            created_at: view.created_at.into(),
            expires_at: view.expires_at.into(),
            expired: view.expired,
            link: None,
        }
    }
}

/// The link is in this answer and in none that repeats it.
fn once(status: StatusCode, path: &str, invited: Invited) -> Response {
    let hidden = Invitation::from(invited.invitation);
    let repeated = serde_json::to_string(&hidden).unwrap_or_default();
    let answer = Answer(Invitation { link: invited.link, ..hidden });
    let mut response = (status, location(path), answer).into_response();
    response.extensions_mut().insert(Repeated(repeated));
    response
}

/// List the open invitations of a team
#[utoipa::path(get, path = "/teams/{team}/invitations", operation_id = "team_invitation_list", tag = "teams",
    params(WholeList), responses((status = 200, description = "Newest first, without links", body = List<Invitation>)))]
pub(crate) async fn of_team(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Invitation>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.invitations.of_team(&caller.principal, &team).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "grace@example.com", "role": "developer" }))]
pub(crate) struct InvitationRequest {
    email: String,
    /// `developer` when nothing is said.
    #[serde(default = "developer")]
    role: Role,
}

const fn developer() -> Role {
    Role::Developer
}

/// Invite somebody into a team
///
/// By e-mail; where none can be sent, the answer has the link, once. It is good for three days, for this address, and for
/// one answer.
#[utoipa::path(post, path = "/teams/{team}/invitations", operation_id = "invitation_create", tag = "teams",
    request_body = InvitationRequest, responses((status = 201, description = "Invited", body = Invitation)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
    Json(Object(body)): Json<Object<InvitationRequest>>,
) -> Result<Response, Problem> {
    let InvitationRequest { email, role } = body;
    let invited = app.services.invitations.invite(&caller.principal, &team, &email, role.into()).await?;
    Ok(once(StatusCode::CREATED, &format!("teams/{team}/invitations"), invited))
}

/// Invite again
///
/// Another link and three more days; the earlier link is worthless.
#[utoipa::path(post, path = "/teams/{team}/invitations/{invitation}/resend", operation_id = "invitation_resend",
    tag = "teams", responses((status = 200, description = "Invited again", body = Invitation)))]
pub(crate) async fn resend(
    State(app): State<Shared>,
    caller: Caller,
    Path((team, invitation)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let invited = app.services.invitations.resend(&caller.principal, &team, &invitation).await?;
    Ok(once(StatusCode::OK, &format!("teams/{team}/invitations"), invited))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/teams/{team}/invitations/{invitation}", operation_id = "invitation_delete",
    tag = "teams", responses((status = 204, description = "Its link is worthless from now on")))]
pub(crate) async fn withdraw(
    State(app): State<Shared>,
    caller: Caller,
    Path((team, invitation)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.invitations.withdraw(&caller.principal, &team, &invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the invitations to oneself
#[utoipa::path(get, path = "/invitations", operation_id = "invitation_list", tag = "teams",
    params(WholeList), responses((status = 200, description = "Newest first", body = List<Invitation>)))]
pub(crate) async fn mine(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Invitation>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.invitations.mine(&caller.principal).await?))
}

/// Which invitation is meant: by its id, or by what its link holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "phd_inv_0123456789abcdef" }))]
pub(crate) struct InvitationAnswer {
    /// Its id; enough when it is known that one has the address.
    invitation: Option<String>,
    /// What is behind the `#` of the link.
    #[schema(value_type = Option<String>)]
    token: Option<SecretString>,
}

/// Accept an invitation
///
/// One joins the team. Only the account with the address that was invited can.
#[utoipa::path(post, path = "/invitations/accept", operation_id = "invitation_accept", tag = "teams",
    request_body = InvitationAnswer, responses((status = 200, description = "Joined", body = Invitation)))]
pub(crate) async fn accept(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<InvitationAnswer>>,
) -> Result<Answer<Invitation>, Problem> {
    let token = body.token.as_ref().map(|token| token.expose_secret());
    let invitations = &app.services.invitations;
    let accepted = invitations.accept(&caller.principal, body.invitation.as_deref(), token).await?;
    Ok(Answer(accepted.into()))
}

/// Decline an invitation
#[utoipa::path(post, path = "/invitations/decline", operation_id = "invitation_decline", tag = "teams",
    request_body = InvitationAnswer, responses((status = 204, description = "Declined")))]
pub(crate) async fn decline(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<InvitationAnswer>>,
) -> Result<StatusCode, Problem> {
    let token = body.token.as_ref().map(|token| token.expose_secret());
    app.services.invitations.decline(&caller.principal, body.invitation.as_deref(), token).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "phd_inv_0123456789abcdef" }))]
pub(crate) struct InvitationToken {
    /// What is behind the `#` of the link.
    #[schema(value_type = String)]
    token: SecretString,
}

/// Show what an invitation's link is about
///
/// To whoever has it, signed in or not: whom it is for, and into what.
#[utoipa::path(post, path = "/auth/invitation", operation_id = "invitation_show", tag = "access",
    request_body = InvitationToken, responses((status = 200, description = "The invitation", body = Invitation)))]
pub(crate) async fn show(
    State(app): State<Shared>,
    Json(Object(body)): Json<Object<InvitationToken>>,
) -> Result<Answer<Invitation>, Problem> {
    Ok(Answer(app.services.invitations.show(body.token.expose_secret()).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "phd_inv_0123456789abcdef", "name": "Grace", "password": "correct horse battery" }))]
pub(crate) struct AccountRequest {
    /// What is behind the `#` of the link of an invitation or a sign-up.
    #[schema(value_type = String)]
    token: SecretString,
    /// What stands before the `@` when nothing is said.
    name: Option<String>,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: SecretString,
}

impl From<AccountRequest> for NewAccount {
    fn from(body: AccountRequest) -> Self {
        let AccountRequest { token, name, password } = body;
        Self { token, name, password }
    }
}

/// Make an account
///
/// With the link of an invitation. One is in the team then, and signed in.
#[utoipa::path(post, path = "/auth/accept", operation_id = "account_create", tag = "access",
    request_body = AccountRequest, responses((status = 201, description = "Made, and signed in", body = SignedIn)))]
pub(crate) async fn create_account(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    Json(Object(body)): Json<Object<AccountRequest>>,
) -> Result<(StatusCode, Answer<SignedIn>), Problem> {
    let new = NewAccount::from(body);
    let tokens = app.services.invitations.create_account(&app.services.auth, new, client).await?;
    Ok((StatusCode::CREATED, Answer(tokens.into())))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "grace@example.com" }))]
pub(crate) struct AddressRequest {
    pub(super) email: String,
}

/// Invite somebody to have an account
///
/// For administrators: without a team.
#[utoipa::path(post, path = "/users", operation_id = "user_invite", tag = "access",
    request_body = AddressRequest, responses((status = 201, description = "Invited", body = Invitation)))]
pub(crate) async fn invite_account(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<AddressRequest>>,
) -> Result<Response, Problem> {
    let invited = app.services.invitations.invite_account(&caller.principal, &body.email).await?;
    Ok(once(StatusCode::CREATED, "users", invited))
}
