//! Environments and their nodes.

use axum::extract::State;
use pierhead_control::NodeView;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, Query};
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

/// A machine that runs deployments. What is only known of one that is connected is `null` otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Node {
    id: String,
    name: String,
    /// `online` or `offline`.
    status: &'static str,
    /// Whether it gets new deployments.
    schedulable: bool,
    /// The version of Pierhead it runs.
    release: Option<String>,
    machine: Option<Machine>,
    usage: Option<Usage>,
    online_since: Option<Time>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Machine {
    hostname: String,
    architecture: String,
    cpu_cores: u32,
    memory_mb: u64,
    disk_mb: u64,
    engine_version: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// In cores.
    cpu: f64,
    memory_mb: u64,
    disk_free_mb: u64,
}

impl From<NodeView> for Node {
    fn from(node: NodeView) -> Self {
        let machine = node.machine.map(|it| Machine {
            hostname: it.hostname,
            architecture: it.architecture,
            cpu_cores: it.cpu_cores,
            memory_mb: it.memory_bytes >> 20,
            disk_mb: it.disk_bytes >> 20,
            engine_version: it.engine_version,
        });
        let usage = node.usage.map(|it| Usage {
            cpu: it.cpu,
            memory_mb: it.memory_bytes >> 20,
            disk_free_mb: it.disk_free_bytes >> 20,
        });
        Self {
            id: node.id.to_string(),
            name: node.name,
            status: node.status,
            schedulable: node.schedulable,
            release: node.release,
            machine,
            usage,
            online_since: node.online_since.map(Into::into),
        }
    }
}

/// List the nodes of an environment
#[utoipa::path(get, path = "/environments/{environment}/nodes", operation_id = "node_list", tag = "environments",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Node>)))]
pub(crate) async fn nodes(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Node>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.environments.nodes(&caller.principal, &environment).await?))
}
