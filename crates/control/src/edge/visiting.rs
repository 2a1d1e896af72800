//! What each hostname says of its visitors, for the table of routes.

use std::collections::{BTreeMap, HashMap};

use pierhead_model::hostname::Hostname;
use pierhead_model::id::ProjectId;
use pierhead_model::name::SlotName;
use pierhead_model::visitors::{Access, VisitorRules};
use pierhead_store::VisitorPassword;
use pierhead_wire::pass::PassKey;
use pierhead_wire::route::{Gate, Rules};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::sealing::Keyring;

/// Everything that projects say of their visitors.
#[derive(Debug)]
pub(crate) struct Visiting<'a> {
    rules: HashMap<ProjectId, VisitorRules>,
    passwords: HashMap<ProjectId, BTreeMap<String, String>>,
    /// The page where one signs in.
    sign_in: String,
    key: &'a Keyring,
    /// Whether caches before the ingresses are told what is not shown any more.
    has_caches: bool,
}

impl<'a> Visiting<'a> {
    pub(crate) async fn load(core: &'a Core) -> Result<Self, Error> {
        let rules = core.store.visitor_rules_all().await.stored()?;
        let passwords = core.store.visitor_passwords_all().await.stored()?;
        let visiting = Self::new(rules, passwords, &core.access.console_url, &core.key);
        Ok(Self { has_caches: core.edge.caches.is_some(), ..visiting })
    }

    fn new(
        rules: HashMap<ProjectId, VisitorRules>,
        all: Vec<VisitorPassword>,
        console_url: &str,
        key: &'a Keyring,
    ) -> Self {
        let mut passwords: HashMap<ProjectId, BTreeMap<String, String>> = HashMap::new();
        for VisitorPassword { project, name, hash, .. } in all {
            passwords.entry(project).or_default().insert(name, hash);
        }
        let sign_in = format!("{}/visit", console_url.trim_end_matches('/'));
        Self { rules, passwords, sign_in, key, has_caches: false }
    }

    #[cfg(test)]
    pub(crate) fn of_nobody(key: &'a Keyring) -> Self {
        Self::new(HashMap::new(), Vec::new(), "https://console.test", key)
    }

    /// What is told of a hostname that shows a slot; nothing for most.
    pub(crate) fn rules(&self, project: &ProjectId, slot: &SlotName, host: &Hostname) -> Option<Box<Rules>> {
        let said = self.rules.get(project).copied().unwrap_or_default();
        let access = said.access(slot);
        let gate = (access != Access::Public).then(|| Gate {
            access,
            sign_in: self.sign_in.clone(),
            key: self.key.derive(&place(project, host)),
            passwords: match access {
                Access::Password => self.passwords.get(project).cloned().unwrap_or_default(),
                Access::Team | Access::Public => BTreeMap::new(),
            },
        });
        let rules = Rules {
            is_cached_before: self.has_caches && gate.is_none(),
            gate,
            rate_limit: said.rate_limit,
            wake_page_after_s: said.wake_page_after_s,
        };
        (rules != Rules::default()).then(|| Box::new(rules))
    }
}

/// A hostname that comes to another project has another key: who was let in before is a stranger then.
fn place(project: &ProjectId, host: &Hostname) -> String {
    format!("visits/{project}/{host}")
}

/// What passes of a hostname are made with.
pub(crate) fn pass_key(key: &Keyring, project: &ProjectId, host: &Hostname) -> Option<PassKey> {
    PassKey::from_base64(&key.derive(&place(project, host)))
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::visitors::RateLimit;

    use super::*;

    #[test]
    fn each_hostname_has_a_key_of_its_own_and_passwords_only_where_they_open() {
        let project = |number| ProjectId::new(Timestamp::UNIX_EPOCH, number);
        let (shop, blog) = (project(1), project(2));
        let rules = VisitorRules {
            production: Access::Password,
            previews: Access::Team,
            rate_limit: None,
            wake_page_after_s: None,
        };
        let limited = VisitorRules {
            rate_limit: Some(RateLimit { per_minute: 60, burst: None }),
            ..VisitorRules::default()
        };
        let password = VisitorPassword {
            project: shop.clone(),
            name: "review".to_owned(),
            hash: "$argon2id$".to_owned(),
            created_by: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        let key = Keyring::of_one([7; 32]);
        let said = HashMap::from([(shop.clone(), rules), (blog.clone(), limited)]);
        let visiting = Visiting::new(said, vec![password], "https://console.test/", &key);
        let of = |project: &ProjectId, slot: &str, host: &str| {
            visiting.rules(project, &SlotName::parse(slot).unwrap(), &Hostname::parse(host).unwrap())
        };
        let production = of(&shop, "production", "shop.test").unwrap().gate.unwrap();
        assert_eq!((production.access, production.passwords.len()), (Access::Password, 1));
        assert_eq!(production.sign_in, "https://console.test/visit");
        let preview = of(&shop, "pr-7", "pr-7.shop.test").unwrap().gate.unwrap();
        assert_eq!((preview.access, preview.passwords.len()), (Access::Team, 0));
        assert_ne!(preview.key, production.key);
        assert_ne!(of(&shop, "production", "www.test").unwrap().gate.unwrap().key, production.key);
        let open = of(&blog, "production", "blog.test").unwrap();
        assert!(open.gate.is_none() && open.rate_limit.is_some(), "{open:?}");
        assert_eq!(of(&project(3), "production", "other.test"), None);
    }
}
