//! Making a network on a subnet that is free.

use std::sync::Arc;

use ipnet::Ipv4Net;
use pierhead_engine::spec::{Labels, NetworkSpec};
use pierhead_engine::{Engine, Error as EngineError};
use tokio_util::task::TaskTracker;

use crate::subnet;

/// Subnets that are tried before giving up: another process may take the same ones at the same time.
const ATTEMPTS: usize = 32;

/// A network that is to be there.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    /// No way out.
    pub(crate) internal: bool,
}

/// Why it is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("the engine failed")]
    Engine(#[source] EngineError),
    #[error("no subnet is free in {pool}: stop deployments on this node, or give it a larger range")]
    Full { pool: Ipv4Net },
}

/// Makes the network, or takes the one that has its name. What is made is made to its end in `settling`.
pub(crate) async fn ensure(
    engine: &Arc<dyn Engine>,
    settling: &TaskTracker,
    pool: Ipv4Net,
    wanted: Wanted,
) -> Result<(), NetworkError> {
    match engine.network_inspect(&wanted.name).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(NetworkError::Engine(error)),
    }
    let count = 1_usize << subnet::PREFIX.saturating_sub(pool.prefix_len());
    // Neighbours in time start at different places, so they seldom choose the same one.
    let mut start =
        wanted.name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % count;
    let mut taken = Vec::new();
    for _ in 0..ATTEMPTS {
        let networks = engine.network_list(&Labels::new()).await.map_err(NetworkError::Engine)?;
        taken.extend(networks.into_iter().filter_map(|network| network.subnet));
        let Some(subnet) = subnet::first_free(pool, &taken, start) else { break };
        let Wanted { name, labels, internal } = &wanted;
        let spec = NetworkSpec { name: name.clone(), labels: labels.clone(), subnet, internal: *internal };
        let creating = Arc::clone(engine);
        let created = settling.spawn(async move { creating.network_create(&spec).await }).await;
        match created.unwrap_or_else(|ended| {
            tracing::error!(%ended, "making a network ended badly");
            Err(EngineError::Other { operation: "making a network", cause: None })
        }) {
            Ok(()) => return Ok(()),
            Err(EngineError::SubnetOverlap { .. }) => {
                // Something that is no network of the engine may be in the way: leave it out from now on.
                taken.push(subnet);
                start = (start + 1) % count;
            }
            Err(error) => return Err(NetworkError::Engine(error)),
        }
    }
    Err(NetworkError::Full { pool })
}
