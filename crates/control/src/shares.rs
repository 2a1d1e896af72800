//! Shares of deployments: made when a deployment is placed, and moved off nodes that are emptied or lost.

use pierhead_model::assignment::Phase;
use pierhead_model::deployment::{Reservation, State};
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::placement::{Need, place};
use pierhead_model::spread::Replicas;
use pierhead_store::{DeploymentRecord, Node, Share};

use crate::capacity;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_half;

/// How long a share that was taken over may finish what it has begun, after no ingress sends it anything new.
const FAREWELL_S: i64 = 10;

/// A new share. To its node it is a deployment, with an id of its own.
pub(crate) fn new(
    core: &Core,
    deployment: &DeploymentId,
    (node, replicas): (NodeId, Replicas),
    reserved: Reservation,
) -> Share {
    Share {
        id: DeploymentId::from_random(random_half(&*core.outside)),
        deployment: deployment.clone(),
        node,
        replicas,
        reserved,
        on_node: true,
        report: None,
        replaces: None,
        retired_at: None,
    }
}

/// Whether a share that was taken over has had its time.
pub(crate) fn is_over(core: &Core, share: &Share) -> bool {
    let since = |retired_at| core.outside.now().duration_since(retired_at).as_secs();
    share.retired_at.is_some_and(|retired_at| since(retired_at) >= FAREWELL_S)
}

/// Moves what a node that is being emptied has a share of: another node takes over, and this one ends when that is healthy.
/// True when something is on its way.
pub(crate) async fn move_away(core: &Core, node: &Node) -> Result<bool, Error> {
    let mut moving = false;
    for share in core.store.shares_on_node(&node.id).await.stored()? {
        let Some(record) = core.store.deployment_get(&share.deployment).await.stored()? else { continue };
        if record.deployment.state != State::Production {
            continue;
        }
        if share.retired_at.is_some() {
            if is_over(core, &share) {
                core.fleet.wake(&node.id);
            }
            moving = true;
            continue;
        }
        let successor = record.shares.iter().find(|it| it.replaces.as_ref() == Some(&share.id));
        match successor {
            Some(successor) if is(successor, Phase::Failed) => {
                tracing::warn!(share = %share.id, successor = %successor.id, "a share could not be taken over");
            }
            Some(successor) if is(successor, Phase::Healthy) => {
                core.store.share_retire(&share.id, core.outside.now()).await.stored()?;
                core.signals.routes.raise();
                moving = true;
            }
            Some(_) => moving = true,
            None => moving |= take_over(core, &record, &share, Some(&share.id)).await?,
        }
    }
    Ok(moving)
}

/// Begins the shares of a lost node on others.
pub(crate) async fn replace_lost(core: &Core, node: &NodeId) -> Result<(), Error> {
    for share in core.store.shares_on_node(node).await.stored()? {
        let record = core.store.deployment_get(&share.deployment).await.stored()?;
        let record = record.filter(|record| record.deployment.state == State::Production);
        if let Some(record) = record
            && share.retired_at.is_none()
            && !record.shares.iter().any(|it| it.replaces.as_ref() == Some(&share.id))
        {
            take_over(core, &record, &share, None).await?;
        }
    }
    Ok(())
}

/// Whether there was a node with room.
async fn take_over(
    core: &Core,
    record: &DeploymentRecord,
    share: &Share,
    replaces: Option<&DeploymentId>,
) -> Result<bool, Error> {
    let mut candidates = capacity::candidates(core, &record.environment_id).await?;
    // The leader's part was fixed when it began.
    candidates.retain(|it| it.node != share.node && Some(&it.node) != record.deployment.node.as_ref());
    let Reservation { memory_mb, cpu_milli } = share.reserved;
    let cpu = f64::from(cpu_milli) / 1000.0;
    let need = Need { memory_mb: memory_mb.into(), cpu, widest_cpu: 0.0, build_memory_mb: 0 };
    let Ok(Some(chosen)) = place(need, &candidates) else {
        tracing::warn!(deployment = %share.deployment, share = %share.id, "no other node has room for a share");
        return Ok(false);
    };
    let part = (chosen.node.clone(), share.replicas.clone());
    let successor =
        Share { replaces: replaces.cloned(), ..new(core, &share.deployment, part, share.reserved) };
    core.store.share_add(&successor).await.stored()?;
    tracing::info!(deployment = %share.deployment, from = %share.node, to = %successor.node, "moving a share");
    core.fleet.wake(&successor.node);
    Ok(true)
}

fn is(share: &Share, phase: Phase) -> bool {
    share.report.as_ref().is_some_and(|report| report.phase == phase)
}
