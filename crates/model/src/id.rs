//! Typed identifiers.
//!
//! A deployment's id is also a host label, so it is short: ten characters of `a–z0–9`, the first of them a digit. Project
//! names may not look like that (see [`crate::name`]), which is why `<id>.<base domain>` and `<project>.<base domain>` can
//! never be the same hostname.
//!
//! Everything else is a prefix and 26 characters of Crockford's base 32 that sort by time. Randomness and time are arguments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidId {
    text: String,
    expected: &'static str,
}

impl InvalidId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

/// Ten characters of `a–z0–9` that start with a digit, such as `3x9mq2p7ab`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentId(String);

impl DeploymentId {
    pub const LENGTH: usize = 10;

    /// Makes an id from at least 64 random bits: about 50 of them are used (10 · 36⁹ ids).
    pub fn from_random(random: u64) -> Self {
        const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut rest = random;
        let mut text = String::with_capacity(Self::LENGTH);
        for position in 0..Self::LENGTH {
            let base = if position == 0 { 10 } else { 36 };
            text.push(char::from(ALPHABET[(rest % base) as usize]));
            rest /= base;
        }
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host label has the shape of a deployment's id.
    pub fn looks_like_one(label: &str) -> bool {
        label.len() == Self::LENGTH
            && label.starts_with(|c: char| c.is_ascii_digit())
            && label.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    }
}

impl FromStr for DeploymentId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if Self::looks_like_one(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::new(text, "a deployment id: ten characters of a-z and 0-9, starting with a digit"))
    }
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes an id that sorts by `time`.
            pub fn new(time: Timestamp, random: u128) -> Self {
                Self(format!(concat!($prefix, "_{}"), sortable(time, random)))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.strip_prefix(concat!($prefix, "_")) {
                    Some(rest) if is_sortable(rest) => Ok(Self(text.to_owned())),
                    _ => Err(InvalidId::new(text, concat!("an id that starts with `", $prefix, "_`"))),
                }
            }
        }

        id_texts!($name);
    )*};
}

macro_rules! id_texts {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id_texts!(DeploymentId);

typed_ids! {
    EnvironmentId = "env";
    /// One message of the outbox.
    EventId = "evt";
    GrantId = "grt";
    /// An account elsewhere that somebody signs in with.
    IdentityId = "idn";
    /// An ingress on a machine of its own.
    IngressId = "ing";
    /// One installation of Pierhead: nothing that carries another one is ever touched.
    InstallId = "ins";
    InvitationId = "inv";
    /// A letter on its way.
    LetterId = "ltr";
    NodeId = "nod";
    ProjectId = "prj";
    SlotId = "slt";
    TeamId = "tem";
    TokenId = "tok";
    UserId = "usr";
    VariableId = "var";
}

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 48 bits of milliseconds and 80 random bits, as 26 characters.
fn sortable(time: Timestamp, random: u128) -> String {
    let milliseconds = u128::try_from(time.as_millisecond()).unwrap_or(0) & ((1 << 48) - 1);
    let value = (milliseconds << 80) | (random & ((1 << 80) - 1));
    (0..26).rev().map(|digit| char::from(CROCKFORD[((value >> (digit * 5)) & 31) as usize])).collect()
}

fn is_sortable(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| CROCKFORD.contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_deployment_id_parses_back(random: u64) {
            let id = DeploymentId::from_random(random);
            prop_assert_eq!(id.as_str().parse::<DeploymentId>().unwrap(), id);
        }

        #[test]
        fn ids_sort_by_time(early in 0_i64..1 << 47, later in 1_i64..1 << 40, a: u128, b: u128) {
            let first = ProjectId::new(Timestamp::from_millisecond(early).unwrap(), a);
            let second = ProjectId::new(Timestamp::from_millisecond(early + later).unwrap(), b);
            prop_assert!(first < second);
            prop_assert_eq!(first.to_string().parse::<ProjectId>().unwrap(), first);
        }
    }

    #[test]
    fn one_kind_is_not_another() {
        let project = ProjectId::new(Timestamp::UNIX_EPOCH, 7);
        assert!(project.to_string().parse::<NodeId>().is_err());
        assert!("prj_short".parse::<ProjectId>().is_err());
        assert!("abcdefghij".parse::<DeploymentId>().is_err(), "must start with a digit");
        assert!("1ABCDEFGHI".parse::<DeploymentId>().is_err());
    }
}
