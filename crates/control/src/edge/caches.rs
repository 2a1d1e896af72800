//! Caches before the ingresses, which have to forget what is not shown any more.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use pierhead_model::hostname::Hostname;
use pierhead_wire::route::{Route, Target};

/// A network of caches. Errors are sentences for an administrator.
#[async_trait]
pub trait Caches: Send + Sync + std::fmt::Debug {
    /// Forgets everything of these hostnames. One that it does not stand before is no mistake.
    async fn purge(&self, hosts: &[String]) -> Result<(), String>;
}

/// What caches may hold when a route answers: it changes with the deployment, and with who is let in.
fn shown(route: &Route) -> Option<String> {
    let deployment = match &route.target {
        Target::Site { deployment, .. } | Target::Service { deployment, .. } => deployment,
        // A page of the platform's own is kept by nobody.
        Target::Page { .. } => return None,
    };
    let gate = route.rules.as_ref().and_then(|rules| rules.gate.as_ref());
    Some(gate.map_or_else(|| deployment.to_string(), |gate| format!("{deployment} {}", gate.access)))
}

/// What has to be forgotten, and what is held afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stale {
    /// Hostnames to purge, with what they show now.
    pub(crate) purge: Vec<(String, String)>,
    /// Hostnames to purge that show nothing any more.
    pub(crate) gone: Vec<String>,
}

/// Compares what was shown when caches were last told with what is shown now.
pub(crate) fn stale(held: &HashMap<String, String>, table: &BTreeMap<Hostname, Route>) -> Stale {
    let mut stale = Stale::default();
    let now: HashMap<&str, String> =
        table.iter().filter_map(|(host, route)| Some((host.as_str(), shown(route)?))).collect();
    for (host, shown) in &now {
        if held.get(*host) != Some(shown) {
            stale.purge.push(((*host).to_owned(), shown.clone()));
        }
    }
    stale.gone = held.keys().filter(|host| !now.contains_key(host.as_str())).cloned().collect();
    stale.purge.sort_unstable();
    stale.gone.sort_unstable();
    stale
}

#[cfg(test)]
mod tests {
    use pierhead_model::digest::Digest;
    use pierhead_model::id::DeploymentId;
    use pierhead_model::name::ProjectName;
    use pierhead_model::visitors::Access;
    use pierhead_wire::route::{Gate, Page, Rules};

    use super::*;

    fn site(host: &str, id: u64, access: Access) -> (Hostname, Route) {
        let host = Hostname::parse(host).unwrap();
        let deployment = DeploymentId::from_random(id);
        let gate = Gate { access, sign_in: String::new(), key: String::new(), passwords: BTreeMap::new() };
        let gate = (access != Access::Public).then_some(gate);
        let route = Route {
            host: host.clone(),
            project: ProjectName::parse("shop").unwrap(),
            target: Target::Site { deployment, manifest: Digest::from_bytes([1; 32]) },
            rules: Some(Box::new(Rules { gate, ..Rules::default() })),
        };
        (host, route)
    }

    #[test]
    fn what_is_shown_otherwise_is_forgotten_and_what_is_shown_as_before_is_not() {
        let mut table = BTreeMap::from([
            site("same.test", 1, Access::Public),
            site("switched.test", 2, Access::Public),
            site("closed.test", 3, Access::Team),
            site("new.test", 4, Access::Public),
        ]);
        let (host, mut page) = site("page.test", 5, Access::Public);
        page.target = Target::Page { page: Page::Stopped, deployment: None };
        table.insert(host, page);
        let id = |number| DeploymentId::from_random(number).to_string();
        let held: HashMap<String, String> = [
            ("same.test", id(1)),
            ("switched.test", id(9)),
            ("closed.test", id(3)),
            ("page.test", id(5)),
            ("gone.test", id(6)),
        ]
        .map(|(host, shown)| (host.to_owned(), shown))
        .into();
        let found = stale(&held, &table);
        let hosts: Vec<&str> = found.purge.iter().map(|(host, _)| host.as_str()).collect();
        assert_eq!(hosts, ["closed.test", "new.test", "switched.test"]);
        assert_eq!(found.gone, ["gone.test", "page.test"]);
        let mut told = held;
        told.retain(|host, _| !found.gone.contains(host));
        told.extend(found.purge);
        assert_eq!(stale(&told, &table), Stale::default(), "once is enough");
    }
}
