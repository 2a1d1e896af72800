//! Variables of a project. A secret's value goes in and never comes out again.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pierhead_control::{Error, FieldProblem, NewVariable, VariableView, VariablesView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::WholeList;
use super::projects::{if_match, tagged};
use super::values::{Exposure, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A variable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Variable {
    key: String,
    /// `null` for a secret.
    value: Option<String>,
    secret: bool,
    exposure: Exposure,
    updated_at: Time,
}

impl From<VariableView> for Variable {
    fn from(view: VariableView) -> Self {
        Self {
            key: view.key,
            value: view.value,
            secret: view.secret,
            exposure: view.exposure.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

/// All variables of a project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariableList {
    /// Counts the changes: what `ETag` says.
    version: u64,
    items: Vec<Variable>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

fn answer(view: VariablesView) -> Response {
    let items = view.items.into_iter().map(Into::into).collect();
    tagged(StatusCode::OK, view.version, VariableList { version: view.version, items, next_cursor: None })
}

/// Somebody else was faster: the list as it is now goes along.
fn refused(error: Error, current: VariablesView) -> Problem {
    let items: Vec<Variable> = current.items.into_iter().map(Into::into).collect();
    let current = serde_json::json!({ "version": current.version, "items": items, "next_cursor": null });
    Problem::from(error).with("current", current)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "key": "DATABASE_URL", "value": "postgres://…", "secret": true, "exposure": "runtime" }))]
pub(crate) struct VariableRequest {
    key: String,
    /// `null` keeps the value that a secret has.
    value: Option<String>,
    #[serde(default)]
    secret: bool,
    /// `runtime` when nothing is said.
    #[serde(default = "at_runtime")]
    exposure: Exposure,
}

const fn at_runtime() -> Exposure {
    Exposure::Runtime
}

impl From<VariableRequest> for NewVariable {
    fn from(new: VariableRequest) -> Self {
        let VariableRequest { key, value, secret, exposure } = new;
        Self { key, value, secret, exposure: exposure.into() }
    }
}

/// All variables: as a list, or with the list under `items`.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "items": [{ "key": "ANSWER", "value": "42", "exposure": "runtime" }] }))]
#[serde(untagged)]
pub(crate) enum VariablesRequest {
    List(Vec<VariableRequest>),
    Items { items: Vec<VariableRequest> },
}

/// By hand, so that a mistake is pointed at instead of "did not match any variant".
impl<'de> Deserialize<'de> for VariablesRequest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            items: Vec<Object<VariableRequest>>,
        }

        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = VariablesRequest;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of variables, or an object with the list under `items`")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                let list = serde::de::value::SeqAccessDeserializer::new(list);
                let items: Vec<Object<VariableRequest>> = Vec::deserialize(list)?;
                Ok(VariablesRequest::List(items.into_iter().map(|Object(item)| item).collect()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let whole = Whole::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let items = whole.items.into_iter().map(|Object(item)| item).collect();
                Ok(VariablesRequest::Items { items })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Points at the place in what was sent: the control plane counts from the list's first item.
fn moved(error: Error, pointer: impl Fn(&str) -> String) -> Problem {
    match error {
        Error::Validation(problems) => {
            let moved = |it: FieldProblem| FieldProblem { pointer: pointer(&it.pointer), detail: it.detail };
            Error::Validation(problems.into_iter().map(moved).collect()).into()
        }
        error => error.into(),
    }
}

/// List the variables of a project
///
/// A secret comes without its value.
#[utoipa::path(get, path = "/projects/{project}/variables", operation_id = "variable_list", tag = "variables",
    params(WholeList), responses((status = 200, description = "All of them, by key; `ETag` is their version", body = VariableList)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<Response, Problem> {
    query.check()?;
    Ok(answer(app.services.variables.get(&caller.principal, &project).await?))
}

/// Replace all variables
///
/// With `If-Match`, only if nobody else changed them since. Running services get them with their next deployment.
#[utoipa::path(put, path = "/projects/{project}/variables", operation_id = "variable_replace", tag = "variables",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read")),
    responses((status = 200, description = "Replaced", body = VariableList)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    Json(all): Json<VariablesRequest>,
) -> Result<Response, Problem> {
    let (items, prefix) = match all {
        VariablesRequest::List(items) => (items, ""),
        VariablesRequest::Items { items } => (items, "/items"),
    };
    let items = items.into_iter().map(Into::into).collect();
    let variables = &app.services.variables;
    match variables.replace(&caller.principal, &project, items, if_match(&headers)?).await {
        Ok(view) => Ok(answer(view)),
        Err(error @ Error::PreconditionFailed { .. }) => {
            Err(refused(error, variables.get(&caller.principal, &project).await?))
        }
        Err(error) => Err(moved(error, |pointer| format!("{prefix}{pointer}"))),
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "value": "42", "secret": false, "exposure": "runtime" }))]
pub(crate) struct OneVariable {
    /// May be repeated here; the path decides.
    key: Option<String>,
    /// `null` keeps the value that a secret has.
    value: Option<String>,
    #[serde(default)]
    secret: bool,
    /// `runtime` when nothing is said.
    #[serde(default = "at_runtime")]
    exposure: Exposure,
}

/// Set one variable
#[utoipa::path(put, path = "/projects/{project}/variables/{key}", operation_id = "variable_put", tag = "variables",
    request_body = OneVariable, responses((status = 200, description = "Set; all of them", body = VariableList)))]
pub(crate) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, key)): Path<(String, String)>,
    Json(Object(one)): Json<Object<OneVariable>>,
) -> Result<Response, Problem> {
    if one.key.is_some_and(|said| said != key) {
        return Err(Problem::invalid("/key", format!("is not `{key}`, which the path says")));
    }
    let item = NewVariable { key, value: one.value, secret: one.secret, exposure: one.exposure.into() };
    let view = app.services.variables.put(&caller.principal, &project, item).await;
    // The control plane points into the list that this variable joins.
    let own = |pointer: &str| pointer.rsplit_once('/').map_or(String::new(), |(_, last)| format!("/{last}"));
    view.map(answer).map_err(|error| moved(error, own))
}

/// Remove one variable
#[utoipa::path(delete, path = "/projects/{project}/variables/{key}", operation_id = "variable_delete", tag = "variables",
    responses((status = 200, description = "Removed; those that are left", body = VariableList)))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(answer(app.services.variables.delete(&caller.principal, &project, &key).await?))
}
