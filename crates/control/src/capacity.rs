//! Room on nodes: what they have, what is promised, what is used.

use pierhead_model::id::EnvironmentId;
use pierhead_model::placement::Candidate;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// The nodes of an environment that are connected and take new work.
pub(crate) async fn candidates(core: &Core, environment: &EnvironmentId) -> Result<Vec<Candidate>, Error> {
    let promises = core.store.node_promises().await.stored()?;
    let nodes = core.store.node_list(environment).await.stored()?;
    let candidate = |node: pierhead_store::Node| {
        let connected = core.fleet.connected(&node.id).filter(|it| node.schedulable && it.compatible)?;
        let promised = promises.get(&node.id).copied().unwrap_or_default();
        Some(Candidate {
            node: node.id,
            name: node.name,
            memory_mb: connected.machine.memory_bytes >> 20,
            cores: f64::from(connected.machine.cpu_cores),
            promised_memory_mb: promised.memory_mb,
            promised_cores: promised.cpu_milli as f64 / 1000.0,
            used_memory_mb: connected.usage.memory_bytes >> 20,
            used_cores: connected.usage.cpu,
        })
    };
    Ok(nodes.into_iter().filter_map(candidate).collect())
}
