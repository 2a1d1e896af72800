//! Hostnames: what belongs to what.
//!
//! | host | of |
//! | --- | --- |
//! | `<project>.<base domain>` | the production slot |
//! | `<slot>--<project>.<base domain>` | another slot |
//! | `<id>.<base domain>` | one deployment, for as long as it exists |
//! | `<step>.<slot>.<environment>.<domain>` | a public step of a slot that a pipeline made |
//!
//! The first three shapes exclude each other (see [`crate::name`] and [`crate::id`]), and each is one label below the base domain,
//! so one wildcard certificate covers them.

use serde::{Deserialize, Serialize};

use crate::id::DeploymentId;
use crate::name::{EnvironmentName, ProjectName, SlotName};
use crate::pipeline::StepName;

/// A DNS name in lower case, without port or trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(String);

/// The text is not a hostname.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a hostname: labels of a-z, 0-9 and `-` (at most 63 characters each) joined by dots, at most 253 in all"
)]
pub struct InvalidHostname(String);

impl Hostname {
    /// Parses what a person or a `Host` header says: upper case and one trailing dot are forgiven, nothing else.
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label_is_valid = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if name.len() > 253 || !name.split('.').all(label_is_valid) {
            return Err(InvalidHostname(text.chars().take(260).collect()));
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `other`, or a name inside of it.
    pub fn is_or_is_below(&self, other: &Self) -> bool {
        self.0.strip_suffix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The stable hostname of a slot.
    pub fn of_slot(slot: &SlotName, project: &ProjectName, base: &Self) -> Self {
        if slot.is_production() {
            return Self(format!("{project}.{base}"));
        }
        Self(format!("{slot}--{project}.{base}"))
    }

    /// The stable hostname of a public step of a slot in an environment.
    pub fn of_service(
        step: &StepName,
        slot: &SlotName,
        environment: &EnvironmentName,
        domain: &Self,
    ) -> Result<Self, InvalidHostname> {
        Self::parse(&format!("{step}.{slot}.{environment}.{domain}"))
    }

    /// The hostname of one deployment.
    pub fn of_deployment(deployment: &DeploymentId, base: &Self) -> Self {
        Self(format!("{deployment}.{base}"))
    }
}

impl std::fmt::Display for Hostname {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Hostname {
    type Error = InvalidHostname;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Hostname> for String {
    fn from(name: Hostname) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_a_host_header_says() {
        for (text, name) in
            [("Shop.Example.COM", "shop.example.com"), ("a.b.", "a.b"), ("localhost", "localhost")]
        {
            assert_eq!(Hostname::parse(text).unwrap().as_str(), name);
        }
        for bad in
            ["", ".", "a..b", "-a.b", "a-.b", "a b", "a/b", "a:80", "a\0", "é.de", "_x.y", &"a".repeat(64)]
        {
            assert!(Hostname::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_three_shapes() {
        let base = Hostname::parse("localhost").unwrap();
        let project = ProjectName::parse("shop").unwrap();
        let preview = SlotName::parse("pr-12").unwrap();
        assert_eq!(Hostname::of_slot(&SlotName::production(), &project, &base).as_str(), "shop.localhost");
        assert_eq!(Hostname::of_slot(&preview, &project, &base).as_str(), "pr-12--shop.localhost");
        let id: DeploymentId = "3x9mq2p7ab".parse().unwrap();
        assert_eq!(Hostname::of_deployment(&id, &base).as_str(), "3x9mq2p7ab.localhost");
    }
}
