//! What each hostname shows, computed from what is live. Pure: the reconciler loads, calls this, and sends the difference.

use std::collections::{BTreeMap, HashMap};

use pierhead_model::deployment::State;
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{DeploymentId, ProjectId, SlotId};
use pierhead_model::name::{ProjectName, SlotName};
use pierhead_model::pipeline::StepName;
use pierhead_model::sleep::Rest;
use pierhead_wire::Endpoint;
use pierhead_wire::route::{Page, Route, Target};

use crate::edge::visiting::Visiting;
use crate::figures::{HostOwner, SERVICE};

/// A deployment as visitors may meet it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) deployment: DeploymentId,
    pub(crate) project_id: ProjectId,
    pub(crate) slot_id: SlotId,
    pub(crate) slot: SlotName,
    pub(crate) project: ProjectName,
    pub(crate) base_domain: Hostname,
    pub(crate) number: u64,
    pub(crate) state: State,
    pub(crate) content: Option<Content>,
    /// Of a run: what has hostnames of its own.
    pub(crate) parts: Vec<ShownPart>,
}

/// A public step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownPart {
    pub(crate) name: StepName,
    pub(crate) host: Hostname,
    pub(crate) content: Content,
}

/// What it consists of, once it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Site {
        manifest: Digest,
    },
    /// None while no process of it can be reached.
    Service {
        endpoints: Vec<Endpoint>,
        rest: Rest,
    },
}

/// The whole table: a route per slot and a route per deployment.
pub(crate) fn table(all: &[Shown], visiting: &Visiting<'_>) -> BTreeMap<Hostname, Route> {
    let mut table = BTreeMap::new();
    let mut add = |host: Hostname, shown: &Shown, target: Target| {
        let rules = visiting.rules(&shown.project_id, &shown.slot, &host);
        let project = shown.project.clone();
        table.insert(host.clone(), Route { host, project, target, rules });
    };
    let mut slots: BTreeMap<&SlotId, &Shown> = BTreeMap::new();
    for shown in all {
        let host = Hostname::of_deployment(&shown.deployment, &shown.base_domain);
        add(host, shown, own_target(shown));
        slots
            .entry(&shown.slot_id)
            .and_modify(|best| {
                if speaks_for_slot(shown) > speaks_for_slot(best) {
                    *best = shown;
                }
            })
            .or_insert(shown);
    }
    for shown in slots.into_values() {
        let host = Hostname::of_slot(&shown.slot, &shown.project, &shown.base_domain);
        add(host, shown, slot_target(shown));
        for part in &shown.parts {
            let target = slot_target(&Shown { content: Some(part.content.clone()), ..shown.clone() });
            add(part.host.clone(), shown, target);
        }
    }
    table
}

/// Whose the visits of each of these hostnames are.
pub(crate) fn owners(all: &[Shown]) -> HashMap<Hostname, HostOwner> {
    let mut owners = HashMap::new();
    for shown in all {
        let of = |service: &str| HostOwner { slot: shown.slot_id.clone(), service: service.to_owned() };
        let main = match (shown.parts.first(), &shown.content) {
            (Some(part), _) => part.name.as_str(),
            (None, Some(Content::Service { .. })) => SERVICE,
            (None, Some(Content::Site { .. }) | None) => "",
        };
        owners.insert(Hostname::of_deployment(&shown.deployment, &shown.base_domain), of(main));
        let slot = Hostname::of_slot(&shown.slot, &shown.project, &shown.base_domain);
        let is_shown_there = matches!(shown.state, State::Production);
        if is_shown_there || !owners.contains_key(&slot) {
            owners.insert(slot, of(main));
        }
        owners.extend(shown.parts.iter().map(|part| (part.host.clone(), of(part.name.as_str()))));
    }
    owners
}

/// Which deployment of a slot its hostname shows: the live one, else one on its way, else the latest that ended.
const fn speaks_for_slot(shown: &Shown) -> (u8, u64) {
    let rank = match shown.state {
        State::Production => 3,
        State::Queued | State::Building | State::Provisioning => 2,
        State::Failed | State::Inactive => 1,
    };
    (rank, shown.number)
}

fn slot_target(shown: &Shown) -> Target {
    match shown.state {
        State::Production => content_target(shown),
        State::Queued | State::Building | State::Provisioning => page(shown, Page::Starting),
        State::Inactive => page(shown, Page::Stopped),
        State::Failed => page(shown, Page::Failed),
    }
}

/// A site stays reachable under its own hostname for as long as the deployment exists: showing it costs nothing.
fn own_target(shown: &Shown) -> Target {
    match (shown.state, &shown.content) {
        (State::Production | State::Inactive, Some(Content::Site { .. })) => content_target(shown),
        _ => slot_target(shown),
    }
}

fn content_target(shown: &Shown) -> Target {
    let deployment = shown.deployment.clone();
    match &shown.content {
        Some(Content::Site { manifest }) => Target::Site { deployment, manifest: *manifest },
        Some(Content::Service { rest: Rest::Stopped, .. }) => {
            Target::Service { deployment, endpoints: Vec::new(), rest: Rest::Stopped }
        }
        Some(Content::Service { endpoints, rest }) if !endpoints.is_empty() => {
            Target::Service { deployment, endpoints: endpoints.clone(), rest: *rest }
        }
        Some(Content::Service { .. }) | None => page(shown, Page::Offline),
    }
}

