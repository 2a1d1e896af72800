//! Names of projects, environments, slots and teams: host labels, parsed once.
//!
//! A slot's hostname is `<slot>--<project>.<base domain>` and a label has at most 63 characters, so a project has at most 36,
//! a slot at most 25, and neither contains `--`: two different pairs can then never join to the same label.

use serde::{Deserialize, Serialize};

use crate::id::DeploymentId;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("a {what}'s name cannot be empty")]
    Empty { what: &'static str },
    #[error(
        "`{name}` is too long for a {what}: at most {maximum} characters, because it becomes part of a hostname"
    )]
    TooLong { what: &'static str, name: String, maximum: usize },
    #[error(
        "`{name}` cannot name a {what}: use a-z, 0-9 and single `-`, starting and ending with a letter or digit"
    )]
    Characters { what: &'static str, name: String },
    #[error("`{name}` is reserved for the platform: choose another name")]
    Reserved { name: String },
    #[error(
        "`{name}` looks like a deployment's id (ten characters that start with a digit): choose another name"
    )]
    LooksLikeId { name: String },
}

/// First labels of hostnames that belong to the platform or that software looks up by convention.
const RESERVED: [&str; 34] = [
    "admin",
    "agent",
    "api",
    "app",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "cdn",
    "console",
    "dashboard",
    "docs",
    "git",
    "grafana",
    "hooks",
    "ingress",
    "isatap",
    "localhost",
    "login",
    "mail",
    "metrics",
    "mta-sts",
    "ns1",
    "ns2",
    "pierhead",
    "production",
    "registry",
    "smtp",
    "sso",
    "static",
    "status",
    "webhooks",
    "wpad",
    "www",
];

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($what:literal, $maximum:literal, $check:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub const MAXIMUM: usize = $maximum;

            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                check_label(text, $what, $maximum)?;
                let check: fn(&str) -> Result<(), InvalidName> = $check;
                check(text)?;
                Ok(Self(text.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The nearest valid name to any text: `Hello World!` becomes `hello-world`.
            pub fn from_text(text: &str) -> Option<Self> {
                Self::parse(&slug(text, $maximum)).ok()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

names! {
    ProjectName("project", 36, |name| {
        if RESERVED.contains(&name) {
            return Err(InvalidName::Reserved { name: name.to_owned() });
        }
        if DeploymentId::looks_like_one(name) {
            return Err(InvalidName::LooksLikeId { name: name.to_owned() });
        }
        Ok(())
    });
    SlotName("slot", 25, |_| Ok(()));
    EnvironmentName("environment", 36, |_| Ok(()));
    TeamName("team", 36, |_| Ok(()));
}

impl SlotName {
    /// The slot that a project's main hostname belongs to.
    pub fn production() -> Self {
        Self("production".to_owned())
    }

    pub fn is_production(&self) -> bool {
        self.0 == "production"
    }
}

impl EnvironmentName {
    /// The environment of the machine that `pierhead up` runs on.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

fn check_label(text: &str, what: &'static str, maximum: usize) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if text.len() > maximum {
        return Err(InvalidName::TooLong { what, name: text.chars().take(80).collect(), maximum });
    }
    let characters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !characters || text.starts_with('-') || text.ends_with('-') || text.contains("--") {
        return Err(InvalidName::Characters { what, name: text.to_owned() });
    }
    Ok(())
}

fn slug(text: &str, maximum: usize) -> String {
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if slug.len() == maximum {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_with_the_reason() {
        assert!(ProjectName::parse("shop").is_ok());
        assert!(ProjectName::parse("3d-viewer").is_ok());
        assert!(matches!(ProjectName::parse(""), Err(InvalidName::Empty { .. })));
        assert!(matches!(ProjectName::parse("api"), Err(InvalidName::Reserved { .. })));
        assert!(matches!(ProjectName::parse("1abcdefghi"), Err(InvalidName::LooksLikeId { .. })));
        assert!(matches!(ProjectName::parse(&"a".repeat(37)), Err(InvalidName::TooLong { .. })));
        for bad in ["Shop", "-a", "a-", "a--b", "a.b", "a_b", "é", "a b", "../x", "a\n"] {
            assert!(matches!(ProjectName::parse(bad), Err(InvalidName::Characters { .. })), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_slug_is_a_name_or_nothing(text in "\\PC{0,80}") {
            if let Some(name) = SlotName::from_text(&text) {
                prop_assert_eq!(SlotName::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn slot_and_project_join_unambiguously(
            a in "[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", b in "[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}",
            c in "[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", d in "[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}",
        ) {
            prop_assume!((&a, &b) != (&c, &d));
            prop_assert_ne!(format!("{a}--{b}"), format!("{c}--{d}"));
        }
    }
}
