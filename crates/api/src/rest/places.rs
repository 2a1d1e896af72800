//! Environments and nodes.

use axum::Json as Answer;
use axum::extract::{Path, State};
use pierhead_control::NodeView;
use serde_json::{Value, json};

use super::time;
use crate::Shared;
use crate::caller::Caller;
use crate::problem::Problem;

pub(crate) async fn environments(
    State(services): State<Shared>,
    Caller(principal): Caller,
) -> Result<Answer<Value>, Problem> {
    let environments = services.environments.list(&principal).await?;
    let items: Vec<Value> = environments
        .into_iter()
        .map(|it| json!({ "id": it.id, "name": it.name, "base_domain": it.base_domain, "driver": "docker" }))
        .collect();
    Ok(Answer(json!({ "items": items, "next_cursor": null })))
}

pub(crate) async fn nodes(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(environment): Path<String>,
) -> Result<Answer<Value>, Problem> {
    let nodes = services.environments.nodes(&principal, &environment).await?;
    let items: Vec<Value> = nodes.into_iter().map(node).collect();
    Ok(Answer(json!({ "items": items, "next_cursor": null })))
}

fn node(node: NodeView) -> Value {
    let machine = node.machine.map(|it| {
        json!({
            "hostname": it.hostname,
            "architecture": it.architecture,
            "cpu_cores": it.cpu_cores,
            "memory_mb": it.memory_bytes >> 20,
            "disk_mb": it.disk_bytes >> 20,
            "engine_version": it.engine_version,
        })
    });
    let usage = node.usage.map(|it| {
        json!({
            "cpu": it.cpu,
            "memory_mb": it.memory_bytes >> 20,
            "disk_free_mb": it.disk_free_bytes >> 20,
        })
    });
    json!({
        "id": node.id,
        "name": node.name,
        "status": node.status,
        "schedulable": node.schedulable,
        "release": node.release,
        "machine": machine,
        "usage": usage,
        "online_since": node.online_since.map(time),
    })
}
