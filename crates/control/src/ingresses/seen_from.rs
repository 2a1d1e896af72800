//! Where services are, as an ingress sees it that is on this machine or on another.

use std::collections::BTreeMap;

use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_wire::route::{Route, Target};
use pierhead_wire::{ControlToIngress, Endpoint};

/// From where a table is looked at.
#[derive(Debug)]
pub(super) enum SeenFrom {
    /// Addresses of this machine's own node can be connected to.
    Here,
    /// They are behind a node as all others are.
    Elsewhere(NodeId),
}

impl SeenFrom {
    /// Without a node of this machine's own, nothing is reached from here alone.
    pub(super) fn elsewhere(home: Option<NodeId>) -> Self {
        home.map_or(Self::Here, Self::Elsewhere)
    }

    /// What is said to an ingress, as it is true there.
    pub(super) fn told(&self, message: ControlToIngress) -> ControlToIngress {
        let Self::Elsewhere(home) = self else { return message };
        let moved = |mut route: Route| {
            if let Target::Service { endpoints, .. } = &mut route.target {
                for endpoint in endpoints {
                    endpoint.node.get_or_insert_with(|| home.clone());
                }
            }
            route
        };
        match message {
            ControlToIngress::Table { epoch, generation, routes } => {
                let routes = routes.into_iter().map(moved).collect();
                ControlToIngress::Table { epoch, generation, routes }
            }
            ControlToIngress::Change { epoch, from, generation, upserts, removals } => {
                let upserts = upserts.into_iter().map(moved).collect();
                ControlToIngress::Change { epoch, from, generation, upserts, removals }
            }
            message @ (ControlToIngress::Certificates { .. }
            | ControlToIngress::Challenges { .. }
            | ControlToIngress::Counted { .. }) => message,
        }
    }
}

/// Every address that the table leads to, and whose it is.
pub(super) fn endpoints(table: &BTreeMap<Hostname, Route>) -> impl Iterator<Item = (Endpoint, DeploymentId)> {
    table.values().flat_map(|route| match &route.target {
        Target::Service { deployment, endpoints, .. } => {
            endpoints.iter().map(|endpoint| (endpoint.clone(), deployment.clone())).collect()
        }
        Target::Site { .. } | Target::Page { .. } => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use pierhead_model::Timestamp;
    use pierhead_model::name::ProjectName;
    use pierhead_model::sleep::Rest;

    use super::*;

    #[test]
    fn what_is_here_is_on_a_node_for_those_elsewhere() {
        let node = |number| NodeId::new(Timestamp::UNIX_EPOCH, number);
        let endpoint = |on| Endpoint { node: on, address: SocketAddr::from(([10, 0, 0, 1], 80)) };
        let host = Hostname::parse("a.b").unwrap();
        let route = |endpoints| Route {
            host: host.clone(),
            project: ProjectName::parse("shop").unwrap(),
            target: Target::Service {
                deployment: DeploymentId::from_random(1),
                endpoints,
                rest: Rest::Awake,
            },
            rules: None,
        };
        let table =
            |endpoints| ControlToIngress::Table { epoch: 1, generation: 2, routes: vec![route(endpoints)] };
        let change = |endpoints| ControlToIngress::Change {
            epoch: 1,
            from: 1,
            generation: 2,
            upserts: vec![route(endpoints)],
            removals: vec![host.clone()],
        };
        let (here, there) = (
            || vec![endpoint(None), endpoint(Some(node(2)))],
            || vec![endpoint(Some(node(1))), endpoint(Some(node(2)))],
        );
        let elsewhere = SeenFrom::elsewhere(Some(node(1)));
        assert_eq!(elsewhere.told(table(here())), table(there()));
        assert_eq!(elsewhere.told(change(here())), change(there()));
        for from in [SeenFrom::Here, SeenFrom::elsewhere(None)] {
            assert_eq!(from.told(table(here())), table(here()));
        }
    }
}