fn page(shown: &Shown, page: Page) -> Target {
    Target::Page { page, deployment: Some(shown.deployment.clone()) }
}

/// What makes `new` of `old`.
pub(crate) fn difference(
    old: &BTreeMap<Hostname, Route>,
    new: &BTreeMap<Hostname, Route>,
) -> (Vec<Route>, Vec<Hostname>) {
    let upserts =
        new.iter().filter(|(host, route)| old.get(*host) != Some(*route)).map(|(_, r)| r.clone()).collect();
    let removals = old.keys().filter(|host| !new.contains_key(*host)).cloned().collect();
    (upserts, removals)
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    fn shown(id: u64, number: u64, state: State, content: Option<Content>) -> Shown {
        Shown {
            deployment: DeploymentId::from_random(id),
            project_id: ProjectId::new(Timestamp::UNIX_EPOCH, 1),
            slot_id: SlotId::new(Timestamp::UNIX_EPOCH, 1),
            slot: SlotName::production(),
            project: ProjectName::parse("shop").unwrap(),
            base_domain: Hostname::parse("localhost").unwrap(),
            number,
            state,
            content,
            parts: Vec::new(),
        }
    }

    fn table(all: &[Shown]) -> BTreeMap<Hostname, Route> {
        super::table(all, &Visiting::of_nobody(&crate::sealing::Keyring::of_one([7; 32])))
    }

    fn target(all: &[Shown], host: &str) -> Target {
        table(all)[&Hostname::parse(host).unwrap()].target.clone()
    }

    fn site(byte: u8) -> Option<Content> {
        Some(Content::Site { manifest: Digest::from_bytes([byte; 32]) })
    }

    #[test]
    fn the_live_one_is_shown_whatever_else_happens_in_the_slot() {
        let all = [
            shown(1, 1, State::Inactive, site(1)),
            shown(2, 2, State::Production, site(2)),
            shown(3, 3, State::Building, None),
            shown(4, 4, State::Failed, None),
        ];
        let live =
            Target::Site { deployment: DeploymentId::from_random(2), manifest: Digest::from_bytes([2; 32]) };
        assert_eq!(target(&all, "shop.localhost"), live);
        let own = format!("{}.localhost", DeploymentId::from_random(1));
        assert!(matches!(target(&all, &own), Target::Site { .. }), "an earlier site keeps its own hostname");
    }

    #[test]
    fn visits_belong_to_the_slot_and_to_the_service_that_is_shown() {
        let host = |name: &str| Hostname::parse(name).unwrap();
        let service = Some(Content::Service { endpoints: Vec::new(), rest: Rest::Awake });
        let mut run = shown(3, 3, State::Production, service.clone());
        run.slot_id = SlotId::new(Timestamp::UNIX_EPOCH, 2);
        run.slot = SlotName::parse("qa").unwrap();
        run.parts = [("web", "web-qa.localhost"), ("docs", "docs-qa.localhost")]
            .map(|(name, at)| ShownPart {
                name: StepName::parse(name).unwrap(),
                host: host(at),
                content: service.clone().unwrap(),
            })
            .into();
        let qa = Hostname::of_slot(&run.slot, &run.project, &run.base_domain);
        let all = [shown(1, 1, State::Production, service), shown(2, 2, State::Building, None), run];
        let owners = owners(&all);
        let slot = SlotId::new(Timestamp::UNIX_EPOCH, 1);
        let own = |id| host(&format!("{}.localhost", DeploymentId::from_random(id)));
        for (at, expected) in [
            (host("shop.localhost"), (1, SERVICE)),
            (own(1), (1, SERVICE)),
            (own(2), (1, "")),
            (qa, (2, "web")),
            (own(3), (2, "web")),
            (host("docs-qa.localhost"), (2, "docs")),
        ] {
            let found = &owners[&at];
            assert_eq!((found.slot == slot, found.service.as_str()), (expected.0 == 1, expected.1), "{at}");
        }
    }

    #[test]
    fn without_a_live_one_a_page_says_why() {
        let page = |state, content| target(&[shown(1, 1, state, content)], "shop.localhost");
        assert!(matches!(page(State::Queued, None), Target::Page { page: Page::Starting, .. }));
        assert!(matches!(page(State::Failed, None), Target::Page { page: Page::Failed, .. }));
        assert!(matches!(page(State::Inactive, site(1)), Target::Page { page: Page::Stopped, .. }));
        let down = Some(Content::Service { endpoints: Vec::new(), rest: Rest::Awake });
        let asleep = Some(Content::Service { endpoints: Vec::new(), rest: Rest::Stopped });
        assert!(matches!(page(State::Production, asleep), Target::Service { rest: Rest::Stopped, .. }));
        assert!(matches!(page(State::Production, down), Target::Page { page: Page::Offline, .. }));
    }

    #[test]
    fn the_difference_is_what_must_be_sent() {
        let old = table(&[shown(1, 1, State::Production, site(1))]);
        let new = table(&[shown(1, 1, State::Inactive, site(1)), shown(2, 2, State::Production, site(2))]);
        let (upserts, removals) = difference(&old, &new);
        assert_eq!(
            (upserts.len(), removals.len()),
            (2, 0),
            "the slot and the new deployment; the old one's own is as it was"
        );
        assert_eq!(difference(&new, &BTreeMap::new()).1.len(), 3);
    }
}
