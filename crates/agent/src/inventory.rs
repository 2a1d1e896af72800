//! What the engine holds for this node, told when the control plane asks: so that it can be compared with what should be.

use pierhead_engine::state::Status;
use pierhead_wire::agent_to_control::{Holding, HoldingKind};

use crate::identity::Identity;
use crate::labels;
use crate::node::Node;

/// Everything that carries this node's labels.
pub(crate) async fn take(node: &Node, identity: &Identity) -> pierhead_engine::Result<Vec<Holding>> {
    let ours = labels::of_node(identity);
    let mut holdings = Vec::new();
    for container in node.engine.list(&ours).await? {
        let full = match node.engine.inspect(&container.id).await {
            Ok(full) => full,
            // Removed since it was listed.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        holdings.push(Holding {
            kind: HoldingKind::Container,
            name: container.name,
            deployment: labels::deployment_of(&container.labels),
            slot: None,
            running: container.status == Status::Running,
            limited: full.memory_limit > 0,
        });
    }
    let bare = |kind, name, deployment| Holding {
        kind,
        name,
        deployment,
        slot: None,
        running: false,
        limited: false,
    };
    for network in node.engine.network_list(&ours).await? {
        holdings.push(bare(HoldingKind::Network, network.name, labels::deployment_of(&network.labels)));
    }
    for volume in node.engine.volume_list(&ours).await? {
        let deployment = labels::deployment_of(&volume.labels);
        let slot = if deployment.is_none() { labels::slot_of(&volume.labels) } else { None };
        holdings.push(Holding { slot, ..bare(HoldingKind::Volume, volume.name, deployment) });
    }
    Ok(holdings)
}
