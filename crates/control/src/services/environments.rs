//! Environments and their nodes.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::NodeId;
use pierhead_model::name::EnvironmentName;
use pierhead_store::{Environment, Node, Promised};
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
    /// `online`, `offline`, or `cordoned` when it is online and takes no new work.
    pub status: &'static str,
    pub schedulable: bool,
    pub draining: bool,
    pub release: Option<String>,
    pub machine: Option<Machine>,
    pub usage: Option<MachineUsage>,
    /// Limits of what was placed on it.
    pub promised: Promised,
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
        let promises = self.0.store.node_promises().await.stored()?;
        let view = |node: Node| {
            let promised = promises.get(&node.id).copied().unwrap_or_default();
            self.view(node, promised)
        };
        Ok(nodes.into_iter().map(view).collect())
    }

    /// By id or name.
    pub async fn node(&self, _principal: &Principal, id_or_name: &str) -> Result<NodeView, Error> {
        let node = self.find(id_or_name).await?;
        let promises = self.0.store.node_promises().await.stored()?;
        let promised = promises.get(&node.id).copied().unwrap_or_default();
        Ok(self.view(node, promised))
    }

    /// It gets no new work; what runs there runs on.
    pub async fn cordon(&self, principal: &Principal, node: &str) -> Result<NodeView, Error> {
        self.schedule(principal, node, false, false).await
    }

    /// It gets new work again; what was not moved away yet stays.
    pub async fn uncordon(&self, principal: &Principal, node: &str) -> Result<NodeView, Error> {
        self.schedule(principal, node, true, false).await
    }

    /// It gets no new work, and what is live there goes live on other nodes, each one before the old one ends.
    pub async fn drain(&self, principal: &Principal, node: &str) -> Result<NodeView, Error> {
        self.schedule(principal, node, false, true).await
    }

    async fn schedule(
        &self,
        principal: &Principal,
        node: &str,
        schedulable: bool,
        draining: bool,
    ) -> Result<NodeView, Error> {
        principal.require_admin()?;
        let found = self.find(node).await?;
        self.0.store.node_schedule(&found.id, schedulable, draining).await.stored()?;
        self.0.signals.deployments.raise();
        self.0.signals.drains.raise();
        self.node(principal, node).await
    }

    async fn find(&self, id_or_name: &str) -> Result<Node, Error> {
        let found = self.0.store.node_find(id_or_name).await.stored()?;
        found.ok_or_else(|| Error::not_found("node", id_or_name))
    }

    fn view(&self, node: Node, promised: Promised) -> NodeView {
        let connected = self.0.fleet.connected(&node.id);
        NodeView {
            status: match (&connected, node.schedulable) {
                (None, _) => "offline",
                (Some(_), true) => "online",
                (Some(_), false) => "cordoned",
            },
            schedulable: node.schedulable,
            draining: node.draining,
            release: connected.as_ref().map(|it| it.release.clone()),
            machine: connected.as_ref().map(|it| it.machine.clone()),
            usage: connected.as_ref().map(|it| it.usage.clone()),
            promised,
            online_since: connected.map(|it| it.since),
            id: node.id,
            name: node.name,
        }
    }
}
