//! Custom domains: whose a hostname is, is what DNS says.
//!
//! A claim carries a proof that nobody else's claim has. Either the proof is in a TXT record beside the hostname, or the hostname
//! is an alias (CNAME) of a name that consists of the proof. So an alias that somebody forgot in their zone proves nothing to
//! whoever comes later, and a name that is sold moves to whoever puts their proof into the zone: a claim that holds a hostname
//! yields only when its own proof is gone and the other's is there.
//!
//! A DNS server that does not answer says nothing: nobody gains and nobody loses anything by it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hostname::Hostname;

/// Where the TXT record of a hostname is: this label before it.
pub const TXT_LABEL: &str = "_pierhead";
const TXT_PREFIX: &str = "pierhead-verification=";
/// How long the proof of a verified hostname may be missing before it is not served any more.
const LOST_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Between looks at a hostname that is proved.
const RECHECK_S: i64 = 6 * 3600;
/// Between looks at one that is not: doubled each time.
const FIRST_PAUSE_S: i64 = 10;
const LONGEST_PAUSE_S: i64 = 3600;
/// After so many looks in vain nobody is waiting for it any more; whoever is, asks.
const GIVEN_UP_AFTER: u32 = 200;

/// How far a claim has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DomainState {
    /// Nobody could look yet.
    Pending,
    /// The hostname is this project's, and is served.
    Verified,
    /// What is in DNS proves nothing.
    Failed,
}

/// Why a hostname cannot be claimed at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotClaimable {
    #[error("`{0}` is a single label: a domain has at least two, such as shop.example.com")]
    SingleLabel(Hostname),
    #[error("`{0}` is an address, not a name")]
    Address(Hostname),
    #[error("`{0}` is below `{1}`, which is never a domain of somebody")]
    SpecialUse(Hostname, &'static str),
    #[error("`{0}` belongs to the platform: it is `{1}` or below it")]
    Platform(Hostname, Hostname),
}

/// Top-level names that DNS gives to nobody (RFC 6761, 6762, 7686).
const SPECIAL: [&str; 5] = ["arpa", "invalid", "local", "localhost", "onion"];

/// Whether anybody may claim this hostname; `platform` are the names the platform itself is reached by.
pub fn claimable<'p>(
    host: &Hostname,
    platform: impl IntoIterator<Item = &'p Hostname>,
) -> Result<(), NotClaimable> {
    let text = host.as_str();
    let Some((_, top)) = text.rsplit_once('.') else { return Err(NotClaimable::SingleLabel(host.clone())) };
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotClaimable::Address(host.clone()));
    }
    if let Some(special) = SPECIAL.into_iter().find(|special| *special == top) {
        return Err(NotClaimable::SpecialUse(host.clone(), special));
    }
    match platform.into_iter().find(|own| host.is_or_is_below(own)) {
        Some(own) => Err(NotClaimable::Platform(host.clone(), own.clone())),
        None => Ok(()),
    }
}

/// A record that somebody has to put into their zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRecord {
    pub kind: &'static str,
    pub name: String,
    pub value: String,
}

/// Either of these proves a claim: the TXT record for every hostname, or the alias, which also leads visitors here.
pub fn records(host: &Hostname, proof: &str, base: &Hostname) -> [ZoneRecord; 2] {
    [
        ZoneRecord {
            kind: "TXT",
            name: format!("{TXT_LABEL}.{host}"),
            value: format!("{TXT_PREFIX}{proof}"),
        },
        ZoneRecord { kind: "CNAME", name: host.to_string(), value: format!("{proof}.{base}") },
    ]
}

/// What was asked of DNS, and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Records(Vec<String>),
    /// There is no such name, or it has no such record.
    Nothing,
    /// No server answered, or none could.
    Silence(String),
}

/// What DNS says about a hostname.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Of `_pierhead.<host>`.
    pub txt: Answer,
    /// Of the hostname itself.
    pub cname: Answer,
}

/// What a zone means for one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    Proved,
    Absent,
    Unknown,
}

impl Zone {
    /// Whether this proof is in the zone; an alias counts below any of `bases`.
    pub fn evidence(&self, proof: &str, bases: &[Hostname]) -> Evidence {
        let wanted = format!("{TXT_PREFIX}{proof}");
        let in_txt =
            matches!(&self.txt, Answer::Records(texts) if texts.iter().any(|text| text.trim() == wanted));
        let is_alias = |name: &String| {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.split_once('.')
                .is_some_and(|(first, rest)| first == proof && bases.iter().any(|base| base.as_str() == rest))
        };
        let in_cname = matches!(&self.cname, Answer::Records(names) if names.iter().any(is_alias));
        match (&self.txt, &self.cname) {
            _ if in_txt || in_cname => Evidence::Proved,
            (Answer::Silence(_), _) | (_, Answer::Silence(_)) => Evidence::Unknown,
            _ => Evidence::Absent,
        }
    }

