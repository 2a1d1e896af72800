//! Why a deployment waits to be built, and where it is among those that do.

use pierhead_model::deployment::State;
use pierhead_model::queue::Turns;
use pierhead_store::DeploymentRecord;

use super::deployments::Deployments;
use crate::assignments::waits_for_token;
use crate::builds::is_built;
use crate::error::{Error, StoreResult as _};

/// Why a deployment is not built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub reason: WaitReason,
    /// For people, with the figures.
    pub detail: String,
    /// Which one it is of those that wait for the same; 1 is the next.
    pub position: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum WaitReason {
    /// As many builds run as may at once over all nodes.
    Turn,
    /// No node of its environment is connected and takes new work.
    Node,
    NodeOffline,
    /// Its node builds others first.
    NodeBusy,
    /// What its repository is entered with is not there yet.
    Token,
}

impl Deployments {
    /// `None` of what does not wait.
    pub(super) async fn waiting(&self, record: &DeploymentRecord) -> Result<Option<Waiting>, Error> {
        let (core, own) = (&*self.0, &record.deployment);
        if own.state != State::Queued || own.cancel_requested_at.is_some() {
            return Ok(None);
        }
        let all = core.store.deployments_in_progress().await.stored()?;
        let Some(node) = &own.node else { return self.waiting_for_node(record, &all) };
        let there = all.iter().map(|it| &it.deployment).filter(|it| it.node.as_ref() == Some(node));
        let (waiting, others): (Vec<_>, Vec<_>) = there.partition(|it| it.state == State::Queued);
        let building = others.iter().filter(|it| it.state == State::Building).map(|it| it.project.clone());
        let turns = Turns::of(building);
        let projects: Vec<_> = waiting.iter().map(|it| it.project.clone()).collect();
        let mut order = turns.order(&projects).into_iter();
        let position = order.position(|index| waiting[index].id == own.id).map(|place| place as u64 + 1);
        let (reason, detail) = if Box::pin(waits_for_token(core, record)).await? {
            (WaitReason::Token, "The token that its repository is entered with is not there yet.".to_owned())
        } else if !core.fleet.is_online(node) {
            (WaitReason::NodeOffline, "Its node is not connected.".to_owned())
        } else {
            let detail = format!("Its node builds {} others.", turns.building());
            (WaitReason::NodeBusy, detail)
        };
        // A node that builds nothing is about to begin.
        let begins = reason == WaitReason::NodeBusy && turns.building() == 0;
        Ok((!begins).then_some(Waiting { reason, detail, position }))
    }

    fn waiting_for_node(
        &self,
        record: &DeploymentRecord,
        all: &[DeploymentRecord],
    ) -> Result<Option<Waiting>, Error> {
        let builds = &self.0.builds;
        if let Some(limit) = builds.limit()
            && is_built(record)?
            && !builds.has_room()
        {
            let mut waiting = Vec::new();
            for other in all {
                let deployment = &other.deployment;
                if deployment.state == State::Queued && deployment.node.is_none() && is_built(other)? {
                    waiting.push(deployment);
                }
            }
            let projects: Vec<_> = waiting.iter().map(|it| it.project.clone()).collect();
            let mut order = builds.order(&projects).into_iter();
            let own = &record.deployment.id;
            let position = order.position(|index| waiting[index].id == *own).map(|place| place as u64 + 1);
            let detail = format!("As many builds run as may at once over all nodes: {limit}.");
            return Ok(Some(Waiting { reason: WaitReason::Turn, detail, position }));
        }
        let environment = &record.environment_name;
        let detail = format!("No node of the environment {environment} is connected and takes new work.");
        Ok(Some(Waiting { reason: WaitReason::Node, detail, position: None }))
    }
}
