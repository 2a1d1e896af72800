//! The table of routes: immutable, looked up by hostname, changed by making a new one that shares almost everything.
//!
//! The routes lie in 512 shards by a hash of their hostname. A change copies the pointers to the shards and the few shards it
//! touches, about a hundred routes each when there are 50,000 of them, and the new table replaces the old one in a single
//! step. So a lookup is one hash and one probe, whatever the size; a change costs some ten microseconds; and no request ever
//! sees half a change.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pierhead_model::hostname::Hostname;

use crate::target::Route;

const SHARDS: usize = 512;

#[derive(Debug, Clone)]
pub(crate) struct RouteTable {
    shards: Box<[Arc<HashSet<ByHost>>]>,
    /// Whether a table has come at all: before that, an unknown host is not known to be unknown.
    arrived: bool,
}

/// A route that is found by its hostname.
#[derive(Debug, Clone)]
struct ByHost(Arc<Route>);

impl Borrow<str> for ByHost {
    fn borrow(&self) -> &str {
        self.0.host.as_str()
    }
}

impl Hash for ByHost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.host.as_str().hash(state);
    }
}

impl PartialEq for ByHost {
    fn eq(&self, other: &Self) -> bool {
        self.0.host == other.0.host
    }
}

impl Eq for ByHost {}

impl RouteTable {
    /// The table before the first one has come.
    pub(crate) fn awaited() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect(), arrived: false }
    }

    pub(crate) fn of(routes: impl IntoIterator<Item = Arc<Route>>) -> Self {
        let mut shards: Vec<HashSet<ByHost>> = (0..SHARDS).map(|_| HashSet::new()).collect();
        for route in routes {
            if let Some(shard) = shards.get_mut(shard_of(route.host.as_str())) {
                shard.replace(ByHost(route));
            }
        }
        Self { shards: shards.into_iter().map(Arc::new).collect(), arrived: true }
    }

    pub(crate) const fn has_arrived(&self) -> bool {
        self.arrived
    }

    pub(crate) fn get(&self, host: &str) -> Option<&Arc<Route>> {
        self.shards.get(shard_of(host))?.get(host).map(|found| &found.0)
    }

    /// Sums up the shards, which costs some hundred additions.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.shards.iter().flat_map(|shard| shard.iter().map(|found| &found.0))
    }

    /// The table after a change. This one stays as it is.
    pub(crate) fn changed(&self, upserts: Vec<Arc<Route>>, removals: &[Hostname]) -> Self {
        let mut next = self.clone();
        for host in removals {
            if let Some(shard) = next.shards.get_mut(shard_of(host.as_str())) {
                Arc::make_mut(shard).remove(host.as_str());
            }
        }
        for route in upserts {
            if let Some(shard) = next.shards.get_mut(shard_of(route.host.as_str())) {
                Arc::make_mut(shard).replace(ByHost(route));
            }
        }
        next
    }
}

/// FNV-1a: who chooses hostnames to fill one shard only makes changes to that shard slower; inside a shard the standard
/// library's keyed hash decides.
fn shard_of(host: &str) -> usize {
    let hash = host.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pierhead_model::name::ProjectName;
    use pierhead_wire::route::Page;
    use proptest::prelude::*;

    use super::*;
    use crate::counters::Counters;
    use crate::target::Target;

    fn route(host: &str, project: &str) -> Arc<Route> {
        Arc::new(Route {
            host: Hostname::parse(host).unwrap(),
            project: ProjectName::parse(project).unwrap(),
            target: Target::Page { page: Page::Starting, deployment: None },
            guard: None,
            counters: Arc::new(Counters::default()),
            previous: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn is_a_map_and_leaves_the_old_table_alone(
            before in proptest::collection::btree_map(0_u8..40, 0_u8..5, 0..30),
            upserts in proptest::collection::btree_map(0_u8..40, 5_u8..9, 0..10),
            removals in proptest::collection::vec(0_u8..40, 0..10),
        ) {
            let routes = |map: &BTreeMap<u8, u8>| -> Vec<_> {
                map.iter().map(|(host, project)| route(&format!("h{host}.test"), &format!("p{project}"))).collect()
            };
            let contents = |table: &RouteTable| -> BTreeMap<String, String> {
                table.iter().map(|r| (r.host.to_string(), r.project.to_string())).collect()
            };
            let table = RouteTable::of(routes(&before));
            let old = contents(&table);
            let gone: Vec<_> =
                removals.iter().map(|host| Hostname::parse(&format!("h{host}.test")).unwrap()).collect();
            let next = table.changed(routes(&upserts), &gone);
            let mut expected = before;
            expected.retain(|host, _| !removals.contains(host));
            expected.extend(upserts);
            let expected: BTreeMap<_, _> =
                expected.iter().map(|(host, project)| (format!("h{host}.test"), format!("p{project}"))).collect();
            prop_assert_eq!(contents(&table), old);
            for (host, project) in &expected {
                prop_assert_eq!(next.get(host).map(|route| route.project.to_string()), Some(project.clone()));
            }
            prop_assert_eq!(contents(&next), expected);
        }
    }
}
