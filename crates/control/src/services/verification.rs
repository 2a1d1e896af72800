//! `pierhead verify`: what must be true at every moment, compared with the database and the ingress.

use std::collections::HashMap;
use std::sync::Arc;

use pierhead_model::deployment::State;
use pierhead_model::id::SlotId;
use pierhead_store::{DeploymentFilter, DeploymentRecord};

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::reconcilers::routes::shown;
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
    pub async fn verify(&self, _principal: &Principal) -> Result<Vec<Check>, Error> {
        let core = &*self.0;
        let all =
            core.store.deployment_list(&DeploymentFilter::default(), u64::from(u32::MAX)).await.stored()?;
        let check = |id, name, violation| Check { id, name, violation };
        Ok(vec![
            check("I1", "at most one live deployment per slot", one_live(&all)),
            check("I3", "every ingress shows what the database says", routes(core, &all)),
            check("I6", "nothing on its way is past its deadline", overdue(core, &all)),
            check("I11", "the live deployment is the newest that went live", newest(&all)),
            check("I13", "no log has a gap", logs(core, &all).await?),
            check("events", "every deployment's events end in its state", events(core, &all).await?),
        ])
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

fn routes(core: &Core, all: &[DeploymentRecord]) -> Option<String> {
    let shown: Vec<_> = all.iter().cloned().map(shown).collect();
    let (wanted, published) = (routing::table(&shown), core.ingresses.table());
    let (upserts, removals) = routing::difference(&published, &wanted);
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
