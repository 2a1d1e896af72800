//! `pierhead verify`: what must be true at every moment, compared with the database, the ingresses and the engines of all nodes
//! that are online.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use pierhead_model::deployment::State;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{NodeId, SlotId};
use pierhead_store::{DeploymentFilter, DeploymentRecord};
use pierhead_wire::agent_to_control::{Holding, HoldingKind, SlotOf};
use pierhead_wire::route::Route;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::reconcilers::routes::table;
use crate::routing;

#[derive(Debug)]
pub struct Verification(pub(crate) Arc<Core>);

/// Whether one invariant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub id: &'static str,
    pub name: &'static str,
    /// What is wrong; `None` when nothing is.
    pub violation: Option<String>,
}

impl Verification {
    pub async fn verify(&self, principal: &Principal) -> Result<Vec<Check>, Error> {
        principal.require_admin()?;
        let core = &*self.0;
        let all =
            core.store.deployment_list(&DeploymentFilter::default(), u64::from(u32::MAX)).await.stored()?;
        let engines = Engines::ask(core).await?;
        let wanted = table(core, all.clone()).await?;
        let check = |id, name, violation| Check { id, name, violation };
        Ok(vec![
            check("I1", "at most one live deployment per slot", one_live(&all)),
            check("I3", "every ingress shows what the database says", routes(core, &wanted)),
            check("I4", "every live service runs", engines.running(&all)),
            check("I5", "the engines hold nothing that nobody wants", engines.wanted(core, &all).await?),
            check("I6", "nothing on its way is past its deadline", overdue(core, &all)),
            check("I11", "the live deployment is the newest that went live", newest(&all)),
            check("I13", "no log has a gap", logs(core, &all).await?),
            check("I14", "no container is without limits", engines.limited()),
            check("events", "every deployment's events end in its state", events(core, &all).await?),
        ])
    }
}

/// What the engines of the nodes that are online hold.
struct Engines {
    holdings: Vec<Holding>,
    /// Those that said so.
    nodes: HashSet<NodeId>,
    silent: Option<String>,
}

impl Engines {
    async fn ask(core: &Core) -> Result<Self, Error> {
        let mut engines = Self { holdings: Vec::new(), nodes: HashSet::new(), silent: None };
        for environment in core.store.environment_list().await.stored()? {
            for node in core.store.node_list(&environment.id).await.stored()? {
                match core.fleet.inventory(&node.id).await {
                    Some(holdings) => {
                        engines.holdings.extend(holdings);
                        engines.nodes.insert(node.id);
                    }
                    None if core.fleet.is_online(&node.id) => engines.silent = Some(node.name),
                    None => {}
                }
            }
        }
        Ok(engines)
    }

    fn running(&self, all: &[DeploymentRecord]) -> Option<String> {
        let up = |record: &&DeploymentRecord| {
            record
                .report
                .as_ref()
                .and_then(|report| report.instance.as_ref())
                .is_some_and(|it| it.address.is_some())
        };
        let here = |record: &&DeploymentRecord| {
            record.deployment.node.as_ref().is_some_and(|node| self.nodes.contains(node))
        };
        let runs = |record: &&DeploymentRecord| {
            let of_it = |held: &&Holding| held.deployment.as_ref() == Some(&record.deployment.id);
            self.holdings.iter().filter(of_it).any(|held| held.running)
        };
        let live = all.iter().filter(|record| record.deployment.state == State::Production);
        let mut missing = live.filter(up).filter(here).filter(|record| !runs(record));
        missing.next().map(|record| format!("{} is live and has no running container", record.deployment.id))
    }

    /// A deployment may have come or gone while the engines were asked, so what looks wrong is looked at again.
    async fn wanted(&self, core: &Core, before: &[DeploymentRecord]) -> Result<Option<String>, Error> {
        if let Some(node) = &self.silent {
            return Ok(Some(format!("the node {node} does not say what its engine holds")));
        }
        let shares = before.iter().flat_map(|record| &record.shares).filter(|share| share.on_node);
        let leading = before.iter().filter(|record| record.on_node).map(|record| &record.deployment.id);
        let wanted: HashSet<_> = leading.chain(shares.map(|share| &share.id)).collect();
        let slots: HashSet<_> = before.iter().filter(|record| record.is_somewhere()).map(slot_of).collect();
        for held in &self.holdings {
            if held.slot.as_ref().is_some_and(|slot| slots.contains(slot)) {
                continue;
            }
            let Some(deployment) = &held.deployment else {
                return Ok(Some(format!("the {:?} {} belongs to no deployment", held.kind, held.name)));
            };
            if wanted.contains(deployment) {
                continue;
            }
            let now = core.store.deployment_get(deployment).await.stored()?;
            let share = core.store.share_get(deployment).await.stored()?;
            if !now.is_some_and(|record| record.on_node) && !share.is_some_and(|share| share.on_node) {
                return Ok(Some(format!("the {:?} {} is left of {deployment}", held.kind, held.name)));
            }
        }
        Ok(None)
    }

