//! The table of routes: looked up by every request, changed while they run.
//!
//! It is a persistent map behind one atomic pointer: a reader takes a snapshot without a lock, and a change copies only the
//! few nodes on the way to what changed, however many routes there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_wire::route::{Page, Route, Target};

use crate::pool::Upstream;

/// What a hostname shows, ready to be used.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) shown: Shown,
}

#[derive(Debug)]
pub(crate) enum Shown {
    Site { manifest: Digest, live: Arc<Live> },
    Service { upstreams: Vec<Arc<Upstream>>, live: Arc<Live>, next: AtomicUsize },
    Page(Page),
}

/// A deployment's requests in flight, whichever hostname they came by.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) deployment: DeploymentId,
    in_flight: AtomicUsize,
    idle: tokio::sync::Notify,
}

/// One request in flight; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Live>);

impl Live {
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    /// Until nothing is in flight.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

type Map = imbl::HashMap<Arc<str>, Arc<Entry>>;

#[derive(Debug, Default)]
pub(crate) struct Table {
    routes: ArcSwap<Map>,
}

impl Table {
    /// The entry of a host that is lower case and has no port.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<Entry>> {
        self.routes.load().get(host).cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.routes.load().is_empty()
    }

    /// Replaces everything. Returns the deployments that are not shown any more.
    pub(crate) fn replace(&self, routes: Vec<Route>) -> Vec<Arc<Live>> {
        let before = self.routes.load_full();
        let mut after = Map::new();
        for route in routes {
            let entry = self.entry(&before, &after, route.target);
            after.insert(Arc::from(route.host.as_str()), entry);
        }
        self.routes.store(Arc::new(after.clone()));
        gone(before.values(), &after)
    }

    /// Changes some. Returns the deployments that are not shown any more.
    pub(crate) fn change(&self, upserts: Vec<Route>, removals: &[Hostname]) -> Vec<Arc<Live>> {
        let before = self.routes.load_full();
        let mut after = Map::clone(&before);
        let mut replaced = Vec::new();
        for host in removals {
            replaced.extend(after.remove(host.as_str()));
        }
        for route in upserts {
            let entry = self.entry(&before, &after, route.target);
            replaced.extend(after.insert(Arc::from(route.host.as_str()), entry));
        }
        self.routes.store(Arc::new(after.clone()));
        if replaced.is_empty() { Vec::new() } else { gone(replaced.iter(), &after) }
    }

    /// Takes over the connections and counters of a deployment that is shown already.
    fn entry(&self, before: &Map, after: &Map, target: Target) -> Arc<Entry> {
        let same = |entry: &&Arc<Entry>| entry.target == target;
        if !matches!(target, Target::Page { .. })
            && let Some(same) = after.values().find(same).or_else(|| before.values().find(same))
        {
            return Arc::clone(same);
        }
        let live = |deployment: &DeploymentId| {
            let known = before.values().chain(after.values()).filter_map(|entry| entry.live());
            let known = known.into_iter().find(|live| live.deployment == *deployment);
            known.cloned().unwrap_or_else(|| {
                let (in_flight, idle) = (AtomicUsize::new(0), tokio::sync::Notify::new());
                Arc::new(Live { deployment: deployment.clone(), in_flight, idle })
            })
        };
        let shown = match &target {
            Target::Site { deployment, manifest } => {
                Shown::Site { manifest: *manifest, live: live(deployment) }
            }
            Target::Service { deployment, endpoints } => Shown::Service {
                upstreams: endpoints.iter().map(|address| Arc::new(Upstream::new(*address))).collect(),
                live: live(deployment),
                next: AtomicUsize::new(0),
            },
            Target::Page { page, .. } => Shown::Page(*page),
        };
        Arc::new(Entry { target, shown })
    }
}

impl Entry {
    fn live(&self) -> Option<&Arc<Live>> {
        match &self.shown {
            Shown::Site { live, .. } | Shown::Service { live, .. } => Some(live),
            Shown::Page(_) => None,
        }
    }
}

fn gone<'a>(replaced: impl Iterator<Item = &'a Arc<Entry>>, after: &Map) -> Vec<Arc<Live>> {
    let mut gone: Vec<Arc<Live>> = Vec::new();
    for live in replaced.filter_map(|entry| entry.live()) {
        let shown =
            after.values().filter_map(|entry| entry.live()).any(|it| it.deployment == live.deployment);
        if !shown && !gone.iter().any(|it| it.deployment == live.deployment) {
            gone.push(Arc::clone(live));
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use pierhead_model::name::ProjectName;

    use super::*;

    fn route(host: &str, id: u64) -> Route {
        let deployment = DeploymentId::from_random(id);
        let target = Target::Service { deployment, endpoints: vec!["127.0.0.1:9".parse().unwrap()] };
        Route { host: Hostname::parse(host).unwrap(), project: ProjectName::parse("shop").unwrap(), target }
    }

    #[test]
    fn a_deployment_is_gone_when_no_host_shows_it_and_counts_over_all_of_them() {
        let table = Table::default();
        assert!(table.replace(vec![route("a.b", 1), route("own.b", 1), route("c.b", 2)]).is_empty());
        let (first, second) = (table.find("a.b").unwrap(), table.find("own.b").unwrap());
        assert!(Arc::ptr_eq(&first, &second), "one pool and one count for one deployment");
        assert!(table.change(vec![route("a.b", 3)], &[]).is_empty(), "its own host still shows it");
        let gone = table.change(vec![], &[Hostname::parse("own.b").unwrap()]);
        assert_eq!(
            gone.iter().map(|live| live.deployment.clone()).collect::<Vec<_>>(),
            [DeploymentId::from_random(1)]
        );
        assert!(table.find("own.b").is_none());
    }

    #[tokio::test]
    async fn idle_means_that_the_last_request_has_ended() {
        let table = Table::default();
        table.replace(vec![route("a.b", 1)]);
        let live = Arc::clone(table.find("a.b").unwrap().live().unwrap());
        let (one, two) = (live.begin(), live.begin());
        let waiting = tokio::spawn({
            let live = Arc::clone(&live);
            async move { live.idle().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}
