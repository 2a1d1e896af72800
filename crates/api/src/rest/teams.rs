//! Teams and who is in them.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{MemberView, TeamView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::{List, WholeList, page};
use super::projects::location;
use super::values::{Role, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Team {
    id: String,
    name: String,
    /// What one is in it; `null` for an administrator who is not in it.
    role: Option<Role>,
    created_at: Time,
}

impl From<TeamView> for Team {
    fn from(view: TeamView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            role: view.role.map(Into::into),
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

/// List teams
///
/// One's own; to administrators all.
#[utoipa::path(get, path = "/teams", operation_id = "team_list", tag = "teams",
    params(Listing), responses((status = 200, description = "By name", body = List<Team>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<List<Team>, Problem> {
    let page = page(query.cursor, query.limit);
    Ok(List::of(app.services.teams.list(&caller.principal, &page).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "storefront" }))]
pub(crate) struct TeamRequest {
    /// Small letters, digits and `-`.
    #[schema(min_length = 1, max_length = 36)]
    name: String,
}

/// Make a team
///
/// Whoever makes it owns it.
#[utoipa::path(post, path = "/teams", operation_id = "team_create", tag = "teams",
    request_body = TeamRequest, responses((status = 201, description = "Made", body = Team)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<TeamRequest>>,
) -> Result<Response, Problem> {
    let made = app.services.teams.create(&caller.principal, &body.name).await?;
    let place = location(&format!("teams/{}", made.name));
    Ok((StatusCode::CREATED, place, Answer(Team::from(made))).into_response())
}

/// Show a team
///
/// `{team}` is its name or its id.
#[utoipa::path(get, path = "/teams/{team}", operation_id = "team_get", tag = "teams",
    responses((status = 200, description = "The team", body = Team)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
) -> Result<Answer<Team>, Problem> {
    Ok(Answer(app.services.teams.get(&caller.principal, &team).await?.into()))
}

/// Rename a team
#[utoipa::path(patch, path = "/teams/{team}", operation_id = "team_update", tag = "teams",
    request_body = TeamRequest, responses((status = 200, description = "Renamed", body = Team)))]
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
    Json(Object(body)): Json<Object<TeamRequest>>,
) -> Result<Answer<Team>, Problem> {
    Ok(Answer(app.services.teams.rename(&caller.principal, &team, &body.name).await?.into()))
}

/// Delete a team
///
/// Its projects must belong to somebody else first. What it was granted goes with it.
#[utoipa::path(delete, path = "/teams/{team}", operation_id = "team_delete", tag = "teams",
    responses((status = 204, description = "Gone")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.teams.delete(&caller.principal, &team).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "to": "grace@example.com" }))]
pub(crate) struct TeamTransfer {
    /// A member's address or id.
    to: String,
}

/// Give a team away
///
/// For its owner. The member becomes the owner, and who was it is an admin then.
#[utoipa::path(post, path = "/teams/{team}/transfer", operation_id = "team_transfer", tag = "teams",
    request_body = TeamTransfer, responses((status = 200, description = "Given away", body = Team)))]
pub(crate) async fn transfer(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
    Json(Object(body)): Json<Object<TeamTransfer>>,
) -> Result<Answer<Team>, Problem> {
    Ok(Answer(app.services.teams.transfer(&caller.principal, &team, &body.to).await?.into()))
}

/// Somebody in a team.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    id: String,
    email: String,
    name: String,
    role: Role,
    /// Since when.
    created_at: Time,
}

impl From<MemberView> for Member {
    fn from(view: MemberView) -> Self {
        Self {
            id: view.user.to_string(),
            email: view.email,
            name: view.name,
            role: view.role.into(),
            created_at: view.created_at.into(),
        }
    }
}

/// List the members of a team
#[utoipa::path(get, path = "/teams/{team}/members", operation_id = "member_list", tag = "teams",
    params(WholeList), responses((status = 200, description = "By address", body = List<Member>)))]
pub(crate) async fn members(
    State(app): State<Shared>,
    caller: Caller,
    Path(team): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Member>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.teams.members(&caller.principal, &team).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "developer" }))]
pub(crate) struct MemberPatch {
    role: Role,
}

/// Give a member another role
///
/// `{member}` is an address or an id. Nobody gives or takes a role mightier than their own; a team always has an owner.
#[utoipa::path(patch, path = "/teams/{team}/members/{member}", operation_id = "member_update", tag = "teams",
    request_body = MemberPatch, responses((status = 200, description = "Changed", body = Member)))]
pub(crate) async fn set_role(
    State(app): State<Shared>,
    caller: Caller,
    Path((team, member)): Path<(String, String)>,
    Json(Object(body)): Json<Object<MemberPatch>>,
) -> Result<Answer<Member>, Problem> {
    let role = body.role.into();
    Ok(Answer(app.services.teams.set_role(&caller.principal, &team, &member, role).await?.into()))
}

/// Remove a member, or leave
///
/// Everybody may leave but the last owner.
#[utoipa::path(delete, path = "/teams/{team}/members/{member}", operation_id = "member_delete", tag = "teams",
    responses((status = 204, description = "Not in the team any more")))]
pub(crate) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    Path((team, member)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.teams.remove(&caller.principal, &team, &member).await?;
    Ok(StatusCode::NO_CONTENT)
}
