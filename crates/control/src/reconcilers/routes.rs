//! Every ingress shows what is live.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::release::Release;
use pierhead_store::DeploymentRecord;

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
        let shown: Vec<Shown> = records.into_iter().map(shown).collect();
        self.0.ingresses.publish(routing::table(&shown));
        // What left the table just now may have nothing in flight already.
        self.0.wake_nodes_with_ended().await?;
        Ok(None)
    }
}

pub(crate) fn shown(record: DeploymentRecord) -> Shown {
    let address = record.report.as_ref().and_then(|report| report.instance.as_ref()).and_then(|i| i.address);
    let content = record.release.map(|release| match release {
        Release::Site(site) => Content::Site { manifest: site.manifest },
        Release::Service(_) | Release::Image(_) => Content::Service { address },
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
