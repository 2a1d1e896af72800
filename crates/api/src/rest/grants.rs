//! Grants: what other teams may do with a project or an environment. And whose a project is.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{GrantView, NewGrant, Scopes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::Project;
use super::values::{Scope, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// What a team may do with something that is not its own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grant {
    id: String,
    team: String,
    /// `read` is always included.
    scopes: Vec<Scope>,
    created_by: String,
    created_at: Time,
}

impl From<GrantView> for Grant {
    fn from(view: GrantView) -> Self {
        Self {
            id: view.id.to_string(),
            team: view.team.to_string(),
            scopes: view.scopes.iter().map(Into::into).collect(),
            created_by: view.created_by,
            created_at: view.created_at.into(),
        }
    }
}

/// What a team should be able to do: scopes, or a named bundle of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "team": "team", "scopes": ["read", "write"] }))]
pub(crate) struct GrantRequest {
    /// Its name or id.
    team: String,
    #[serde(default)]
    scopes: Vec<Scope>,
    bundle: Option<Bundle>,
}

/// One grant, or all of them: as a list, or with the list under `items`.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "items": [{ "team": "team", "scopes": ["read", "write"] }] }))]
#[serde(untagged)]
pub(crate) enum GrantsRequest {
    One(GrantRequest),
    List(Vec<GrantRequest>),
    Items { items: Vec<GrantRequest> },
}

/// By hand, so that a mistake is pointed at instead of "did not match any variant".
impl<'de> Deserialize<'de> for GrantsRequest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let told = serde_json::Value::deserialize(deserializer)?;
        let read = |item| serde_json::from_value::<Object<GrantRequest>>(item).map(|Object(item)| item);
        let all = |items: Vec<serde_json::Value>| {
            let item = |(index, item)| {
                read(item).map_err(|error| D::Error::custom(format!("item {index}: {error}")))
            };
            items.into_iter().enumerate().map(item).collect::<Result<Vec<_>, _>>()
        };
        match told {
            serde_json::Value::Array(items) => all(items).map(Self::List),
            serde_json::Value::Object(mut fields) if fields.contains_key("items") => {
                let items = fields.remove("items").unwrap_or_default();
                if let Some(other) = fields.keys().next() {
                    return Err(D::Error::custom(format!("unknown field `{other}` beside `items`")));
                }
                let items = serde_json::from_value(items).map_err(D::Error::custom)?;
                all(items).map(|items| Self::Items { items })
            }
            one => read(one).map(Self::One).map_err(D::Error::custom),
        }
    }
}

/// A grant, or all of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Granted {
    One(Grant),
    All(GrantList),
}

/// All grants on a thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantList {
    /// By team.
    items: Vec<Grant>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

impl From<Vec<GrantView>> for Granted {
    fn from(all: Vec<GrantView>) -> Self {
        Self::All(GrantList { items: all.into_iter().map(Into::into).collect(), next_cursor: None })
    }
}

/// A named bundle of scopes.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bundle {
    /// `read`
    ReadOnly,
    /// `read`, `write`, `delete`
    FullAccess,
}

impl From<GrantRequest> for NewGrant {
    fn from(request: GrantRequest) -> Self {
        let bundle = match request.bundle {
            Some(Bundle::ReadOnly) => Scopes::READ,
            Some(Bundle::FullAccess) => Scopes::ALL,
            None => Scopes::NONE,
        };
        let scopes = request.scopes.into_iter().map(Into::into).chain(bundle.iter()).collect();
        Self { team: request.team, scopes }
    }
}

/// List the grants on a project
#[utoipa::path(get, path = "/projects/{project}/grants", operation_id = "grant_list", tag = "teams",
    params(WholeList), responses((status = 200, description = "By team", body = List<Grant>)))]
pub(crate) async fn of_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Grant>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.grants.of_project(&caller.principal, &project).await?))
}

