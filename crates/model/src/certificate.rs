//! Certificates: which one a hostname is served with, and when the next one is ordered.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How a certificate came here.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CertificateSource {
    /// Ordered from an authority.
    Acme,
    /// Handed over by somebody, who renews it too.
    Uploaded,
}

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Validity {
    pub fn includes(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// When two thirds of its life are over: a month before the end of the usual 90 days, and early enough for one of six days.
    pub fn renew_at(&self) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before);
        self.not_before.checked_add(life / 3 * 2).unwrap_or(self.not_after)
    }
}

/// Whether a certificate's name stands for a hostname: itself, or one label in place of the star (RFC 6125).
pub fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name == host,
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
    }
}

/// How good a certificate is for a name it covers; the greatest is served.
///
/// One that somebody uploaded goes before one that was ordered, as long as it is good: it was uploaded for a reason.
pub fn preference(source: CertificateSource, validity: &Validity, now: Timestamp) -> (bool, bool, Timestamp) {
    (validity.includes(now), source == CertificateSource::Uploaded, validity.not_after)
}

/// Between orders that failed: a minute, then five times longer each, at most a day. Authorities bound failures per name and
/// hour, and what is wrong is mostly for somebody to repair.
pub fn pause_after(failures: u32) -> SignedDuration {
    let seconds = 60_i64.saturating_mul(5_i64.saturating_pow(failures.min(8)));
    SignedDuration::from_secs(seconds.min(24 * 3600))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(days * 86_400).unwrap()
    }

    #[test]
    fn a_star_is_exactly_one_label() {
        for (name, host, does) in [
            ("a.test", "a.test", true),
            ("a.test", "b.a.test", false),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "c.b.a.test", false),
            ("*.a.test", ".a.test", false),
            ("*.test", "a.test", true),
        ] {
            assert_eq!(covers(name, host), does, "{name} {host}");
        }
    }

    #[test]
    fn what_is_good_goes_first_then_what_was_uploaded_then_what_lasts_longest() {
        use CertificateSource::{Acme, Uploaded};
        let validity = |from, until| Validity { not_before: at(from), not_after: at(until) };
        let order = |one: (CertificateSource, Validity), other: (CertificateSource, Validity)| {
            preference(one.0, &one.1, at(50)) > preference(other.0, &other.1, at(50))
        };
        assert!(order((Uploaded, validity(0, 60)), (Acme, validity(0, 90))));
        assert!(order((Acme, validity(0, 90)), (Uploaded, validity(0, 49))), "expired");
        assert!(order((Acme, validity(40, 130)), (Acme, validity(0, 90))));
        assert!(order((Acme, validity(0, 90)), (Acme, validity(60, 150))), "not yet");
    }

    #[test]
    fn renewed_a_month_before_ninety_days_are_over() {
        assert_eq!(Validity { not_before: at(0), not_after: at(90) }.renew_at(), at(60));
        assert_eq!(Validity { not_before: at(0), not_after: at(6) }.renew_at(), at(4));
    }

    proptest! {
        #[test]
        fn pauses_grow_and_end_at_a_day(failures: u32) {
            let (this, next) = (pause_after(failures), pause_after(failures.saturating_add(1)));
            prop_assert!(this <= next && next <= SignedDuration::from_hours(24));
            prop_assert!(this >= SignedDuration::from_secs(60));
        }
    }
}
