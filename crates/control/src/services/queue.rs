//! Where a deployment is among those that wait to be built.

use pierhead_model::deployment::State;
use pierhead_store::DeploymentRecord;

use super::deployments::Deployments;
use crate::error::{Error, StoreResult as _};

impl Deployments {
    /// Which one it is of those that wait to be built on its node; 1 is the next.
    pub(super) async fn queue_position(&self, record: &DeploymentRecord) -> Result<Option<u64>, Error> {
        let own = &record.deployment;
        let Some(node) = own.node.as_ref().filter(|_| own.state == State::Queued) else { return Ok(None) };
        let all = self.0.store.deployments_in_progress().await.stored()?;
        let there = all.iter().map(|it| &it.deployment).filter(|it| it.node.as_ref() == Some(node));
        let (waiting, others): (Vec<_>, Vec<_>) = there.partition(|it| it.state == State::Queued);
        let building: Vec<_> =
            others.iter().filter(|it| it.state == State::Building).map(|it| &it.project).collect();
        let projects: Vec<_> = waiting.iter().map(|it| &it.project).collect();
        let order = pierhead_model::queue::order(&building, &projects);
        let place = order.iter().position(|&index| waiting[index].id == own.id);
        Ok(place.map(|place| place as u64 + 1))
    }
}
