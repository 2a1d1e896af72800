//! Ways from a node that has a share of a deployment to the node that leads it.
//!
//! Nodes need no way to each other: each of them has one to the control plane. A node reaches nothing but services of
//! deployments that it has a share of, on ports that their pipeline names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pierhead_model::assignment::{Report, Source};
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::{Step, StepName};
use pierhead_store::DeploymentRecord;
use pierhead_wire::Leaders;
use pierhead_wire::traffic::Connection;

use crate::core::Core;
use crate::outside::random_half;
use crate::work::WorkRecord;

/// The ways that one node has.
#[derive(Debug)]
pub(crate) struct LeadersOf {
    pub(crate) core: Arc<Core>,
    pub(crate) node: NodeId,
}

#[async_trait]
impl Leaders for LeadersOf {
    async fn reach(
        &self,
        share: &DeploymentId,
        service: &StepName,
        port: u16,
    ) -> io::Result<Box<dyn Connection>> {
        let (leader, address) = self.find(share, service, port).await?;
        super::connect(&self.core, &leader, address).await
    }
}

impl LeadersOf {
    async fn find(
        &self,
        share: &DeploymentId,
        service: &StepName,
        port: u16,
    ) -> io::Result<(NodeId, SocketAddr)> {
        let store = &self.core.store;
        let refused = || {
            let why =
                format!("{share} is no share that this node has, or has no service {service} at {port}");
            io::Error::new(io::ErrorKind::PermissionDenied, why)
        };
        let found = store.share_get(share).await.map_err(io::Error::other)?;
        let share = found.filter(|share| share.node == self.node && share.on_node).ok_or_else(refused)?;
        let record = store.deployment_get(&share.deployment).await.map_err(io::Error::other)?;
        let record = record.filter(|record| !record.deployment.state.is_ended()).ok_or_else(refused)?;
        let (leader, report) =
            record.deployment.node.as_ref().zip(record.report.as_ref()).ok_or_else(refused)?;
        if !is_named(&record, report, service, port) {
            return Err(refused());
        }
        let replicas: Vec<_> =
            report.services.get(service).into_iter().flat_map(|instance| instance.addresses()).collect();
        let chosen = usize::try_from(random_half(&*self.core.outside) >> 1).unwrap_or_default();
        let address = chosen.checked_rem(replicas.len()).and_then(|index| replicas.get(index));
        let address = address.ok_or_else(|| {
            let why = format!("the service {service} does not run at the moment");
            io::Error::new(io::ErrorKind::ConnectionRefused, why)
        })?;
        Ok((leader.clone(), SocketAddr::new(address.ip(), port)))
    }
}

/// Whether the service is to be reached at this port: by its pipeline, or because it was built to listen there.
fn is_named(record: &DeploymentRecord, report: &Report, service: &StepName, port: u16) -> bool {
    let built = report.services.get(service).into_iter().flat_map(|instance| instance.addresses());
    if built.into_iter().any(|address| address.port() == port) {
        return true;
    }
    let Ok(Source::Pipeline { work }) = WorkRecord::from_text(&record.work).map(|work| work.source) else {
        return false;
    };
    match work.pipeline.steps.get(service) {
        Some(Step::Service(service)) => service.public == Some(port) || service.ports.contains(&port),
        _ => false,
    }
}
