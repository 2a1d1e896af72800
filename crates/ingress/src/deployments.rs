//! The deployments behind the table: what is shared by all their routes and survives a change of the table.
//!
//! A service's pools and a site's manifest belong to a deployment, not to a line of the table: a change that names the same
//! endpoints or the same manifest again gets the same object. Only the task that applies changes uses this; requests see what
//! it made through their route.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use pierhead_model::digest::Digest;
use pierhead_model::id::DeploymentId;
use pierhead_model::sleep::Rest;
use pierhead_wire::{self as wire, route};

use crate::drain::Tracker;
use crate::endpoint::Endpoint;
use crate::service::Service;
use crate::static_site::Site;
use crate::target::Target;

#[derive(Debug, Default)]
pub(crate) struct Deployments {
    records: HashMap<DeploymentId, Record>,
    drains_begun: u64,
}

#[derive(Debug)]
struct Record {
    tracker: Arc<Tracker>,
    /// Lines of the table that show it.
    routes: usize,
    /// The number of the drain it is in.
    drain: Option<u64>,
    services: Vec<Weak<Service>>,
    endpoints: HashMap<wire::Endpoint, Weak<Endpoint>>,
    sites: Vec<Weak<Site>>,
}

/// A deployment that has begun to leave.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) drain: u64,
}

impl Deployments {
    /// The object that answers for a target: the one there is, if nothing about it changed.
    pub(crate) fn target(&mut self, target: route::Target) -> Target {
        match target {
            route::Target::Site { deployment, manifest } => {
                Target::Site(self.record(deployment).site(manifest))
            }
            route::Target::Service { deployment, endpoints, rest } => {
                Target::Service(self.record(deployment).service(&endpoints, rest))
            }
            route::Target::Page { page, deployment } => Target::Page { page, deployment },
        }
    }

    fn record(&mut self, deployment: DeploymentId) -> &mut Record {
        self.records.entry(deployment).or_insert_with_key(|deployment| Record {
            tracker: Tracker::new(deployment.clone()),
            routes: 0,
            drain: None,
            services: Vec::new(),
            endpoints: HashMap::new(),
            sites: Vec::new(),
        })
    }

    /// One more line of the table will show it. Called before the table is replaced, so that nobody is turned away.
    pub(crate) fn hold(&mut self, deployment: &DeploymentId) {
        if let Some(record) = self.records.get_mut(deployment) {
            record.routes += 1;
            if record.drain.take().is_some() {
                record.tracker.stay();
                record.for_each_endpoint(Endpoint::reopen);
            }
        }
    }

    /// One line less shows it. Called after the table was replaced; says so when it was the last.
    pub(crate) fn release(&mut self, deployment: &DeploymentId) -> Option<Leaving> {
        let record = self.records.get_mut(deployment)?;
        record.routes = record.routes.saturating_sub(1);
        if record.routes > 0 || record.drain.is_some() {
            return None;
        }
        self.drains_begun += 1;
        record.drain = Some(self.drains_begun);
        record.tracker.leave();
        record.for_each_endpoint(Endpoint::retire);
        Some(Leaving { tracker: Arc::clone(&record.tracker), drain: self.drains_begun })
    }

    /// Forgets a deployment whose drain has ended, unless it came back meanwhile.
    pub(crate) fn forget(&mut self, deployment: &DeploymentId, drain: u64) -> bool {
        let ended = self.records.get(deployment).is_some_and(|record| record.drain == Some(drain));
        if ended && let Some(record) = self.records.remove(deployment) {
            record.tracker.cut();
        }
        ended
    }

    /// What somebody visits, or did since this was asked last.
    pub(crate) fn needed(&self) -> Vec<DeploymentId> {
        let needed = |record: &&Record| record.tracker.was_needed();
        self.records.values().filter(needed).map(|record| record.tracker.deployment().clone()).collect()
    }