    /// What is there, for somebody who wonders why it proves nothing.
    pub fn described(&self) -> String {
        let of = |kind: &str, answer: &Answer| match answer {
            Answer::Nothing => format!("no {kind} record"),
            Answer::Silence(why) => format!("no answer about {kind} ({why})"),
            Answer::Records(values) => {
                let shown: Vec<String> =
                    values.iter().take(3).map(|value| value.chars().take(120).collect()).collect();
                format!("{kind} {}", shown.join(", "))
            }
        };
        format!("{}; {}", of(&format!("TXT at {TXT_LABEL}"), &self.txt), of("CNAME", &self.cname))
    }
}

/// A claim, as far as a look at DNS may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub state: DomainState,
    /// Looks in vain, one after the other.
    pub tries: u32,
    /// Since when the proof of a verified hostname is missing.
    pub lost_since: Option<Timestamp>,
}

/// The claim that holds the hostname already, when it is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Nobody,
    /// And what the same zone says about its proof.
    Other(Evidence),
}

/// What becomes of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub standing: Standing,
    pub explanation: String,
    pub next_check_at: Timestamp,
    /// The one who held it before does not any more.
    pub displaces: bool,
}

/// Judges a claim by what was seen.
pub fn judge(
    claim: &Standing,
    evidence: Evidence,
    holder: Holder,
    described: &str,
    now: Timestamp,
) -> Verdict {
    let verified = |displaces| Verdict {
        standing: Standing { state: DomainState::Verified, tries: 0, lost_since: None },
        explanation: "the proof is there".to_owned(),
        next_check_at: later(now, RECHECK_S),
        displaces,
    };
    let in_vain = |state, lost_since, explanation: String| {
        let tries = claim.tries.saturating_add(1);
        Verdict {
            standing: Standing { state, tries, lost_since },
            explanation,
            next_check_at: if tries > GIVEN_UP_AFTER {
                Timestamp::MAX
            } else {
                later(now, pause_s(claim.tries))
            },
            displaces: false,
        }
    };
    match (evidence, holder) {
        (Evidence::Proved, Holder::Nobody) => verified(false),
        (Evidence::Proved, Holder::Other(Evidence::Absent)) => verified(true),
        (Evidence::Proved, Holder::Other(Evidence::Proved | Evidence::Unknown)) => {
            let explanation = "the proof is there, but the hostname is verified for another project, whose proof is not gone";
            in_vain(DomainState::Failed, None, explanation.to_owned())
        }
        (Evidence::Unknown, _) => {
            in_vain(claim.state, claim.lost_since, format!("DNS did not answer: {described}"))
        }
        (Evidence::Absent, _) if claim.state == DomainState::Verified => {
            let since = claim.lost_since.unwrap_or(now);
            let state = if now.duration_since(since) >= LOST_AFTER {
                DomainState::Failed
            } else {
                DomainState::Verified
            };
            in_vain(state, Some(since), format!("the proof is not there any more: {described}"))
        }
        (Evidence::Absent, _) => in_vain(DomainState::Failed, None, format!("found {described}")),
    }
}

