//! How many build at once over all nodes, and whose turn it is.
//!
//! A deployment that has to be built gets a node when it is let in, and holds its place until it is built or has ended. Who
//! builds is read from what is stored each time; only whose turn it was when is remembered, and a restart may cost one turn.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::assignment::Source;
use pierhead_model::deployment::{Deployment, State};
use pierhead_model::id::{NodeId, ProjectId};
use pierhead_model::queue::Turns;
use pierhead_store::DeploymentRecord;

use crate::error::Error;
use crate::work::WorkRecord;

/// How long a node that cannot be reached holds places: its builds may go on, and are shown again when it is back.
const AWAY_LIMIT_S: i64 = 60;

#[derive(Debug)]
pub(crate) struct Builds {
    limit: Option<NonZeroUsize>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    turns: Turns<ProjectId>,
    /// Nodes that hold places and are not connected, since when.
    away: HashMap<NodeId, Timestamp>,
}

impl Builds {
    pub(crate) fn new(limit: Option<NonZeroUsize>) -> Self {
        Self { limit, inside: Mutex::default() }
    }

    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit.map(NonZeroUsize::get)
    }

    /// Takes note of who builds.
    pub(crate) fn observe<'a>(
        &self,
        building: impl IntoIterator<Item = &'a Deployment>,
        is_online: impl Fn(&NodeId) -> bool,
        now: Timestamp,
    ) {
        let inside = &mut *self.inside.lock();
        let (mut away, mut held) = (HashMap::new(), Vec::new());
        for deployment in building {
            let Some(node) = deployment.node.as_ref().filter(|_| is_before_release(deployment)) else {
                continue;
            };
            let since = (!is_online(node)).then(|| inside.away.get(node).copied().unwrap_or(now));
            if let Some(since) = since {
                away.insert(node.clone(), since);
            }
            if since.is_none_or(|since| now.duration_since(since).as_secs() < AWAY_LIMIT_S) {
                held.push(deployment.project.clone());
            }
        }
        inside.away = away;
        inside.turns.hold(held);
    }

    /// Whether one more may begin.
    pub(crate) fn has_room(&self) -> bool {
        self.limit().is_none_or(|limit| self.inside.lock().turns.building() < limit)
    }

    /// The next of those that wait, in the order of their arrival.
    pub(crate) fn next(&self, waiting: &[&DeploymentRecord]) -> Option<usize> {
        self.inside.lock().turns.next(waiting, |record| &record.deployment.project)
    }

    pub(crate) fn begin(&self, project: &ProjectId) {
        self.inside.lock().turns.begin(project);
    }

    /// In which order those that wait are let in.
    pub(crate) fn order(&self, waiting: &[ProjectId]) -> Vec<usize> {
        self.inside.lock().turns.order(waiting)
    }
}

fn is_before_release(deployment: &Deployment) -> bool {
    matches!(deployment.state, State::Queued | State::Building)
}

/// Whether something is built for it; what was built before needs no place.
pub(crate) fn is_built(record: &DeploymentRecord) -> Result<bool, Error> {
    let source = WorkRecord::from_text(&record.work)?.source;
    Ok(!matches!(source, Source::Release { .. }))
}

#[cfg(test)]
mod tests {
    use pierhead_model::id::{DeploymentId, SlotId};
    use pierhead_model::limit::Limits;

    use super::*;

    #[test]
    fn a_node_that_is_away_holds_places_for_a_minute() {
        let now = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let node = |number: u128| NodeId::new(now(0), number);
        let deployment = |node: Option<NodeId>, state: State| {
            let (id, project) = (DeploymentId::from_random(1), ProjectId::new(now(0), 1));
            let slot = SlotId::new(now(0), 1);
            let queued = Deployment::queued(id, project, slot, 1, Limits::default(), now(0));
            Deployment { node, state, ..queued }
        };
        let all = [
            deployment(Some(node(1)), State::Building),
            deployment(Some(node(2)), State::Queued),
            deployment(Some(node(2)), State::Provisioning),
            deployment(None, State::Queued),
            deployment(None, State::Building),
        ];
        let builds = Builds::new(NonZeroUsize::new(2));
        for (seconds, online, room) in [
            (0, vec![1, 2], false),
            (10, vec![1], false),
            (69, vec![1], false),
            (70, vec![1], true),
            (80, vec![1, 2], false),
            (90, vec![2], false),
            (100, vec![], false),
            (149, vec![], false),
            (150, vec![], true),
            (160, vec![1, 2], false),
        ] {
            let is_online = |id: &NodeId| online.iter().any(|&number| node(number) == *id);
            builds.observe(&all, is_online, now(seconds));
            assert_eq!(builds.has_room(), room, "after {seconds} s");
        }
        assert!(Builds::new(None).has_room());
    }
}
