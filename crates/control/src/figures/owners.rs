//! Whose the counts of a hostname are.

use std::collections::HashMap;

use pierhead_model::hostname::Hostname;
use pierhead_model::id::SlotId;

/// Hostnames that are shown no more and may still be counted: an ingress tells its last counts when they are gone.
const FORMER: usize = 5000;

/// The slot that a hostname shows, and which service of it; the empty name for what is no service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostOwner {
    pub(crate) slot: SlotId,
    pub(crate) service: String,
}

#[derive(Debug, Default)]
pub(crate) struct Owners {
    current: HashMap<Hostname, HostOwner>,
    former: HashMap<Hostname, HostOwner>,
}

impl Owners {
    pub(super) fn replace(&mut self, current: HashMap<Hostname, HostOwner>) {
        let before = std::mem::replace(&mut self.current, current);
        let gone = before.into_iter().filter(|(host, _)| !self.current.contains_key(host));
        let gone: Vec<_> = gone.collect();
        if self.former.len() + gone.len() > FORMER {
            self.former.clear();
        }
        self.former.extend(gone.into_iter().take(FORMER));
        self.former.retain(|host, _| !self.current.contains_key(host));
    }

    pub(super) fn of(&self, host: &Hostname) -> Option<HostOwner> {
        self.current.get(host).or_else(|| self.former.get(host)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    #[test]
    fn what_was_shown_a_moment_ago_still_has_its_owner() {
        let host = |name: &str| Hostname::parse(name).unwrap();
        let owner = |number: u64| HostOwner {
            slot: SlotId::new(Timestamp::UNIX_EPOCH, u128::from(number)),
            service: "web".to_owned(),
        };
        let mut owners = Owners::default();
        owners.replace([(host("a.test"), owner(1)), (host("b.test"), owner(2))].into());
        owners.replace([(host("b.test"), owner(3))].into());
        assert_eq!(owners.of(&host("a.test")), Some(owner(1)));
        assert_eq!(owners.of(&host("b.test")), Some(owner(3)));
        assert_eq!(owners.of(&host("c.test")), None);
        owners.replace((0..=FORMER).map(|number| (host(&format!("h{number}.test")), owner(4))).collect());
        owners.replace(HashMap::new());
        assert!(owners.former.len() <= FORMER);
    }
}
