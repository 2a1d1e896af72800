//! Whose node this is, and the highest epoch it has seen.
//!
//! Each start of a control plane has a higher epoch. A session of an older one (restored from a backup, or woken after a
//! long pause) is refused: its list of what should be is old, and following it would remove what is newer. Another install
//! is refused whatever its epoch.

use pierhead_model::id::{InstallId, NodeId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) install: InstallId,
    pub(crate) node: NodeId,
    pub(crate) epoch: u64,
}

/// Why a session cannot begin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fenced {
    #[error(
        "this node belongs to the install {ours}, not to {theirs}: use another data directory for each install, or remove \
         this one's `agent` folder to start anew"
    )]
    OtherInstall { ours: InstallId, theirs: InstallId },
    #[error(
        "this node is {ours} of this install, not {theirs}: it was registered twice; remove one of the two"
    )]
    OtherNode { ours: NodeId, theirs: NodeId },
    #[error(
        "this node has taken orders from epoch {seen} of the control plane, and this is epoch {offered}: another control \
         plane is running, or this one was restored from a backup"
    )]
    OlderEpoch { seen: u64, offered: u64 },
}

/// The identity to go on with, or why not.
pub(crate) fn admit(known: Option<&Identity>, offered: Identity) -> Result<Identity, Fenced> {
    let Some(known) = known else { return Ok(offered) };
    if known.install != offered.install {
        return Err(Fenced::OtherInstall { ours: known.install.clone(), theirs: offered.install });
    }
    if known.node != offered.node {
        return Err(Fenced::OtherNode { ours: known.node.clone(), theirs: offered.node });
    }
    if offered.epoch < known.epoch {
        return Err(Fenced::OlderEpoch { seen: known.epoch, offered: offered.epoch });
    }
    Ok(offered)
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    fn identity(install: u128, node: u128, epoch: u64) -> Identity {
        Identity {
            install: InstallId::new(Timestamp::UNIX_EPOCH, install),
            node: NodeId::new(Timestamp::UNIX_EPOCH, node),
            epoch,
        }
    }

    #[test]
    fn only_the_same_install_and_node_with_no_older_epoch() {
        let known = identity(1, 1, 5);
        assert_eq!(admit(None, known.clone()), Ok(known.clone()));
        assert_eq!(admit(Some(&known), identity(1, 1, 5)), Ok(identity(1, 1, 5)));
        assert_eq!(admit(Some(&known), identity(1, 1, 6)), Ok(identity(1, 1, 6)));
        assert_eq!(admit(Some(&known), identity(1, 1, 4)), Err(Fenced::OlderEpoch { seen: 5, offered: 4 }));
        assert!(matches!(admit(Some(&known), identity(2, 1, 9)), Err(Fenced::OtherInstall { .. })));
        assert!(matches!(admit(Some(&known), identity(1, 2, 9)), Err(Fenced::OtherNode { .. })));
    }
}
