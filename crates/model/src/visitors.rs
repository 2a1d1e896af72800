//! Who may visit what a project shows, and how often.
//!
//! Previews are everything but `production`: what is not finished is often not for everybody. A deployment's own hostname follows
//! the slot that it was deployed to.

use serde::{Deserialize, Serialize};

use crate::name::SlotName;

/// Most requests in a minute that can be set: more is no limit.
pub const MOST_PER_MINUTE: u32 = 1_000_000;
/// Longest wait before a browser is shown that a service wakes up, in seconds: no request is held for longer.
pub const LONGEST_WAKE_S: u32 = 60;
/// Passwords of one project.
pub const MOST_PASSWORDS: usize = 50;
/// Characters of a password's name.
pub const LONGEST_NAME: usize = 64;

/// Who is let in.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Access {
    #[default]
    Public,
    /// Who knows one of the project's passwords, and who may see the project.
    Password,
    /// Who may see the project.
    Team,
}

/// Requests of one address to one hostname.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// In the long run.
    pub per_minute: u32,
    /// At once, after a pause; ten seconds' worth when nothing is said.
    #[serde(default)]
    pub burst: Option<u32>,
}

impl RateLimit {
    /// How many may come at once.
    pub fn at_once(self) -> u32 {
        self.burst.unwrap_or(self.per_minute / 6).max(1)
    }
}

/// What a project says of its visitors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisitorRules {
    pub production: Access,
    pub previews: Access,
    pub rate_limit: Option<RateLimit>,
    /// How long a browser waits for a service that wakes up before it is shown a page that says so; the installation's when it is
    /// not said.
    pub wake_page_after_s: Option<u32>,
}

impl VisitorRules {
    /// Who may visit a slot.
    pub fn access(&self, slot: &SlotName) -> Access {
        if slot.is_production() { self.production } else { self.previews }
    }

    /// What cannot be: where, and why.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        if let Some(limit) = self.rate_limit {
            if !(1..=MOST_PER_MINUTE).contains(&limit.per_minute) {
                problems.push(("/rate_limit/per_minute", "must be between 1 and 1000000"));
            }
            if limit.burst.is_some_and(|burst| !(1..=MOST_PER_MINUTE).contains(&burst)) {
                problems.push(("/rate_limit/burst", "must be between 1 and 1000000"));
            }
        }
        if self.wake_page_after_s.is_some_and(|seconds| seconds > LONGEST_WAKE_S) {
            problems.push(("/wake_page_after_s", "must be at most 60 seconds"));
        }
        problems
    }
}

/// Whether a password can have this name, which a browser sends before a colon.
pub fn is_password_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_one_thing_and_everything_else_another() {
        let rules = VisitorRules { previews: Access::Team, ..VisitorRules::default() };
        for (slot, access) in
            [("production", Access::Public), ("preview", Access::Team), ("pr-7", Access::Team)]
        {
            assert_eq!(rules.access(&SlotName::parse(slot).unwrap()), access, "{slot}");
        }
    }

    #[test]
    fn bounds() {
        let with = |per_minute, burst, wake_page_after_s| VisitorRules {
            rate_limit: Some(RateLimit { per_minute, burst }),
            wake_page_after_s,
            ..VisitorRules::default()
        };
        for (rules, problems) in [
            (with(1, None, None), 0),
            (with(1_000_000, Some(1), Some(0)), 0),
            (with(0, None, Some(60)), 1),
            (with(1_000_001, Some(0), Some(61)), 3),
        ] {
            assert_eq!(rules.problems().len(), problems, "{rules:?}");
        }
        for (limit, at_once) in [((600, None), 100), ((3, None), 1), ((3, Some(9)), 9)] {
            assert_eq!(RateLimit { per_minute: limit.0, burst: limit.1 }.at_once(), at_once, "{limit:?}");
        }
    }

    #[test]
    fn names_that_fit_before_a_colon() {
        for (name, fits) in
            [("review", true), ("a.b-c_d@e", true), ("", false), ("a:b", false), ("ü", false), ("a b", false)]
        {
            assert_eq!(is_password_name(name), fits, "{name}");
        }
        assert!(!is_password_name(&"x".repeat(65)));
    }
}