fn pause_s(tries: u32) -> i64 {
    FIRST_PAUSE_S.saturating_mul(1_i64 << tries.min(16)).min(LONGEST_PAUSE_S)
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn zone(txt: &[&str], cname: &[&str]) -> Zone {
        let answer = |values: &[&str]| match values {
            [] => Answer::Nothing,
            _ => Answer::Records(values.iter().map(|value| (*value).to_owned()).collect()),
        };
        Zone { txt: answer(txt), cname: answer(cname) }
    }

    #[test]
    fn what_nobody_can_claim() {
        let platform = [host("apps.example.com"), host("console.test")];
        for (name, claimable_) in [
            ("shop.example.com", true),
            ("example.com", true),
            ("xapps.example.com", true),
            ("shop.test", true),
            ("apps.example.com", false),
            ("shop.apps.example.com", false),
            ("a.b.apps.example.com", false),
            ("console.test", false),
            ("shop", false),
            ("192.0.2.1", false),
            ("shop.localhost", false),
            ("printer.local", false),
            ("x.onion", false),
            ("1.2.0.192.in-addr.arpa", false),
        ] {
            assert_eq!(claimable(&host(name), &platform).is_ok(), claimable_, "{name}");
        }
    }

    #[test]
    fn only_ones_own_proof_counts() {
        let bases = [host("apps.example.com"), host("eu.example.com")];
        for (zone, evidence) in [
            (zone(&[], &[]), Evidence::Absent),
            (zone(&["pierhead-verification=mine"], &[]), Evidence::Proved),
            (zone(&["v=spf1", " pierhead-verification=mine "], &["other.example"]), Evidence::Proved),
            (zone(&["pierhead-verification=theirs"], &[]), Evidence::Absent),
            (zone(&["mine"], &[]), Evidence::Absent),
            (zone(&[], &["mine.apps.example.com."]), Evidence::Proved),
            (zone(&[], &["MINE.eu.Example.com"]), Evidence::Proved),
            (zone(&[], &["shop.apps.example.com."]), Evidence::Absent),
            (zone(&[], &["mine.example.com"]), Evidence::Absent),
            (Zone { txt: Answer::Silence("timed out".into()), cname: Answer::Nothing }, Evidence::Unknown),
            (
                Zone {
                    txt: Answer::Silence("timed out".into()),
                    cname: Answer::Records(vec!["mine.apps.example.com".into()]),
                },
                Evidence::Proved,
            ),
        ] {
            assert_eq!(zone.evidence("mine", &bases), evidence, "{}", zone.described());
        }
    }

    #[test]
    fn a_hostname_moves_only_when_the_zone_says_so() {
        let new = Standing { state: DomainState::Pending, tries: 0, lost_since: None };
        for (evidence, holder, state, displaces) in [
            (Evidence::Proved, Holder::Nobody, DomainState::Verified, false),
            (Evidence::Proved, Holder::Other(Evidence::Absent), DomainState::Verified, true),
            (Evidence::Proved, Holder::Other(Evidence::Proved), DomainState::Failed, false),
            (Evidence::Proved, Holder::Other(Evidence::Unknown), DomainState::Failed, false),
            (Evidence::Absent, Holder::Nobody, DomainState::Failed, false),
            (Evidence::Unknown, Holder::Nobody, DomainState::Pending, false),
        ] {
            let verdict = judge(&new, evidence, holder, "nothing", at(0));
            assert_eq!(
                (verdict.standing.state, verdict.displaces),
                (state, displaces),
                "{evidence:?} {holder:?}"
            );
        }
    }

    #[test]
    fn a_lost_proof_is_forgiven_for_a_week_and_silence_for_ever() {
        let mut claim = Standing { state: DomainState::Verified, tries: 0, lost_since: None };
        let look = |claim: &Standing, evidence, day: i64| {
            judge(claim, evidence, Holder::Nobody, "nothing", at(day * 86_400)).standing
        };
        claim = look(&claim, Evidence::Absent, 0);
        assert_eq!((claim.state, claim.lost_since), (DomainState::Verified, Some(at(0))));
        claim = look(&claim, Evidence::Unknown, 30);
        assert_eq!(claim.state, DomainState::Verified, "silence takes nothing away");
        let back = look(&claim, Evidence::Proved, 31);
        assert_eq!((back.state, back.lost_since, back.tries), (DomainState::Verified, None, 0));
        assert_eq!(look(&claim, Evidence::Absent, 6).state, DomainState::Verified);
        assert_eq!(look(&claim, Evidence::Absent, 7).state, DomainState::Failed);
    }

    proptest! {
        /// Looks get rarer, never stop within the first days, and never come at once.
        #[test]
        fn looks_in_vain_get_rarer(tries in 0_u32..=u32::MAX) {
            let claim = Standing { state: DomainState::Failed, tries, lost_since: None };
            let verdict = judge(&claim, Evidence::Absent, Holder::Nobody, "", at(0));
            prop_assert!(verdict.next_check_at >= at(FIRST_PAUSE_S));
            prop_assert!(tries >= GIVEN_UP_AFTER || verdict.next_check_at <= at(LONGEST_PAUSE_S));
        }

        /// Without a proof in the zone nobody ever gets a hostname.
        #[test]
        fn nothing_but_the_proof_verifies(txt in ".{0,60}", cname in ".{0,60}") {
            prop_assume!(!txt.contains("0123456789abcdef") && !cname.contains("0123456789abcdef"));
            let seen = zone(&[&txt], &[&cname]);
            prop_assert_eq!(seen.evidence("0123456789abcdef", &[host("apps.example.com")]), Evidence::Absent);
        }
    }
}
