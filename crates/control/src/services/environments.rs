//! Environments and their nodes.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::deployment::{Event, Failure, Reason};
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{EnvironmentId, NodeId};
use pierhead_model::name::EnvironmentName;
use pierhead_store::{Dial, Environment, Node, NodeLink, Promised, StoreError};
use pierhead_wire::agent_to_control::{Machine, MachineUsage};
use pierhead_wire::link::token::AgentToken;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::auth::Principal;
use super::moves::{move_away, must_move};
use crate::access::policy::{self, READ_ENVIRONMENT, shortened};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::lifecycle::advance;
use crate::links::key_place;
use crate::links::state::LinkProblem;
use crate::outside::random_bits;
use crate::shares;

#[derive(Debug)]
pub struct Environments(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct NodeView {
    pub id: NodeId,
    pub name: String,
    /// `pending`, `online`, `offline`, `untrusted`, `incompatible`, or `cordoned` when it is online and takes no new work.
    pub status: &'static str,
    /// Why it is not simply online.
    pub problem: Option<NodeProblem>,
    pub schedulable: bool,
    pub draining: bool,
    pub dial: Dial,
    /// `host:port` of its agent, when it is dialled.
    pub address: Option<String>,
    /// Of the certificate that is trusted.
    pub thumbprint: Option<Digest>,
    /// Of the certificate that is shown instead and waits for approval.
    pub shown_thumbprint: Option<Digest>,
    pub release: Option<String>,
    pub machine: Option<Machine>,
    pub usage: Option<MachineUsage>,
    /// Limits of what was placed on it.
    pub promised: Promised,
    pub online_since: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct NodeProblem {
    pub code: &'static str,
    pub detail: String,
}

/// A node on another machine.
#[derive(Debug, Clone)]
pub struct NewNode {
    pub name: String,
    /// `host:port` of its agent; `None` when the agent dials.
    pub address: Option<String>,
}

/// An environment that somebody wants.
#[derive(Debug, Clone)]
pub struct NewEnvironment {
    pub name: String,
    pub base_domain: String,
    /// In seconds; 0 and nothing are for ever.
    pub lifetime_s: Option<u32>,
    /// Whether everybody may deploy there, or only teams that are granted it.
    pub open: bool,
}

/// What somebody changes about an environment; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvironmentChange {
    /// How long slots live that nobody extends, in seconds; 0 is for ever. Those that are there keep their time.
    pub lifetime_s: Option<u32>,
    pub open: Option<bool>,
}

/// A node whose token is shown this once.
#[derive(Debug)]
pub struct NodeAdded {
    pub node: NodeView,
    pub token: Zeroizing<String>,
}

/// Names of nodes appear in labels and commands.
const NAME_LENGTH: usize = 63;

impl Environments {
    pub async fn list(&self, principal: &Principal) -> Result<Vec<Environment>, Error> {
        self.0.store.environment_list_visible(&principal.visibility()).await.stored()
    }

    pub async fn get(&self, principal: &Principal, name: &str) -> Result<Environment, Error> {
        self.environment(principal, name).await
    }

    /// One that has no node yet.
    pub async fn create(&self, principal: &Principal, new: NewEnvironment) -> Result<Environment, Error> {
        principal.require_admin()?;
        let mut problems = Vec::new();
        let name = EnvironmentName::parse(&new.name);
        let base_domain = Hostname::parse(&new.base_domain);
        problems.extend(name.as_ref().err().map(|error| FieldProblem::new("/name", error)));
        problems.extend(base_domain.as_ref().err().map(|error| FieldProblem::new("/base_domain", error)));
        let (Ok(name), Ok(base_domain)) = (name, base_domain) else {
            return Err(Error::Validation(problems));
        };
        let now = self.0.outside.now();
        let environment = Environment {
            id: EnvironmentId::new(now, random_bits(&*self.0.outside)),
            name,
            base_domain,
            lifetime_s: new.lifetime_s.filter(|seconds| *seconds > 0),
            open: new.open,
            created_at: now,
        };
        let deed = principal.does(&self.0, "environment.create", (&environment.id, &environment.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.environment_create(&environment).await.asked_for("environment", &environment.name)?;
        // What is below a base domain is the platform's: a project would lose a hostname that it has proved.
        if let Some(claim) = unit.domain_below(&environment.base_domain).await.stored()? {
            let detail = format!(
                "A project has claimed `{}`, which is at or below `{}`: it must give it up first, or the environment needs another base domain.",
                claim.host, environment.base_domain
            );
            return Err(Error::Conflict { detail });
        }
        deed.after(told(&environment)).commit(unit).await?;
        Ok(environment)
    }

    pub async fn update(
        &self,
        principal: &Principal,
        name: &str,
        change: EnvironmentChange,
    ) -> Result<Environment, Error> {
        principal.require_admin()?;
        let found = self.environment(principal, name).await?;
        let lifetime_s = match change.lifetime_s {
            Some(seconds) => Some(seconds).filter(|seconds| *seconds > 0),
            None => found.lifetime_s,
        };
        let deed =
            principal.does(&self.0, "environment.update", (&found.id, &found.name)).before(told(&found));
        let changed = Environment { lifetime_s, open: change.open.unwrap_or(found.open), ..found };
        let unit = self.0.store.begin().await.stored()?;
        unit.environment_lifetime(&changed.id, changed.lifetime_s).await.stored()?;
        unit.environment_open(&changed.id, changed.open).await.stored()?;
        deed.after(told(&changed)).commit(unit).await?;
        Ok(changed)
    }

    pub async fn nodes(&self, principal: &Principal, environment: &str) -> Result<Vec<NodeView>, Error> {
        let found = self.environment(principal, environment).await?;
        let nodes = self.0.store.node_list(&found.id).await.stored()?;
        let promises = self.0.store.node_promises().await.stored()?;
        let view = |node: Node| {
            let promised = promises.get(&node.id).copied().unwrap_or_default();
            self.view(node, promised)
        };
        Ok(nodes.into_iter().map(view).collect())
    }

    /// By id or name.
    pub async fn node(&self, principal: &Principal, id_or_name: &str) -> Result<NodeView, Error> {
        let node = self.find(id_or_name).await?;
        let environments = self.0.store.environment_list_visible(&principal.visibility()).await.stored()?;
        if !environments.iter().any(|environment| environment.id == node.environment) {
            return Err(Error::not_found("node", shortened(id_or_name)));
        }
        let promises = self.0.store.node_promises().await.stored()?;
        let promised = promises.get(&node.id).copied().unwrap_or_default();
        Ok(self.view(node, promised))
    }

    /// Adds a node on another machine. Its token is shown this once.
    pub async fn add_node(
        &self,
        principal: &Principal,
        environment: &str,
        new: NewNode,
    ) -> Result<NodeAdded, Error> {
        principal.require_admin()?;
        let environment = self.environment(principal, environment).await?;
        let name = environment.name.clone();
        check(&new)?;
        let now = self.0.outside.now();
        let id = NodeId::new(now, random_bits(&*self.0.outside));
        let (token, token_key) = self.new_token(&id)?;
        let node = Node {
            id: id.clone(),
            environment: environment.id,
            name: new.name,
            schedulable: true,
            draining: false,
            created_at: now,
            link: NodeLink {
                dial: if new.address.is_some() { Dial::Control } else { Dial::Agent },
                address: new.address,
                token_key: Some(token_key),
                thumbprint: None,
                first_online_at: None,
            },
        };
        let unit = self.0.store.begin().await.stored()?;
        unit.node_create(&node).await.asked_for("node", &node.name)?;
        let deed = principal.does(&self.0, "node.create", (&node.id, &node.name));
        deed.after(json!({ "environment": name, "address": node.link.address })).commit(unit).await?;
        self.0.signals.nodes.raise();
        Ok(NodeAdded { node: self.view(node, Promised::default()), token })
    }

    /// Removes a node that has nothing any more.
    ///
    /// With `lost`, one that will never come back: what was on its way there fails, what was live there is deployed again on
    /// other nodes from its release.
    pub async fn remove_node(&self, principal: &Principal, node: &str, lost: bool) -> Result<(), Error> {
        principal.require_admin()?;
        let found = self.elsewhere(node).await?;
        if lost {
            Box::pin(self.give_up(&found)).await?;
        }
        let deed = principal.does(&self.0, "node.delete", (&found.id, &found.name));
        let unit = self.0.store.begin().await.stored()?;
        match unit.node_remove(&found.id, lost).await {
            Err(StoreError::Conflict { .. }) => Err(Error::Conflict {
                detail: format!(
                    "The node `{}` still has deployments. Drain it, wait until they are gone, and remove it then; or remove it as lost if it never comes back.",
                    found.name
                ),
            }),
            removed => {
                removed.asked_for("node", &node)?;
                deed.after(json!({ "lost": lost })).commit(unit).await?;
                self.0.fleet.disconnect(&found.id);
                self.0.links.forget(&found.id);
                self.0.signals.nodes.raise();
                Ok(())
            }
        }
    }

    /// A new token, shown this once. The old one is dead at once: the agent is disconnected until it has the new one.
    pub async fn rotate_token(&self, principal: &Principal, node: &str) -> Result<NodeAdded, Error> {
        principal.require_admin()?;
        let found = self.elsewhere(node).await?;
        let (token, token_key) = self.new_token(&found.id)?;
        let unit = self.0.store.begin().await.stored()?;
        unit.node_token(&found.id, Some(token_key)).await.asked_for("node", &node)?;
        principal.does(&self.0, "node.rotate_token", (&found.id, &found.name)).commit(unit).await?;
        pierhead_model::crash_point!("control.rotate_token.before_disconnect");
        self.reconnect(&found.id);
        Ok(NodeAdded { node: self.node(principal, node).await?, token })
    }

    /// No token proves the node any more: it is disconnected until it gets a new one.
    pub async fn revoke_token(&self, principal: &Principal, node: &str) -> Result<NodeView, Error> {
        principal.require_admin()?;
        let found = self.elsewhere(node).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.node_token(&found.id, None).await.asked_for("node", &node)?;
        principal.does(&self.0, "node.revoke_token", (&found.id, &found.name)).commit(unit).await?;
        self.reconnect(&found.id);
        self.node(principal, node).await
    }

    /// Trusts the certificate that the node shows now. It must be the one that the administrator has seen.
    pub async fn approve_certificate(
        &self,
        principal: &Principal,
        node: &str,
        thumbprint: Digest,
    ) -> Result<NodeView, Error> {
        principal.require_admin()?;
        let found = self.elsewhere(node).await?;
        let shown = self.0.links.state(&found.id).and_then(|state| state.shown);
        if shown != Some(thumbprint) {
            let detail = match shown {
                Some(shown) => format!(
                    "The node shows the certificate {shown} now: compare it with the one that `pierhead agent` printed, and approve that one."
                ),
                None => "The node shows no certificate that waits for approval.".to_owned(),
            };
            return Err(Error::Conflict { detail });
        }
        let deed = principal.does(&self.0, "node.approve_certificate", (&found.id, &found.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.node_trust(&found.id, thumbprint, false).await.asked_for("node", &node)?;
        let told = |thumbprint: Option<Digest>| json!({ "thumbprint": thumbprint.map(|it| it.to_hex()) });
        deed.before(told(found.link.thumbprint)).after(told(Some(thumbprint))).commit(unit).await?;
        self.reconnect(&found.id);
        self.node(principal, node).await
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
        let told =
            |schedulable: bool, draining: bool| json!({ "schedulable": schedulable, "draining": draining });
        let deed = principal.does(&self.0, "node.schedule", (&found.id, &found.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.node_schedule(&found.id, schedulable, draining).await.stored()?;
        let deed = deed.before(told(found.schedulable, found.draining));
        deed.after(told(schedulable, draining)).commit(unit).await?;
        self.0.signals.deployments.raise();
        self.0.signals.drains.raise();
        self.node(principal, node).await
    }

    async fn find(&self, id_or_name: &str) -> Result<Node, Error> {
        let found = self.0.store.node_find(id_or_name).await.stored()?;
        found.ok_or_else(|| Error::not_found("node", shortened(id_or_name)))
    }

    /// A node on another machine.
    /// Ends what is on its way on a lost node and begins again elsewhere what is live there.
    async fn give_up(&self, node: &Node) -> Result<(), Error> {
        if self.0.fleet.is_online(&node.id) {
            return Err(Error::Conflict {
                detail: format!(
                    "The node `{}` is connected, so it is not lost. Drain it instead.",
                    node.name
                ),
            });
        }
        // Should it come back in the middle of this, it must not take part any more.
        self.0.store.node_token(&node.id, None).await.asked_for("node", &node.name)?;
        self.reconnect(&node.id);
        for record in self.0.store.deployments_on_node(&node.id).await.stored()? {
            if record.deployment.state.is_in_progress() {
                let detail = format!("The node {} was removed as lost. Deploy again.", node.name);
                let failure = Failure::new(Reason::NodeLost, detail);
                advance(&self.0, &record.deployment.id, Event::Failed(failure)).await?;
            } else if must_move(&self.0, &record).await? {
                move_away(&self.0, &record).await?;
            }
        }
        for share in self.0.store.shares_on_node(&node.id).await.stored()? {
            let record = self.0.store.deployment_get(&share.deployment).await.stored()?;
            if record.is_some_and(|record| record.deployment.state.is_in_progress()) {
                let detail = format!("The node {} was removed as lost. Deploy again.", node.name);
                let failure = Failure::new(Reason::NodeLost, detail);
                advance(&self.0, &share.deployment, Event::Failed(failure)).await?;
            }
        }
        shares::replace_lost(&self.0, &node.id).await
    }

    async fn elsewhere(&self, id_or_name: &str) -> Result<Node, Error> {
        let found = self.find(id_or_name).await?;
        if found.link.dial == Dial::Local {
            return Err(Error::Conflict {
                detail: format!(
                    "The node `{}` is this machine: it has no link that could be changed.",
                    found.name
                ),
            });
        }
        Ok(found)
    }

    async fn environment(&self, principal: &Principal, name: &str) -> Result<Environment, Error> {
        let hidden = || Error::not_found("environment", shortened(name));
        policy::environment(&self.0, principal, name, READ_ENVIRONMENT, hidden).await
    }

    /// The text to show, and what is stored of it.
    fn new_token(&self, node: &NodeId) -> Result<(Zeroizing<String>, String), Error> {
        let mut secret = Zeroizing::new([0; 32]);
        self.0.outside.fill(&mut *secret);
        let token = AgentToken::new(node.clone(), *secret);
        let key = token.key().expose_hex();
        let sealed = self.0.key.seal(&key_place(node), &key, &*self.0.outside).map_err(Error::internal)?;
        Ok((token.expose(), sealed))
    }

    fn reconnect(&self, node: &NodeId) {
        self.0.fleet.disconnect(node);
        self.0.links.well(node);
        self.0.links.wake(node);
    }

    fn view(&self, node: Node, promised: Promised) -> NodeView {
        let connected = self.0.fleet.connected(&node.id);
        let state = self.0.links.state(&node.id);
        let problem = state.as_ref().map(|state| state.problem);
        let status = match (&connected, problem) {
            (Some(connected), _) if !connected.compatible => "incompatible",
            (Some(_), _) if node.schedulable => "online",
            (Some(_), _) => "cordoned",
            (None, Some(LinkProblem::Untrusted)) => "untrusted",
            (None, _) if node.link.first_online_at.is_none() => "pending",
            (None, _) => "offline",
        };
        NodeView {
            status,
            problem: state
                .as_ref()
                .map(|state| NodeProblem { code: state.problem.as_str(), detail: state.detail.clone() }),
            schedulable: node.schedulable,
            draining: node.draining,
            dial: node.link.dial,
            address: node.link.address,
            thumbprint: node.link.thumbprint,
            shown_thumbprint: state.and_then(|state| state.shown),
            release: connected.as_ref().map(|it| it.release.clone()),
            machine: connected.as_ref().map(|it| it.machine.clone()),
            usage: connected.as_ref().map(|it| it.usage.clone()),
            promised,
            online_since: connected.map(|it| it.since),
            created_at: node.created_at,
            id: node.id,
            name: node.name,
        }
    }
}

fn told(environment: &Environment) -> Value {
    let Environment { name, base_domain, lifetime_s, open, .. } = environment;
    json!({ "name": name, "base_domain": base_domain.to_string(), "lifetime_s": lifetime_s, "open": open })
}

fn check(new: &NewNode) -> Result<(), Error> {
    let mut problems = Vec::new();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.name.is_empty() || new.name.len() > NAME_LENGTH || !new.name.chars().all(good) {
        let detail = format!("A node's name has 1 to {NAME_LENGTH} characters of a–z, 0–9 and `-`.");
        problems.push(FieldProblem::new("/name", detail));
    }
    if let Some(address) = &new.address {
        let parts = address.rsplit_once(':');
        let fits = parts.is_some_and(|(host, port)| {
            !host.is_empty()
                && host.len() <= 253
                && !host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@')
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !fits {
            let detail = "An agent's address is `host:port`, such as `10.0.0.7:8410`.";
            problems.push(FieldProblem::new("/address", detail));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Validation(problems)) }
}