    fn limited(&self) -> Option<String> {
        let containers = self.holdings.iter().filter(|held| held.kind == HoldingKind::Container);
        let mut free = containers.filter(|held| !held.limited);
        free.next().map(|held| format!("{} has no memory limit", held.name))
    }
}

fn by_slot(all: &[DeploymentRecord]) -> HashMap<&SlotId, Vec<&DeploymentRecord>> {
    let mut slots: HashMap<&SlotId, Vec<&DeploymentRecord>> = HashMap::new();
    for record in all {
        slots.entry(&record.deployment.slot).or_default().push(record);
    }
    slots
}

fn one_live(all: &[DeploymentRecord]) -> Option<String> {
    by_slot(all).into_values().find_map(|records| {
        let live = records.iter().filter(|record| record.deployment.state == State::Production);
        let ids: Vec<String> = live.map(|record| record.deployment.id.to_string()).collect();
        (ids.len() > 1).then(|| format!("live in one slot: {}", ids.join(", ")))
    })
}

fn newest(all: &[DeploymentRecord]) -> Option<String> {
    by_slot(all).into_values().find_map(|records| {
        let live = records.iter().find(|record| record.deployment.state == State::Production)?;
        let newer = records.iter().find(|record| {
            record.deployment.timings.production_at.is_some()
                && record.deployment.number > live.deployment.number
        })?;
        Some(format!("{} is live, but {} went live and is newer", live.deployment.id, newer.deployment.id))
    })
}

fn routes(core: &Core, wanted: &BTreeMap<Hostname, Route>) -> Option<String> {
    let (upserts, removals) = routing::difference(&core.ingresses.table(), wanted);
    if let Some(route) = upserts.first() {
        return Some(format!(
            "{} routes are behind, the first is {}",
            upserts.len() + removals.len(),
            route.host
        ));
    }
    if let Some(host) = removals.first() {
        return Some(format!("{} routes lead nowhere any more, the first is {host}", removals.len()));
    }
    let (generation, applied) = core.ingresses.generations();
    (applied < generation).then(|| format!("an ingress is at table {applied}, the newest is {generation}"))
}

fn overdue(core: &Core, all: &[DeploymentRecord]) -> Option<String> {
    let now = core.outside.now();
    let late = all.iter().find(|record| record.deployment.deadline.is_some_and(|deadline| deadline < now))?;
    Some(format!("{} is {} and past its deadline", late.deployment.id, late.deployment.state))
}

async fn logs(core: &Core, all: &[DeploymentRecord]) -> Result<Option<String>, Error> {
    for record in all {
        let id = &record.deployment.id;
        let query = pierhead_store::LogQuery { limit: usize::MAX, ..Default::default() };
        let (lines, _) = core.store.logs().read(id, &query).await.stored()?;
        let gap = lines.iter().zip(1..).find(|(line, expected)| line.number != *expected);
        if let Some((line, expected)) = gap {
            return Ok(Some(format!("the log of {id} has line {} where {expected} should be", line.number)));
        }
    }
    Ok(None)
}

async fn events(core: &Core, all: &[DeploymentRecord]) -> Result<Option<String>, Error> {
    for record in all {
        let id = &record.deployment.id;
        let events = core.store.events_of(id).await.stored()?;
        let chained = events.windows(2).all(|pair| pair[1].from == Some(pair[0].to));
        let last = events.last().map(|event| event.to);
        // A transition may have been written between the two reads.
        let now = core.store.deployment_get(id).await.stored()?.map(|record| record.deployment.state);
        if !chained || (last != now && last != Some(record.deployment.state)) {
            return Ok(Some(format!(
                "the events of {id} do not tell how it became {}",
                record.deployment.state
            )));
        }
    }
    Ok(None)
}

/// The slot of a deployment, as the labels of its volumes say it.
fn slot_of(record: &DeploymentRecord) -> SlotOf {
    SlotOf {
        project: record.project_name.to_string(),
        environment: record.environment_name.to_string(),
        slot: record.slot_name.to_string(),
    }
}
