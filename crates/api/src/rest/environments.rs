//! Environments.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{List, WholeList};
use crate::Shared;
use crate::access::Caller;
use crate::extract::Query;
use crate::problem::Problem;

/// Where deployments run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Environment {
    id: String,
    name: String,
    /// Hostnames end in it.
    base_domain: String,
    /// `docker`.
    driver: &'static str,
}

/// List environments
#[utoipa::path(get, path = "/environments", operation_id = "environment_list", tag = "environments",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Environment>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Environment>, Problem> {
    query.check()?;
    let found = app.services.environments.list(&caller.principal).await?;
    Ok(List::whole(found.into_iter().map(|it| Environment {
        id: it.id.to_string(),
        name: it.name.to_string(),
        base_domain: it.base_domain.to_string(),
        driver: "docker",
    })))
}
