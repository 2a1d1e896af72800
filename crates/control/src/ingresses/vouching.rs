//! Certificates, and answers to authorities, on their way to every ingress.
//!
//! Unlike routes, they are levels: an ingress is told the difference to what it was told last, whenever it has time to listen, so a
//! slow one skips what was replaced meanwhile. Thousands of certificates go in pieces.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use pierhead_wire::ControlToIngress;
use pierhead_wire::certificate::Certificate;
use tokio::sync::watch;

/// Certificates in one message: some megabytes at most.
const IN_ONE_MESSAGE: usize = 256;

/// Every certificate that is served, by its id.
pub(crate) type Vouched = BTreeMap<String, Arc<Certificate>>;

/// The challenges that are open, and how often that has changed.
#[derive(Debug, Clone, Default)]
struct Challenges {
    version: u64,
    /// By token.
    answers: HashMap<String, String>,
}

#[derive(Debug)]
pub(super) struct Vouching {
    /// `None` until it is known what there is.
    vouched: watch::Sender<Option<Arc<Vouched>>>,
    challenges: watch::Sender<Challenges>,
}

impl Default for Vouching {
    fn default() -> Self {
        Self { vouched: watch::Sender::new(None), challenges: watch::Sender::new(Challenges::default()) }
    }
}

impl Vouching {
    pub(super) fn vouch(&self, vouched: Vouched) {
        self.vouched.send_if_modified(|now| {
            let differs = now.as_deref() != Some(&vouched);
            if differs {
                *now = Some(Arc::new(vouched));
            }
            differs
        });
    }

    /// Answers a challenge, or not any more. The number is that of this change.
    pub(super) fn answer(&self, token: &str, answer: Option<String>) -> u64 {
        let mut version = 0;
        self.challenges.send_modify(|challenges| {
            challenges.version += 1;
            version = challenges.version;
            match answer {
                Some(answer) => challenges.answers.insert(token.to_owned(), answer),
                None => challenges.answers.remove(token),
            };
        });
        version
    }

    /// For one ingress that was told nothing yet.
    pub(super) fn follow(&self) -> Follower {
        let (mut vouched, mut challenges) = (self.vouched.subscribe(), self.challenges.subscribe());
        vouched.mark_changed();
        if challenges.borrow_and_update().version > 0 {
            challenges.mark_changed();
        }
        Follower { vouched, challenges, told: None }
    }
}

/// What one ingress was told.
#[derive(Debug)]
pub(super) struct Follower {
    vouched: watch::Receiver<Option<Arc<Vouched>>>,
    challenges: watch::Receiver<Challenges>,
    told: Option<Arc<Vouched>>,
}

impl Follower {
    /// What there is to say next. `None` when nothing will ever be.
    pub(super) async fn next(&mut self) -> Option<Vec<ControlToIngress>> {
        tokio::select! {
            // Somebody waits for these.
            biased;
            changed = self.challenges.changed() => {
                changed.ok()?;
                let now = self.challenges.borrow_and_update().clone();
                Some(vec![ControlToIngress::Challenges { version: now.version, answers: now.answers }])
            }
            changed = self.vouched.changed() => {
                changed.ok()?;
                let Some(now) = self.vouched.borrow_and_update().clone() else { return Some(Vec::new()) };
                let messages = messages(self.told.as_deref(), &now);
                self.told = Some(now);
                Some(messages)
            }
        }
    }
}

/// What makes `now` of what was told.
fn messages(told: Option<&Vouched>, now: &Vouched) -> Vec<ControlToIngress> {
    let is_told = |id: &String, certificate: &Arc<Certificate>| {
        told.and_then(|told| told.get(id)).is_some_and(|known| known == certificate)
    };
    let new: Vec<Certificate> =
        now.iter().filter(|(id, it)| !is_told(id, it)).map(|(_, it)| Certificate::clone(it)).collect();
    let names = |vouched: &Vouched| -> BTreeSet<String> {
        vouched.values().flat_map(|certificate| certificate.names.iter().cloned()).collect()
    };
    let gone = told.map(|told| names(told).difference(&names(now)).cloned().collect()).unwrap_or_default();
    let mut whole = told.is_none();
    let mut removals: Vec<String> = gone;
    let mut messages = Vec::new();
    let mut pieces = new.chunks(IN_ONE_MESSAGE).map(<[Certificate]>::to_vec);
    loop {
        let piece = pieces.next();
        if piece.is_none() && !whole && removals.is_empty() {
            return messages;
        }
        messages.push(ControlToIngress::Certificates {
            whole: std::mem::take(&mut whole),
            certificates: piece.unwrap_or_default(),
            removals: std::mem::take(&mut removals),
        });
    }
}

#[cfg(test)]
mod tests {
    use pierhead_wire::certificate::PrivateKey;
    use proptest::prelude::*;

    use super::*;

    fn certificate(names: &[u8], version: u8) -> Arc<Certificate> {
        let names = names.iter().map(|name| format!("h{name}.test")).collect();
        Arc::new(Certificate { names, chain: version.to_string(), key: PrivateKey::new(String::new()) })
    }

    /// What an ingress serves after it heard these, as it takes them.
    fn heard(served: &mut BTreeMap<String, String>, messages: &[ControlToIngress]) {
        for message in messages {
            let ControlToIngress::Certificates { whole, certificates, removals } = message else { continue };
            if *whole {
                served.clear();
            }
            for name in removals {
                served.remove(name);
            }
            for certificate in certificates {
                served.extend(certificate.names.iter().map(|name| (name.clone(), certificate.chain.clone())));
            }
        }
    }

    /// By name; each name has one certificate, as what is vouched for is made.
    fn vouched(of: &BTreeMap<u8, (u8, u8)>) -> Vouched {
        let mut by_id: BTreeMap<(u8, u8), Vec<u8>> = BTreeMap::new();
        for (name, certificate) in of {
            by_id.entry(*certificate).or_default().push(*name);
        }
        by_id
            .into_iter()
            .map(|((id, version), names)| (format!("{id}-{version}"), certificate(&names, version)))
            .collect()
    }

    proptest! {
        #[test]
        fn an_ingress_ends_up_with_what_there_is(
            states in proptest::collection::vec(
                proptest::collection::btree_map(0_u8..12, (0_u8..4, 0_u8..3), 0..10), 1..6),
        ) {
            let (mut served, mut told) = (BTreeMap::from([("old.test".to_owned(), "x".to_owned())]), None);
            for state in &states {
                let now = vouched(state);
                heard(&mut served, &messages(told.as_ref(), &now));
                let expected: BTreeMap<String, String> =
                    state.iter().map(|(name, (_, version))| (format!("h{name}.test"), version.to_string())).collect();
                prop_assert_eq!(&served, &expected);
                told = Some(now);
            }
        }
    }

    #[test]
    fn thousands_go_in_pieces_and_nothing_new_is_no_message() {
        let all: Vouched = (0..600_u32).map(|id| (id.to_string(), certificate(&[], 0))).collect();
        let told = messages(None, &all);
        let wholes: Vec<bool> = told
            .iter()
            .map(|message| matches!(message, ControlToIngress::Certificates { whole: true, .. }))
            .collect();
        assert_eq!(wholes, [true, false, false]);
        assert_eq!(messages(Some(&all), &all), []);
        assert_eq!(messages(None, &Vouched::new()).len(), 1, "that there is none is said once");
    }
}
