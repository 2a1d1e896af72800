//! Environments and their nodes.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::NodeId;
use pierhead_model::name::EnvironmentName;
use pierhead_store::Environment;
use pierhead_wire::agent_to_control::{Machine, MachineUsage};

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Environments(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct NodeView {
    pub id: NodeId,
    pub name: String,
    /// `online` or `offline`.
    pub status: &'static str,
    pub schedulable: bool,
    pub release: Option<String>,
    pub machine: Option<Machine>,
    pub usage: Option<MachineUsage>,
    pub online_since: Option<Timestamp>,
}

impl Environments {
    pub async fn list(&self, _principal: &Principal) -> Result<Vec<Environment>, Error> {
        self.0.store.environment_list().await.stored()
    }

    pub async fn nodes(&self, _principal: &Principal, environment: &str) -> Result<Vec<NodeView>, Error> {
        let not_found = || Error::not_found("environment", environment);
        let name = EnvironmentName::parse(environment).map_err(|_| not_found())?;
        let found = self.0.store.environment_by_name(&name).await.stored()?.ok_or_else(not_found)?;
        let nodes = self.0.store.node_list(&found.id).await.stored()?;
        let view = |node: pierhead_store::Node| {
            let connected = self.0.fleet.connected(&node.id);
            NodeView {
                status: if connected.is_some() { "online" } else { "offline" },
                schedulable: node.schedulable,
                release: connected.as_ref().map(|it| it.release.clone()),
                machine: connected.as_ref().map(|it| it.machine.clone()),
                usage: connected.as_ref().map(|it| it.usage.clone()),
                online_since: connected.map(|it| it.since),
                id: node.id,
                name: node.name,
            }
        };
        Ok(nodes.into_iter().map(view).collect())
    }
}
