//! The network of a deployment: one for its build and its service, with a subnet chosen here.

use pierhead_engine::{EngineError, NetworkSpec};

use crate::identity::object_name;
use crate::worker::Task;

/// Subnets that are tried: somebody else may take one at the same moment.
const TRIES: usize = 32;

/// The network's name; it is made if it is missing.
pub(crate) async fn ensure(task: &Task) -> Result<String, EngineError> {
    let engine = &task.node.engine;
    let name = object_name(&task.assignment.deployment, "net");
    let labels = task.identity.labels_of(&task.assignment.deployment);
    if engine.network_list(&labels).await?.iter().any(|network| network.name == name) {
        return Ok(name);
    }
    let _choosing = task.node.subnets.choosing.lock().await;
    let used = engine.subnets().await?;
    for skip in 0..TRIES {
        let Some(subnet) = task.node.subnets.free(&used, skip) else { break };
        let labels = task.identity.object_labels(&task.assignment, "network");
        let spec = NetworkSpec { name: name.clone(), labels, subnet };
        match engine.network_create(&spec).await {
            // Something that is no network of the engine uses it: a VPN, another engine.
            Err(EngineError::SubnetOverlap { .. }) => {}
            done => return done.map(|()| name),
        }
    }
    Err(EngineError::Other {
        doing: "choosing a subnet",
        message: "every subnet of the pool is in use; give this node a larger one (agent.subnet_pool)"
            .to_owned(),
    })
}
