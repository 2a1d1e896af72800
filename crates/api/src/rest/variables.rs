//! Variables of a project.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use pierhead_control::{NewVariable, VariablesView};
use pierhead_model::variable::Exposure;
use serde::{Deserialize, Serialize};

use super::projects::if_match;
use super::time;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::query::Json;

#[derive(Debug, Serialize)]
pub(crate) struct Variable {
    key: String,
    /// `null` for a secret.
    value: Option<String>,
    secret: bool,
    exposure: Exposure,
    updated_at: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct VariableList {
    version: u64,
    items: Vec<Variable>,
    next_cursor: Option<String>,
}

fn answer(view: VariablesView) -> Answer<VariableList> {
    let variable = |it: pierhead_control::VariableView| Variable {
        key: it.key,
        value: it.value,
        secret: it.secret,
        exposure: it.exposure,
        updated_at: time(it.updated_at),
    };
    let items = view.items.into_iter().map(variable).collect();
    Answer(VariableList { version: view.version, items, next_cursor: None })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    key: String,
    value: Option<String>,
    #[serde(default)]
    secret: bool,
    #[serde(default = "at_runtime")]
    exposure: Exposure,
}

const fn at_runtime() -> Exposure {
    Exposure::Runtime
}

impl From<New> for NewVariable {
    fn from(new: New) -> Self {
        let New { key, value, secret, exposure } = new;
        Self { key, value, secret, exposure }
    }
}

/// All variables: as a list, or with the list under `items`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum All {
    List(Vec<New>),
    Items { items: Vec<New> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    value: Option<String>,
    #[serde(default)]
    secret: bool,
    #[serde(default = "at_runtime")]
    exposure: Exposure,
}

pub(crate) async fn get(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
) -> Result<Answer<VariableList>, Problem> {
    Ok(answer(services.variables.get(&principal, &project).await?))
}

pub(crate) async fn replace(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    Json(all): Json<All>,
) -> Result<Answer<VariableList>, Problem> {
    let (All::List(items) | All::Items { items }) = all;
    let items = items.into_iter().map(Into::into).collect();
    Ok(answer(services.variables.replace(&principal, &project, items, if_match(&headers)?).await?))
}

pub(crate) async fn put(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path((project, key)): Path<(String, String)>,
    Json(one): Json<One>,
) -> Result<Answer<VariableList>, Problem> {
    let One { value, secret, exposure } = one;
    let item = NewVariable { key, value, secret, exposure };
    Ok(answer(services.variables.put(&principal, &project, item).await?))
}

pub(crate) async fn delete(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path((project, key)): Path<(String, String)>,
) -> Result<Answer<VariableList>, Problem> {
    Ok(answer(services.variables.delete(&principal, &project, &key).await?))
}
