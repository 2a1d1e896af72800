//! Custom domains in the table of routes. Pure.

use std::collections::BTreeMap;

use pierhead_model::hostname::Hostname;
use pierhead_model::id::ProjectId;
use pierhead_model::name::SlotName;
use pierhead_store::{DeploymentRecord, Domain};
use pierhead_wire::route::Route;

use super::visiting::Visiting;

/// The platform's own hostname of each slot that visitors may meet.
pub(crate) type SlotHosts = BTreeMap<(ProjectId, SlotName), Hostname>;

/// By the deployments that are shown. A slot name that is in two environments is always the same one of them.
pub(crate) fn slot_hosts(records: &[DeploymentRecord]) -> SlotHosts {
    let mut hosts = SlotHosts::new();
    for record in records {
        let host = Hostname::of_slot(&record.slot_name, &record.project_name, &record.base_domain);
        let key = (record.deployment.project.clone(), record.slot_name.clone());
        hosts.entry(key).and_modify(|known| *known = host.clone().min(known.clone())).or_insert(host);
    }
    hosts
}

/// Each verified hostname shows what its slot shows. A hostname of the platform's own is never replaced.
pub(crate) fn add_domains(
    table: &mut BTreeMap<Hostname, Route>,
    slots: &SlotHosts,
    verified: &[Domain],
    visiting: &Visiting<'_>,
) {
    for domain in verified {
        let slot = slots.get(&(domain.project.clone(), domain.slot.clone()));
        let Some(shown) = slot.and_then(|host| table.get(host)) else { continue };
        let rules = visiting.rules(&domain.project, &domain.slot, &domain.host);
        let route = Route { host: domain.host.clone(), rules, ..shown.clone() };
        table.entry(domain.host.clone()).or_insert(route);
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::domain::{DomainState, Standing};
    use pierhead_model::name::ProjectName;
    use pierhead_wire::route::{Page, Target};

    use super::*;

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).unwrap()
    }

    fn domain(name: &str, project: &ProjectId, slot: &str) -> Domain {
        Domain {
            host: host(name),
            project: project.clone(),
            slot: SlotName::parse(slot).unwrap(),
            proof: String::new(),
            standing: Standing { state: DomainState::Verified, tries: 0, lost_since: None },
            explanation: String::new(),
            checked_at: None,
            next_check_at: Timestamp::UNIX_EPOCH,
            verified_at: None,
            created_by: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_domain_shows_its_slot_and_never_replaces_the_platforms_own() {
        let (shop, blog) =
            (ProjectId::new(Timestamp::UNIX_EPOCH, 1), ProjectId::new(Timestamp::UNIX_EPOCH, 2));
        let route = |name: &str, page| Route {
            host: host(name),
            project: ProjectName::parse(name.split('.').next().unwrap()).unwrap(),
            target: Target::Page { page, deployment: None },
            rules: None,
        };
        let own = [route("shop.base.test", Page::Starting), route("blog.base.test", Page::Failed)];
        let mut table: BTreeMap<_, _> = own.into_iter().map(|route| (route.host.clone(), route)).collect();
        let slots = SlotHosts::from([
            ((shop.clone(), SlotName::production()), host("shop.base.test")),
            ((blog.clone(), SlotName::production()), host("blog.base.test")),
        ]);
        let domains = [
            domain("shop.example.com", &shop, "production"),
            domain("blog.base.test", &shop, "production"),
            domain("beta.example.com", &shop, "beta"),
        ];
        let key = crate::sealing::Keyring::of_one([7; 32]);
        add_domains(&mut table, &slots, &domains, &Visiting::of_nobody(&key));
        let of =
            |name: &str| table.get(&host(name)).map(|route| (route.project.as_str(), route.host.as_str()));
        assert_eq!(of("shop.example.com"), Some(("shop", "shop.example.com")));
        assert_eq!(of("blog.base.test"), Some(("blog", "blog.base.test")), "not taken over");
        assert_eq!(of("beta.example.com"), None, "there is no such slot yet");
        assert_eq!(table.len(), 3);
    }
}
