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
#[error("{} (protocol {}) and {} (protocol {}) do not understand each other", .ours.release, .ours.protocol, .theirs.release, .theirs.protocol)]
pub struct Incompatible {
    pub ours: Version,
    pub theirs: Version,
}

impl Incompatible {
    /// Whether this side is the one to upgrade.
    pub const fn we_are_older(&self) -> bool {
        self.ours.protocol < self.theirs.protocol
    }
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
        Err(Incompatible { ours: self.clone(), theirs: other.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(protocol: u32, oldest: u32) -> Version {
        Version { protocol, oldest, release: format!("0.{protocol}") }
    }

    #[test]
    fn the_newest_common_protocol_or_a_refusal_that_knows_whom_to_upgrade() {
        assert_eq!(version(3, 1).negotiate(&version(2, 1)), Ok(2));
        assert!(!version(3, 3).negotiate(&version(2, 1)).unwrap_err().we_are_older());
        assert!(version(1, 1).negotiate(&version(3, 2)).unwrap_err().we_are_older());
    }
}
