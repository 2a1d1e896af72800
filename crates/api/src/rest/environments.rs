//! Environments and their nodes.

use axum::Json;
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
    /// `online`, `offline`, or `cordoned` when it is online and gets no new deployments.
    status: &'static str,
    /// Whether it gets new deployments.
    schedulable: bool,
    /// Whether what is live there is being moved to other nodes.
    draining: bool,
    /// The version of Pierhead it runs.
    release: Option<String>,
    machine: Option<Machine>,
    usage: Option<Usage>,
    allocated: Allocated,
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

/// The limits of what was placed on a node, added up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Allocated {
    /// In cores.
    cpu: f64,
    memory_mb: u64,
    /// Those that the node has something of.
    deployments: u64,
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
            draining: node.draining,
            allocated: Allocated {
                cpu: node.promised.cpu_milli as f64 / 1000.0,
                memory_mb: node.promised.memory_mb,
                deployments: node.promised.deployments,
            },
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

/// Show a node
#[utoipa::path(get, path = "/nodes/{node}", operation_id = "node_get", tag = "environments",
    responses((status = 200, description = "By id or name", body = Node)))]
pub(crate) async fn node(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Json<Node>, Problem> {
    Ok(Json(app.services.environments.node(&caller.principal, &node).await?.into()))
}

/// Give a node no new deployments
#[utoipa::path(post, path = "/nodes/{node}/cordon", operation_id = "node_cordon", tag = "environments",
    responses((status = 200, description = "What runs there runs on", body = Node)))]
pub(crate) async fn cordon(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Json<Node>, Problem> {
    Ok(Json(app.services.environments.cordon(&caller.principal, &node).await?.into()))
}

/// Give a node new deployments again
#[utoipa::path(post, path = "/nodes/{node}/uncordon", operation_id = "node_uncordon", tag = "environments",
    responses((status = 200, description = "It takes part again", body = Node)))]
pub(crate) async fn uncordon(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Json<Node>, Problem> {
    Ok(Json(app.services.environments.uncordon(&caller.principal, &node).await?.into()))
}

/// Move what is live on a node to others
#[utoipa::path(post, path = "/nodes/{node}/drain", operation_id = "node_drain", tag = "environments",
    responses((status = 200, description = "It has begun; each service ends when its successor is healthy", body = Node)))]
pub(crate) async fn drain(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Json<Node>, Problem> {
    Ok(Json(app.services.environments.drain(&caller.principal, &node).await?.into()))
}
