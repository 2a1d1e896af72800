//! Every ingress shows what is live.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::id::NodeId;
use pierhead_model::release::Release;
use pierhead_store::DeploymentRecord;
use pierhead_wire::Endpoint;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::routing::{self, Content, Shown};

#[derive(Debug)]
pub(crate) struct Routes(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Routes {
    fn name(&self) -> &'static str {
        "routes"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let records = self.0.store.deployments_shown().await.stored()?;
        let shown = all_shown(&self.0, records).await?;
        self.0.ingresses.publish(routing::table(&shown));
        // What left the table just now may have nothing in flight already.
        self.0.wake_nodes_with_ended().await?;
        Ok(None)
    }
}

/// What visitors may meet, with the ways that lead to nodes at this moment.
pub(crate) async fn all_shown(core: &Core, records: Vec<DeploymentRecord>) -> Result<Vec<Shown>, Error> {
    let elsewhere = core.store.nodes_elsewhere().await.stored()?;
    let elsewhere: HashSet<NodeId> = elsewhere.into_iter().map(|node| node.id).collect();
    let reached_by = |node: &NodeId| match elsewhere.contains(node) {
        false => Some(None),
        true => core.fleet.has_streams(node).then(|| Some(node.clone())),
    };
    Ok(records.into_iter().map(|record| shown(record, reached_by)).collect())
}

/// `reached_by` says which way leads to a node: directly, through its agent, or none at the moment.
fn shown(record: DeploymentRecord, reached_by: impl Fn(&NodeId) -> Option<Option<NodeId>>) -> Shown {
    let address = record.report.as_ref().and_then(|report| report.instance.as_ref()).and_then(|i| i.address);
    let content = record.release.map(|release| match release {
        Release::Site(site) => Content::Site { manifest: site.manifest },
        Release::Service(_) | Release::Image(_) => Content::Service {
            endpoint: address.and_then(|address| {
                let node = record.deployment.node.as_ref().and_then(&reached_by)?;
                Some(Endpoint { node, address })
            }),
        },
    });
    Shown {
        deployment: record.deployment.id,
        slot_id: record.deployment.slot,
        slot: record.slot_name,
        project: record.project_name,
        base_domain: record.base_domain,
        number: record.deployment.number,
        state: record.deployment.state,
        content,
    }
}
