//! Which certificate each hostname is served with. Pure.

use std::collections::{BTreeMap, HashMap};

use pierhead_model::Timestamp;
use pierhead_model::certificate::{CertificateSource, covers, preference};
use pierhead_store::{CertificateHead, Domain};

/// The names of each certificate that is served, by its id: each name has one certificate.
///
/// A project's certificate is served for the hostnames that the project has proved, and for no other that it may say; one of
/// the installation for all its names. What is not good at this moment is not served: plain HTTP is better than a warning.
pub(crate) fn served(
    heads: &[CertificateHead],
    verified: &[Domain],
    now: Timestamp,
) -> BTreeMap<String, Vec<String>> {
    let mut by_name: HashMap<&str, Vec<&CertificateHead>> = HashMap::new();
    for head in heads.iter().filter(|head| head.validity.includes(now)) {
        for name in &head.names {
            by_name.entry(name).or_default().push(head);
        }
    }
    let best = |candidates: Vec<&&CertificateHead>| -> Option<String> {
        let best = candidates.into_iter().max_by_key(|head| {
            (preference(head.source, &head.validity, now), head.created_at, head.id.clone())
        });
        best.map(|head| head.id.clone())
    };
    let mut chosen: BTreeMap<String, String> = BTreeMap::new();
    for (name, candidates) in &by_name {
        let of_all = candidates.iter().filter(|head| head.project.is_none()).collect();
        if let Some(id) = best(of_all) {
            chosen.insert((*name).to_owned(), id);
        }
    }
    for domain in verified {
        let host = domain.host.as_str();
        let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let exact = by_name.get(host).into_iter().flatten();
        let by_star = wildcard.iter().filter_map(|name| by_name.get(name.as_str())).flatten();
        let may = |head: &&&CertificateHead| head.project.as_ref().is_none_or(|of| *of == domain.project);
        if let Some(id) = best(exact.chain(by_star).filter(may).collect()) {
            chosen.insert(host.to_owned(), id);
        }
    }
    let mut served: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, id) in chosen {
        served.entry(id).or_default().push(name);
    }
    served
}

/// Whether somebody has uploaded what this hostname is served with.
pub(crate) fn has_uploaded(heads: &[CertificateHead], domain: &Domain, now: Timestamp) -> bool {
    let covering = |head: &CertificateHead| {
        head.source == CertificateSource::Uploaded
            && head.validity.includes(now)
            && head.project.as_ref().is_none_or(|of| *of == domain.project)
            && head.names.iter().any(|name| covers(name, domain.host.as_str()))
    };
    heads.iter().any(covering)
}

#[cfg(test)]
mod tests {
    use pierhead_model::certificate::Validity;
    use pierhead_model::domain::{DomainState, Standing};
    use pierhead_model::hostname::Hostname;
    use pierhead_model::id::ProjectId;
    use pierhead_model::name::SlotName;

    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(days * 86_400).unwrap()
    }

    fn project(number: u128) -> ProjectId {
        ProjectId::new(at(0), number)
    }

    fn head(id: &str, of: Option<u128>, names: &[&str], until: i64) -> CertificateHead {
        CertificateHead {
            id: id.to_owned(),
            project: of.map(project),
            source: CertificateSource::Acme,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            validity: Validity { not_before: at(0), not_after: at(until) },
            created_by: String::new(),
            created_at: at(0),
        }
    }

    fn domain(name: &str, of: u128) -> Domain {
        Domain {
            host: Hostname::parse(name).unwrap(),
            project: project(of),
            slot: SlotName::production(),
            proof: String::new(),
            standing: Standing { state: DomainState::Verified, tries: 0, lost_since: None },
            explanation: String::new(),
            checked_at: None,
            next_check_at: at(0),
            verified_at: None,
            created_by: String::new(),
            created_at: at(0),
        }
    }

    #[test]
    fn a_project_is_served_its_own_certificates_for_its_own_names_only() {
        let heads = [
            // It says more names than the project has.
            head("thief", Some(2), &["shop.test", "thief.test", "*.apps.test"], 900),
            head("shop", Some(1), &["*.shop.test", "shop.test"], 90),
            head("all", None, &["*.apps.test"], 90),
            head("old", Some(1), &["old.test"], 40),
        ];
        let verified = [
            domain("shop.test", 1),
            domain("www.shop.test", 1),
            domain("thief.test", 2),
            domain("old.test", 1),
        ];
        let served = served(&heads, &verified, at(50));
        let names = |id: &str| served.get(id).map(|names| names.join(" "));
        assert_eq!(names("shop").as_deref(), Some("shop.test www.shop.test"));
        assert_eq!(names("thief").as_deref(), Some("thief.test"));
        assert_eq!(names("all").as_deref(), Some("*.apps.test"));
        assert_eq!(names("old"), None, "it has ended");
    }

    #[test]
    fn each_name_has_the_best_certificate() {
        let mut uploaded = head("uploaded", Some(1), &["shop.test"], 60);
        uploaded.source = CertificateSource::Uploaded;
        let heads = [head("first", Some(1), &["shop.test"], 60), head("second", Some(1), &["shop.test"], 90)];
        let verified = [domain("shop.test", 1)];
        assert_eq!(served(&heads, &verified, at(50)).keys().collect::<Vec<_>>(), ["second"]);
        let heads = [heads.to_vec(), vec![uploaded]].concat();
        assert_eq!(served(&heads, &verified, at(50)).keys().collect::<Vec<_>>(), ["uploaded"]);
        assert!(has_uploaded(&heads, &verified[0], at(50)) && !has_uploaded(&heads, &verified[0], at(60)));
        assert_eq!(served(&heads, &verified, at(61)).keys().collect::<Vec<_>>(), ["second"]);
    }
}
