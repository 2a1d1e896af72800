//! What is to be said of a live deployment beside its state.

use pierhead_model::deployment::State;
use pierhead_model::release::Release;
use pierhead_model::sleep::Rest;
use pierhead_store::DeploymentRecord;

use super::deployments::Conditions;
use crate::core::Core;

/// Nothing is said of one that is not live, or needs no process.
pub(super) fn conditions(core: &Core, record: &DeploymentRecord) -> Conditions {
    if record.deployment.state != State::Production || matches!(record.release, Some(Release::Site(_))) {
        return Conditions::default();
    }
    let report = record.report.as_ref();
    let node_online = record.deployment.node.as_ref().is_some_and(|node| core.fleet.is_online(node));
    let shares: Vec<_> = record.shares.iter().filter(|it| it.on_node && it.retired_at.is_none()).collect();
    let shares_online = shares.iter().all(|share| core.fleet.is_online(&share.node));
    let of_shares = shares.iter().filter_map(|share| share.report.as_ref());
    let instances: Vec<_> = report
        .into_iter()
        .chain(of_shares)
        .flat_map(|report| report.instance.iter().chain(report.services.values()))
        .collect();
    let is_run = matches!(record.release, Some(Release::Run(_)));
    let single = report.and_then(|report| report.instance.as_ref());
    let asleep =
        single.is_some_and(|it| core.sleepers.shown(&record.deployment.id, it) != Rest::Awake && !is_run);
    Conditions {
        // A run may have no service at all.
        offline: !node_online
            || !shares_online
            || (!asleep && instances.iter().any(|instance| instance.address.is_none()))
            || (instances.is_empty() && !is_run),
        asleep,
        crash_looping: instances.iter().any(|instance| instance.next_start_at.is_some()),
    }
}
