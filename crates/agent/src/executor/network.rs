//! The private network of a deployment.

use std::sync::Arc;

use pierhead_engine::Error as EngineError;
use pierhead_engine::spec::{Labels, NetworkSpec};

use super::{Run, StepError};
use crate::{labels, subnet};

/// Subnets that are tried before giving up: another process may take the same ones at the same time.
const ATTEMPTS: usize = 32;

/// The name of what a deployment has one of: its network, its volume, its service's container.
pub(crate) fn name_of(run: &Run) -> String {
    format!("ph-{}", run.id)
}

/// Makes the network of a run that will probably need one, while something else is waited for. What goes wrong is told by
/// [`ensure`] when it matters.
pub(super) async fn ahead(run: &Run) {
    let project = &run.held.assignment.project_id;
    let wanted = run.node.networked.lock().contains(project);
    if wanted && let Err(error) = ensure(run).await {
        tracing::debug!(deployment = %run.id, %error, "no network was made ahead");
    }
}

/// Makes the deployment's network, or takes the one that is there.
pub(crate) async fn ensure(run: &Run) -> Result<String, StepError> {
    run.node.networked.lock().insert(run.held.assignment.project_id.clone());
    const DOING: &str = "making the deployment's network";
    let name = name_of(run);
    let engine = &run.node.engine;
    match engine.network_inspect(&name).await {
        Ok(_) => return Ok(name),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(StepError::Engine { doing: DOING, error }),
    }
    let count = 1 << subnet::PREFIX.saturating_sub(run.node.options.subnet_pool.prefix_len());
    // Neighbours in time start at different places, so they seldom choose the same one.
    let mut start =
        run.id.as_ref().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte)) % count;
    let mut taken = Vec::new();
    for _ in 0..ATTEMPTS {
        let networks = engine.network_list(&Labels::new()).await.map_err(StepError::engine(DOING))?;
        taken.extend(networks.into_iter().filter_map(|network| network.subnet));
        let Some(subnet) = subnet::first_free(run.node.options.subnet_pool, &taken, start) else { break };
        let labels = labels::of_object(&run.identity, &run.held, "network");
        let spec = NetworkSpec { name: name.clone(), labels, subnet, internal: false };
        let creating = Arc::clone(engine);
        match run.settle(DOING, async move { creating.network_create(&spec).await }).await {
            Ok(()) => return Ok(name),
            Err(StepError::Engine { error: EngineError::SubnetOverlap { .. }, .. }) => {
                // Something that is no network of the engine may be in the way: leave it out from now on.
                taken.push(subnet);
                start = (start + 1) % count;
            }
            Err(error) => return Err(error),
        }
    }
    Err(StepError::failed(
        pierhead_model::deployment::Reason::NoCapacity,
        format!(
            "no subnet is free in {}: stop deployments on this node, or give it a larger range",
            run.node.options.subnet_pool
        ),
    ))
}
