//! Which versions talk to each other.

use serde::{Deserialize, Serialize};

/// Counts up with each change that an older side would misunderstand.
pub const PROTOCOL: u32 = 1;
/// The oldest protocol this side still speaks.
pub const OLDEST: u32 = 1;

/// What each side says of itself first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub protocol: u32,
    pub oldest: u32,
    /// The release of the program, for people.
    pub release: String,
}

/// The two sides cannot understand each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this side is {ours} (protocol {our_protocol}), the other {theirs} (protocol {their_protocol}): upgrade the {older}"
)]
pub struct Incompatible {
    pub ours: String,
    pub our_protocol: u32,
    pub theirs: String,
    pub their_protocol: u32,
    pub older: &'static str,
}

impl Version {
    /// This build's version.
    pub fn current() -> Self {
        Self { protocol: PROTOCOL, oldest: OLDEST, release: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// The protocol both sides speak: the newest that both know.
    pub fn negotiate(&self, other: &Self) -> Result<u32, Incompatible> {
        let common = self.protocol.min(other.protocol);
        if common >= self.oldest && common >= other.oldest {
            return Ok(common);
        }
        Err(Incompatible {
            ours: self.release.clone(),
            our_protocol: self.protocol,
            theirs: other.release.clone(),
            their_protocol: other.protocol,
            older: if self.protocol < other.protocol { "former" } else { "latter" },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(protocol: u32, oldest: u32) -> Version {
        Version { protocol, oldest, release: format!("0.{protocol}") }
    }

    #[test]
    fn the_newest_common_protocol_or_a_refusal_that_says_whom_to_upgrade() {
        assert_eq!(version(3, 1).negotiate(&version(2, 1)), Ok(2));
        assert_eq!(version(3, 3).negotiate(&version(2, 1)).unwrap_err().older, "latter");
        assert_eq!(version(1, 1).negotiate(&version(3, 2)).unwrap_err().older, "former");
    }
}
