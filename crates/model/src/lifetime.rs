//! How long a slot lives: its environment's lifetime unless its project says another, counted from the last activity.
//!
//! `production` is a place that people count on: it lives until somebody deletes it. Every other slot is a copy or a preview,
//! and is deleted with all it has when nobody needed it for that long. Whatever shows that somebody needs it (a visit, a
//! deployment, a clone made of it, a press of `extend`) begins the time anew; there is no hard maximum.

use jiff::SignedDuration;

use crate::Timestamp;
use crate::name::SlotName;

/// Longest lifetime that can be set, in seconds: 10 years.
pub const MAXIMUM_S: u32 = 10 * 365 * 24 * 60 * 60;
/// Shortest lifetime that can be set, in seconds: nobody could react to less.
pub const MINIMUM_S: u32 = 60;

/// A lifetime outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lifetime is 0 (for ever), or {MINIMUM_S} to {MAXIMUM_S} seconds")]
pub struct InvalidLifetime;

/// Whether a lifetime can be set. 0 is for ever.
pub const fn check(seconds: u32) -> Result<(), InvalidLifetime> {
    match seconds {
        0 | MINIMUM_S..=MAXIMUM_S => Ok(()),
        _ => Err(InvalidLifetime),
    }
}

/// The lifetimes that are set, the nearest first. `None` where nothing is said, 0 for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetimes {
    pub slot: Option<u32>,
    pub project: Option<u32>,
    pub environment: Option<u32>,
}

impl Lifetimes {
    /// What counts for a slot, in seconds; `None` for ever.
    pub fn of(&self, slot: &SlotName) -> Option<u32> {
        if slot.is_production() {
            return None;
        }
        self.slot.or(self.project).or(self.environment).filter(|seconds| *seconds > 0)
    }

    /// When a slot that was needed now expires.
    pub fn expiry(&self, slot: &SlotName, now: Timestamp) -> Option<Timestamp> {
        let lifetime = SignedDuration::from_secs(self.of(slot)?.into());
        Some(now.checked_add(lifetime).unwrap_or(Timestamp::MAX))
    }
}

/// Whether a slot is to be deleted. What is on its way in it is activity: it ends first, and begins the time anew.
pub fn is_expired(expires_at: Option<Timestamp>, in_progress: bool, now: Timestamp) -> bool {
    !in_progress && expires_at.is_some_and(|expires_at| expires_at <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_counts_and_production_stays() {
        let slot = SlotName::parse("qa").unwrap();
        let all = Lifetimes { slot: Some(1), project: Some(2), environment: Some(3) };
        assert_eq!(all.of(&slot), Some(1));
        assert_eq!(Lifetimes { slot: None, ..all }.of(&slot), Some(2));
        assert_eq!(Lifetimes { slot: None, project: None, ..all }.of(&slot), Some(3));
        assert_eq!(Lifetimes { project: Some(0), slot: None, ..all }.of(&slot), None, "0 is for ever");
        assert_eq!(Lifetimes::default().of(&slot), None);
        assert_eq!(all.of(&SlotName::production()), None);
    }

    #[test]
    fn it_ends_to_the_second_and_not_while_something_is_on_its_way() {
        let slot = SlotName::parse("qa").unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let expires_at = Lifetimes { slot: Some(60), ..Lifetimes::default() }.expiry(&slot, now);
        let after = |seconds| now + SignedDuration::from_secs(seconds);
        assert!(!is_expired(expires_at, false, after(59)));
        assert!(is_expired(expires_at, false, after(60)));
        assert!(!is_expired(expires_at, true, after(600)));
        assert!(!is_expired(None, false, after(i64::from(u32::MAX))));
        let endless = Lifetimes { slot: Some(u32::MAX), ..Lifetimes::default() };
        assert_eq!(endless.expiry(&slot, Timestamp::MAX), Some(Timestamp::MAX));
    }

    #[test]
    fn bounds() {
        assert!(check(0).is_ok() && check(60).is_ok() && check(MAXIMUM_S).is_ok());
        assert!(check(59).is_err() && check(MAXIMUM_S + 1).is_err());
    }
}
