//! Every ingress shows what is live.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pierhead_model::assignment::{InstanceReport, Source};
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::NodeId;
use pierhead_model::pipeline::StepName;
use pierhead_model::release::Release;
use pierhead_model::run::PublicStep;
use pierhead_model::sleep::Rest;
use pierhead_store::DeploymentRecord;
use pierhead_wire::Endpoint;
use pierhead_wire::route::Route;

use super::Reconciler;
use crate::core::Core;
use crate::edge::routes::{add_domains, slot_hosts};
use crate::edge::visiting::Visiting;
use crate::error::{Error, StoreResult as _};
use crate::figures::HostOwner;
use crate::routing::{self, Content, Shown, ShownPart};
use crate::work::WorkRecord;

#[derive(Debug)]
pub(crate) struct Routes(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Routes {
    fn name(&self) -> &'static str {
        "routes"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let records = self.0.store.deployments_shown().await.stored()?;
        let (before, _) = self.0.ingresses.generations();
        let (table, owners) = table_and_owners(&self.0, records).await?;
        // First: what is shown from now on may be counted from now on.
        self.0.figures.set_owners(owners);
        if self.0.ingresses.publish(table) != before {
            self.0.signals.caches.raise();
        }
        // What left the table just now may have nothing in flight already.
        self.0.wake_nodes_with_ended().await?;
        Ok(None)
    }
}

/// The whole table as it should be.
pub(crate) async fn table(
    core: &Core,
    records: Vec<DeploymentRecord>,
) -> Result<BTreeMap<Hostname, Route>, Error> {
    table_and_owners(core, records).await.map(|(table, _)| table)
}

/// The same, and whose the visits of each hostname are.
async fn table_and_owners(
    core: &Core,
    records: Vec<DeploymentRecord>,
) -> Result<(BTreeMap<Hostname, Route>, HashMap<Hostname, HostOwner>), Error> {
    let verified = core.store.domains_verified().await.stored()?;
    let slots = slot_hosts(&records);
    let visiting = Visiting::load(core).await?;
    let shown = all_shown(core, records).await?;
    let mut table = routing::table(&shown, &visiting);
    let mut owners = routing::owners(&shown);
    for domain in &verified {
        let slot = slots.get(&(domain.project.clone(), domain.slot.clone()));
        let Some(owner) = slot.and_then(|host| owners.get(host)).cloned() else { continue };
        owners.entry(domain.host.clone()).or_insert(owner);
    }
    add_domains(&mut table, &slots, &verified, &visiting);
    Ok((table, owners))
}

/// What visitors may meet, with the ways that lead to nodes at this moment.
async fn all_shown(core: &Core, records: Vec<DeploymentRecord>) -> Result<Vec<Shown>, Error> {
    let elsewhere = core.store.nodes_elsewhere().await.stored()?;
    let elsewhere: HashSet<NodeId> = elsewhere.into_iter().map(|node| node.id).collect();
    let reached_by = |node: &NodeId| match elsewhere.contains(node) {
        false => Some(None),
        true => core.fleet.has_streams(node).then(|| Some(node.clone())),
    };
    Ok(records.into_iter().map(|record| shown(core, record, reached_by)).collect())
}

/// `reached_by` says which way leads to a node: directly, through its agent, or none at the moment.
fn shown(
    core: &Core,
    record: DeploymentRecord,
    reached_by: impl Fn(&NodeId) -> Option<Option<NodeId>>,
) -> Shown {
    let node = record.deployment.node.as_ref().and_then(&reached_by);
    let report = record.report.as_ref();
    let endpoints = |instance: Option<&InstanceReport>| {
        let reached = node.as_ref().zip(instance);
        let addresses = reached.into_iter().flat_map(|(node, instance)| {
            instance.addresses().map(|address| Endpoint { node: node.clone(), address })
        });
        addresses.collect()
    };
    // Further replicas, each by the way to its own node.
    let elsewhere = |name: &StepName| {
        let mut all = Vec::new();
        for share in record.shares.iter().filter(|share| share.retired_at.is_none()) {
            let instance = share.report.as_ref().and_then(|report| report.services.get(name));
            let Some((node, instance)) = reached_by(&share.node).zip(instance) else { continue };
            all.extend(instance.addresses().map(|address| Endpoint { node: node.clone(), address }));
        }
        all
    };
    let parts = parts(&record, |name, sites| match sites.get(name) {
        Some(manifest) => Content::Site { manifest: *manifest },
        None => {
            let mut all: Vec<_> = endpoints(report.and_then(|report| report.services.get(name)));
            all.extend(elsewhere(name));
            Content::Service { endpoints: all, rest: Rest::Awake }
        }
    });
    let content = match &record.release {
        None => None,
        Some(Release::Site(site)) => Some(Content::Site { manifest: site.manifest }),
        Some(Release::Service(_) | Release::Image(_)) => {
            let instance = report.and_then(|report| report.instance.as_ref());
            let rest = instance.map_or(Rest::Awake, |it| core.sleepers.shown(&record.deployment.id, it));
            // Nobody can wake what is on a node that is not there.
            let rest = if node.is_some() { rest } else { Rest::Awake };
            Some(Content::Service { endpoints: endpoints(instance), rest })
        }
        Some(Release::Run(_)) => parts.first().map(|part| part.content.clone()),
    };
    Shown {
        deployment: record.deployment.id,
        project_id: record.deployment.project,
        slot_id: record.deployment.slot,
        slot: record.slot_name,
        project: record.project_name,
        base_domain: record.base_domain,
        number: record.deployment.number,
        state: record.deployment.state,
        content,
        parts,
    }
}

/// The public steps of a run. One that ended shows nothing any more.
fn parts(
    record: &DeploymentRecord,
    content: impl Fn(&StepName, &BTreeMap<StepName, Digest>) -> Content,
) -> Vec<ShownPart> {
    let may_be_run = matches!(record.release, None | Some(Release::Run(_)));
    let work = may_be_run.then(|| WorkRecord::from_text(&record.work).ok()).flatten();
    let Some(Source::Pipeline { work }) = work.map(|work| work.source) else { return Vec::new() };
    let none = BTreeMap::new();
    let sites = match &record.release {
        Some(Release::Run(run)) => &run.sites,
        _ => &none,
    };
    let part = |(name, public): (&StepName, &PublicStep)| ShownPart {
        name: name.clone(),
        host: public.host.clone(),
        content: content(name, sites),
    };
    work.public.iter().map(part).collect()
}