/// Grant something on a project to a team
///
/// A second grant to the same team replaces the first. What a member may do is what both the grant and their role in the
/// team include. With a list, or `items`, these are all grants there are: what is not among them is taken back.
#[utoipa::path(put, path = "/projects/{project}/grants", operation_id = "grant_put", tag = "teams",
    responses((status = 200, description = "Granted", body = Granted)))]
pub(crate) async fn put_on_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(body): Json<GrantsRequest>,
) -> Result<Answer<Granted>, Problem> {
    let (grants, principal) = (&app.services.grants, &caller.principal);
    let (all, prefix) = match body {
        GrantsRequest::One(one) => {
            return Ok(Answer(Granted::One(
                grants.put_on_project(principal, &project, one.into()).await?.into(),
            )));
        }
        GrantsRequest::List(all) => (all, ""),
        GrantsRequest::Items { items } => (items, "/items"),
    };
    let all = all.into_iter().map(Into::into).collect();
    let replaced = grants.replace_on_project(principal, &project, all).await;
    Ok(Answer(replaced.map_err(|error| error.below(prefix))?.into()))
}

/// Take a grant on a project back
#[utoipa::path(delete, path = "/projects/{project}/grants/{grant}", operation_id = "grant_delete", tag = "teams",
    responses((status = 204, description = "Taken back")))]
pub(crate) async fn delete_from_project(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, grant)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.grants.delete_from_project(&caller.principal, &project, &grant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the grants on an environment
///
/// For administrators.
#[utoipa::path(get, path = "/environments/{environment}/grants", operation_id = "environment_grant_list",
    tag = "teams", params(WholeList), responses((status = 200, description = "By team", body = List<Grant>)))]
pub(crate) async fn of_environment(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Grant>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.grants.of_environment(&caller.principal, &environment).await?))
}

/// Let a team deploy into an environment
///
/// For administrators. `write` lets it deploy there, `read` see it. With a list, or `items`, these are all grants there are.
#[utoipa::path(put, path = "/environments/{environment}/grants", operation_id = "environment_grant_put",
    tag = "teams", responses((status = 200, description = "Granted", body = Granted)))]
pub(crate) async fn put_on_environment(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Json(body): Json<GrantsRequest>,
) -> Result<Answer<Granted>, Problem> {
    let (grants, principal) = (&app.services.grants, &caller.principal);
    let (all, prefix) = match body {
        GrantsRequest::One(one) => {
            let granted = grants.put_on_environment(principal, &environment, one.into()).await?;
            return Ok(Answer(Granted::One(granted.into())));
        }
        GrantsRequest::List(all) => (all, ""),
        GrantsRequest::Items { items } => (items, "/items"),
    };
    let all = all.into_iter().map(Into::into).collect();
    let replaced = grants.replace_on_environment(principal, &environment, all).await;
    Ok(Answer(replaced.map_err(|error| error.below(prefix))?.into()))
}

/// Take a grant on an environment back
///
/// For administrators.
#[utoipa::path(delete, path = "/environments/{environment}/grants/{grant}", operation_id = "environment_grant_delete",
    tag = "teams", responses((status = 204, description = "Taken back")))]
pub(crate) async fn delete_from_environment(
    State(app): State<Shared>,
    caller: Caller,
    Path((environment, grant)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.grants.delete_from_environment(&caller.principal, &environment, &grant).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "to": "team" }))]
pub(crate) struct ProjectTransfer {
    /// A team that one is in, or somebody's address.
    to: String,
}

/// Give a project away
///
/// For its owner, to a team or to somebody. Who gives it away may see it afterwards only as far as they are in that team.
#[utoipa::path(post, path = "/projects/{project}/transfer", operation_id = "project_transfer", tag = "projects",
    request_body = ProjectTransfer, responses((status = 200, description = "Given away", body = Project)))]
pub(crate) async fn transfer(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<ProjectTransfer>>,
) -> Result<Answer<Project>, Problem> {
    Ok(Answer(app.services.projects.transfer(&caller.principal, &project, &body.to).await?.into()))
}