    /// Closes connections that nobody has used for long, and drops what is not referred to any more.
    pub(crate) fn sweep(&mut self) {
        for record in self.records.values_mut() {
            record
                .endpoints
                .retain(|_, endpoint| endpoint.upgrade().inspect(|endpoint| endpoint.sweep()).is_some());
            record.services.retain(|service| service.strong_count() > 0);
            record.sites.retain(|site| site.strong_count() > 0);
        }
        // Named by a table, but by no line that counted.
        self.records.retain(|_, record| record.routes > 0 || record.drain.is_some());
    }
}

impl Record {
    fn service(&mut self, named: &[wire::Endpoint], rest: Rest) -> Arc<Service> {
        let known = self.services.iter().filter_map(Weak::upgrade).find(|known| known.has(named, rest));
        if let Some(service) = known {
            return service;
        }
        let endpoints = named
            .iter()
            .map(|named| {
                let known = self.endpoints.get(named).and_then(Weak::upgrade);
                known.unwrap_or_else(|| {
                    let endpoint = Arc::new(Endpoint::new(named.clone()));
                    self.endpoints.insert(named.clone(), Arc::downgrade(&endpoint));
                    endpoint
                })
            })
            .collect();
        let service = Arc::new(Service::new(Arc::clone(&self.tracker), endpoints, rest));
        self.services.push(Arc::downgrade(&service));
        service
    }

    fn site(&mut self, manifest: Digest) -> Arc<Site> {
        let known = self.sites.iter().filter_map(Weak::upgrade).find(|known| known.manifest() == manifest);
        known.unwrap_or_else(|| {
            let site = Arc::new(Site::new(Arc::clone(&self.tracker), manifest));
            self.sites.push(Arc::downgrade(&site));
            site
        })
    }

    fn for_each_endpoint(&self, act: impl Fn(&Endpoint)) {
        for endpoint in self.endpoints.values().filter_map(Weak::upgrade) {
            act(&endpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn service_target(id: &str, ports: &[u16]) -> route::Target {
        route::Target::Service {
            deployment: id.parse().unwrap(),
            endpoints: ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port)).into()).collect(),
            rest: Rest::Awake,
        }
    }

    fn service(target: &Target) -> &Arc<Service> {
        match target {
            Target::Service(service) => service,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_endpoints_are_the_same_service_and_an_endpoint_that_stays_keeps_its_pool() {
        let mut deployments = Deployments::default();
        let first = deployments.target(service_target("1aaaaaaaaa", &[1, 2]));
        let same = deployments.target(service_target("1aaaaaaaaa", &[1, 2]));
        assert!(first.is(&same));
        let scaled = deployments.target(service_target("1aaaaaaaaa", &[2, 3]));
        assert!(!first.is(&scaled));
        assert!(Arc::ptr_eq(&service(&first).endpoints()[1], &service(&scaled).endpoints()[0]));
        let other = deployments.target(service_target("2aaaaaaaaa", &[1, 2]));
        assert!(!Arc::ptr_eq(&service(&first).endpoints()[0], &service(&other).endpoints()[0]));
    }

    #[test]
    fn leaves_with_its_last_route_and_may_come_back() {
        let mut deployments = Deployments::default();
        let id: DeploymentId = "1aaaaaaaaa".parse().unwrap();
        let target = deployments.target(service_target("1aaaaaaaaa", &[1]));
        let tracker = Arc::clone(service(&target).tracker());
        deployments.hold(&id);
        deployments.hold(&id);
        assert!(deployments.release(&id).is_none());
        let leaving = deployments.release(&id).unwrap();
        assert!(tracker.enter(1).is_err());
        deployments.hold(&id);
        assert!(tracker.enter(1).is_ok());
        assert!(!deployments.forget(&id, leaving.drain), "it came back");
        let again = deployments.release(&id).unwrap();
        assert!(!deployments.forget(&id, leaving.drain), "that was another drain");
        assert!(deployments.forget(&id, again.drain));
        assert!(!deployments.forget(&id, again.drain));
    }
}
