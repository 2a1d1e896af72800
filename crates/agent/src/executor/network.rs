//! The private network of a deployment.

use super::{Run, StepError};
use crate::labels;
use crate::networks::{self, NetworkError, Wanted};

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
    let name = name_of(run);
    let labels = labels::of_object(&run.identity, &run.held, "network");
    let wanted = Wanted { name: name.clone(), labels, internal: false };
    let pool = run.node.options.subnet_pool;
    match networks::ensure(&run.node.engine, &run.settling, pool, wanted).await {
        Ok(()) => Ok(name),
        Err(NetworkError::Engine(error)) => {
            Err(StepError::Engine { doing: "making the deployment's network", error })
        }
        Err(full @ NetworkError::Full { .. }) => {
            Err(StepError::failed(pierhead_model::deployment::Reason::NoCapacity, full.to_string()))
        }
    }
}
