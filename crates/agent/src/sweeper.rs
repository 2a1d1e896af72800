//! Orphans: what carries our labels and nobody wants.
//!
//! Only objects of this installation and this node are looked at, and none that a newer control plane made. When much more
//! would go than stays, nothing goes: then it is more likely that the control plane lost its memory (an old backup, an empty
//! database) than that all of it is rubbish.

use std::collections::BTreeMap;
use std::sync::Arc;

use pierhead_engine::{EngineError, Listed};
use pierhead_model::id::DeploymentId;

use crate::Node;
use crate::identity::{DEPLOYMENT, EPOCH, Identity};

/// Running containers that may be orphans before we ask ourselves whether that can be right.
const SUSPICIOUS: usize = 5;

/// Removes what is not wanted, beside the session.
pub(crate) fn start(node: Arc<Node>, identity: Arc<Identity>, wanted: Vec<DeploymentId>) {
    tokio::spawn(async move {
        if let Err(error) = sweep(&node, &identity, &wanted).await {
            tracing::warn!(%error, "orphans could not be removed; it is tried again at the next synchronisation");
        }
    });
}

async fn sweep(node: &Node, identity: &Identity, wanted: &[DeploymentId]) -> Result<(), EngineError> {
    let labels = identity.labels();
    let containers = node.engine.container_list(&labels).await?;
    let orphans: Vec<&Listed> =
        containers.iter().filter(|it| is_orphan(&it.labels, identity, wanted)).collect();
    if is_suspicious(&containers, &orphans) {
        tracing::error!(
            orphans = orphans.len(),
            "more than half of what runs here is unknown to the control plane; nothing is removed. \
             Is it running on an old backup?"
        );
        return Ok(());
    }
    for orphan in orphans {
        tracing::info!(name = orphan.name, "removing an orphan");
        node.engine.container_remove(&orphan.name).await?;
    }
    for network in node.engine.network_list(&labels).await? {
        if is_orphan(&network.labels, identity, wanted) {
            node.engine.network_remove(&network.name).await?;
        }
    }
    for volume in node.engine.volume_list(&labels).await? {
        if is_orphan(&volume.labels, identity, wanted) {
            node.engine.volume_remove(&volume.name).await?;
        }
    }
    for image in node.engine.image_list(&labels).await? {
        if is_orphan(&image.labels, identity, wanted) {
            node.engine.image_remove(&image.name).await?;
        }
    }
    remove_folders(node, wanted);
    Ok(())
}

/// Working folders are named after their deployment.
fn remove_folders(node: &Node, wanted: &[DeploymentId]) {
    for part in ["work", "checkouts"] {
        let Ok(entries) = fs_err::read_dir(node.options.data_dir.join(part)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !wanted.iter().any(|id| name.to_str() == Some(id.as_str())) {
                let _ = fs_err::remove_dir_all(entry.path());
            }
        }
    }
}

fn is_orphan(labels: &BTreeMap<String, String>, identity: &Identity, wanted: &[DeploymentId]) -> bool {
    let newer =
        labels.get(EPOCH).and_then(|epoch| epoch.parse::<u64>().ok()).is_some_and(|it| it > identity.epoch);
    let unwanted = labels.get(DEPLOYMENT).is_none_or(|label| !wanted.iter().any(|id| id.as_str() == label));
    let ours = identity.labels().iter().all(|(key, value)| labels.get(key) == Some(value));
    ours && unwanted && !newer
}

fn is_suspicious(all: &[Listed], orphans: &[&Listed]) -> bool {
    let running = all.iter().filter(|it| it.running).count();
    let going = orphans.iter().filter(|it| it.running).count();
    going > SUSPICIOUS && going * 2 > running
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::id::{InstallId, NodeId};

    use super::*;

    fn identity(install: u128, epoch: u64) -> Identity {
        let now = Timestamp::UNIX_EPOCH;
        Identity { install: InstallId::new(now, install), node: NodeId::new(now, 1), epoch }
    }

    fn made_by(identity: &Identity, deployment: u64) -> BTreeMap<String, String> {
        let mut labels = identity.labels_of(&DeploymentId::from_random(deployment));
        labels.insert(EPOCH.into(), identity.epoch.to_string());
        labels
    }

    #[test]
    fn only_our_own_unwanted_ones_go_and_none_of_a_newer_control_plane() {
        let us = identity(1, 5);
        let wanted = [DeploymentId::from_random(1)];
        assert!(!is_orphan(&made_by(&us, 1), &us, &wanted));
        assert!(is_orphan(&made_by(&us, 2), &us, &wanted));
        assert!(is_orphan(&made_by(&identity(1, 4), 2), &us, &wanted), "of an earlier start of ours");
        assert!(!is_orphan(&made_by(&identity(1, 6), 2), &us, &wanted), "of a newer control plane");
        assert!(!is_orphan(&made_by(&identity(2, 5), 2), &us, &wanted), "of another installation");
        assert!(!is_orphan(&BTreeMap::new(), &us, &wanted), "nobody's");
    }

    #[test]
    fn a_control_plane_that_knows_nothing_removes_nothing() {
        let running = |count: usize| {
            let it = Listed { name: String::new(), labels: BTreeMap::new(), running: true };
            vec![it; count]
        };
        let (ten, four) = (running(10), running(4));
        assert!(is_suspicious(&ten, &ten.iter().collect::<Vec<_>>()));
        assert!(!is_suspicious(&ten, &ten[..5].iter().collect::<Vec<_>>()));
        assert!(!is_suspicious(&four, &four.iter().collect::<Vec<_>>()), "a few may go at once");
    }
}
