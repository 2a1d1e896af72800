//! Variables of a project, its environments and slots. A secret's value goes in and never comes out again.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pierhead_control::{
    Error, FieldProblem, NewVariable, VariableView, VariablesAt, VariablesShown, VariablesView,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// Where it was set; `null` for the whole project.
    environment: Option<String>,
    /// A slot, or the beginning of names and `*`; `null` for all of them.
    slot: Option<String>,
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
            environment: view.environment.map(|name| name.to_string()),
            slot: view.slot.map(|slot| slot.as_str().to_owned()),
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

/// The place that is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtQuery {
    /// Those of this environment, instead of the whole project's.
    environment: Option<String>,
    /// Those of this slot, or of all slots that begin like this: `pr-*`. In the environment `local` when none is said.
    slot: Option<String>,
}

impl From<AtQuery> for VariablesAt {
    fn from(query: AtQuery) -> Self {
        Self { environment: query.environment, slot: query.slot }
    }
}

/// Which of a project's variables are shown.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shown {
    /// Those that were set in this place.
    #[default]
    Own,
    /// What the next deployment of the slot gets, wherever it was set: the narrower place wins.
    InForce,
    /// Those of every place.
    All,
}

impl From<Shown> for VariablesShown {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Own => Self::Own,
            Shown::InForce => Self::InForce,
            Shown::All => Self::All,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownQuery {
    /// `own` when nothing is said.
    #[serde(default)]
    #[param(inline)]
    show: Shown,
    /// Those of this environment, instead of the whole project's.
    environment: Option<String>,
    /// Those of this slot, or of all slots that begin like this: `pr-*`. In the environment `local` when none is said.
    slot: Option<String>,
    /// 1 to 200; this list is short and always whole.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// From `next_cursor`, which is `null` here.
    cursor: Option<String>,
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
/// A secret comes without its value. Without `environment` and `slot`, those of the whole project.
#[utoipa::path(get, path = "/projects/{project}/variables", operation_id = "variable_list", tag = "variables",
    params(ShownQuery), responses((status = 200, description = "All of them, by key; `ETag` is their version", body = VariableList)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<ShownQuery>,
) -> Result<Response, Problem> {
    WholeList { limit: query.limit, cursor: query.cursor }.check()?;
    let at = VariablesAt { environment: query.environment, slot: query.slot };
    Ok(answer(app.services.variables.get(&caller.principal, &project, &at, query.show.into()).await?))
}

/// Replace all variables of a place
///
/// With `If-Match`, only if nobody else changed them since. Running services get them with their next deployment.
#[utoipa::path(put, path = "/projects/{project}/variables", operation_id = "variable_replace", tag = "variables",
    params(AtQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` that was read")),
    responses((status = 200, description = "Replaced", body = VariableList)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<AtQuery>,
    headers: HeaderMap,
    Json(all): Json<VariablesRequest>,
) -> Result<Response, Problem> {
    let (items, prefix) = match all {
        VariablesRequest::List(items) => (items, ""),
        VariablesRequest::Items { items } => (items, "/items"),
    };
    let items = items.into_iter().map(Into::into).collect();
    let variables = &app.services.variables;
    let at = VariablesAt::from(query);
    match variables.replace(&caller.principal, &project, &at, items, if_match(&headers)?).await {
        Ok(view) => Ok(answer(view)),
        Err(error @ Error::PreconditionFailed { .. }) => {
            let shown = VariablesShown::Own;
            Err(refused(error, variables.get(&caller.principal, &project, &at, shown).await?))
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
    params(AtQuery), request_body = OneVariable, responses((status = 200, description = "Set; all of them", body = VariableList)))]
pub(crate) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, key)): Path<(String, String)>,
    Query(query): Query<AtQuery>,
    Json(Object(one)): Json<Object<OneVariable>>,
) -> Result<Response, Problem> {
    if one.key.is_some_and(|said| said != key) {
        return Err(Problem::invalid("/key", format!("is not `{key}`, which the path says")));
    }
    let item = NewVariable { key, value: one.value, secret: one.secret, exposure: one.exposure.into() };
    let view = app.services.variables.put(&caller.principal, &project, &query.into(), item).await;
    // The control plane points into the list that this variable joins.
    let own = |pointer: &str| pointer.rsplit_once('/').map_or(String::new(), |(_, last)| format!("/{last}"));
    view.map(answer).map_err(|error| moved(error, own))
}

/// Remove one variable
#[utoipa::path(delete, path = "/projects/{project}/variables/{key}", operation_id = "variable_delete", tag = "variables",
    params(AtQuery), responses((status = 200, description = "Removed; those that are left", body = VariableList)))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, key)): Path<(String, String)>,
    Query(query): Query<AtQuery>,
) -> Result<Response, Problem> {
    let view = app.services.variables.delete(&caller.principal, &project, &query.into(), &key).await?;
    Ok(answer(view))
}
