//! Removing what nobody wants: what carries this install's and this node's labels and is not on the list.
//!
//! The list is the control plane's. Should it be wrong (an empty database, a lost table), following it would end everything
//! that runs; so when it would end more than a few and more than half, nothing is done until it is said twice.

use std::collections::BTreeSet;

use pierhead_engine::labels::within_generation;
use pierhead_engine::state::Status;
use pierhead_model::id::DeploymentId;

use crate::identity::Identity;
use crate::labels;
use crate::node::Node;
use crate::undo::{self, Images};

/// Ending this many at once is never suspicious.
const FEW: usize = 5;

/// The deployments that the engine holds something of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) all: BTreeSet<DeploymentId>,
    pub(crate) running: BTreeSet<DeploymentId>,
}

/// Ends what is unwanted, but not too much at once without being told twice.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    suspended: Option<BTreeSet<DeploymentId>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Remove(BTreeSet<DeploymentId>),
    /// So many of so many that run: only when it is said again.
    SayAgain {
        unwanted: usize,
        running: usize,
    },
}

impl Guard {
    pub(crate) fn judge(&mut self, wanted: &BTreeSet<DeploymentId>, present: &Present) -> Verdict {
        let unwanted: BTreeSet<_> = present.all.difference(wanted).cloned().collect();
        let ending = unwanted.intersection(&present.running).count();
        let running = present.running.len();
        let suspicious = ending > FEW && ending * 2 > running;
        let told_twice = self.suspended.as_ref().is_some_and(|before| unwanted.is_subset(before));
        if suspicious && !told_twice {
            self.suspended = Some(unwanted);
            return Verdict::SayAgain { unwanted: ending, running };
        }
        self.suspended = None;
        Verdict::Remove(unwanted)
    }
}

/// What of ours the engine and the disk hold, by deployment.
pub(crate) async fn present(node: &Node, identity: &Identity) -> pierhead_engine::Result<Present> {
    let ours = labels::of_node(identity);
    let of = |labels: &pierhead_engine::spec::Labels| {
        within_generation(labels, identity.epoch).then(|| labels::deployment_of(labels)).flatten()
    };
    let mut present = Present::default();
    for container in node.engine.list(&ours).await? {
        if let Some(deployment) = of(&container.labels) {
            if container.status == Status::Running {
                present.running.insert(deployment.clone());
            }
            present.all.insert(deployment);
        }
    }
    present
        .all
        .extend(node.engine.network_list(&ours).await?.iter().filter_map(|network| of(&network.labels)));
    present.all.extend(node.engine.volume_list(&ours).await?.iter().filter_map(|volume| of(&volume.labels)));
    for entry in fs_err::read_dir(node.layout.all_work()).into_iter().flatten().flatten() {
        present.all.extend(entry.file_name().to_str().and_then(|name| name.parse().ok()));
    }
    Ok(present)
}

/// Removes what is left of deployments that no worker works for.
pub(crate) async fn sweep(node: &Node, identity: &Identity, orphans: &BTreeSet<DeploymentId>) {
    for deployment in orphans {
        tracing::info!(%deployment, "removing what nobody wants");
        if let Err(error) = undo::remove(node, identity, deployment, Images::Keep).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%deployment, %error, cause, "an orphan stays until the next list");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<u64>) -> BTreeSet<DeploymentId> {
        range.map(|n| DeploymentId::from_random(n * 7919)).collect()
    }

    fn running(range: std::ops::Range<u64>) -> Present {
        Present { all: ids(range.clone()), running: ids(range) }
    }

    #[test]
    fn a_few_are_removed_at_once_and_many_only_when_told_twice() {
        let mut guard = Guard::default();
        assert_eq!(guard.judge(&ids(0..10), &running(0..10)), Verdict::Remove(BTreeSet::new()));
        assert_eq!(guard.judge(&ids(5..10), &running(0..10)), Verdict::Remove(ids(0..5)));
        assert_eq!(guard.judge(&ids(6..20), &running(0..20)), Verdict::Remove(ids(0..6)), "less than half");
        assert_eq!(guard.judge(&ids(0..0), &running(0..10)), Verdict::SayAgain { unwanted: 10, running: 10 });
        assert_eq!(guard.judge(&ids(0..0), &running(0..10)), Verdict::Remove(ids(0..10)));
        assert_eq!(guard.judge(&ids(0..0), &running(0..10)), Verdict::SayAgain { unwanted: 10, running: 10 });
        assert_eq!(guard.judge(&ids(0..9), &running(0..10)), Verdict::Remove(ids(9..10)), "it was a mistake");
        assert_eq!(guard.judge(&ids(0..0), &running(0..10)), Verdict::SayAgain { unwanted: 10, running: 10 });
    }

    #[test]
    fn what_does_not_run_is_no_reason_to_hesitate() {
        let present = Present { all: ids(0..100), running: ids(0..2) };
        assert_eq!(Guard::default().judge(&BTreeSet::new(), &present), Verdict::Remove(ids(0..100)));
    }
}
