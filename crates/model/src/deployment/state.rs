//! States and the table of legal transitions.

use serde::{Deserialize, Serialize};

/// Where a deployment is in its life.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Accepted and durable; waits for a node.
    Queued,
    Building,
    /// Built; its site is being published or its service started.
    Provisioning,
    /// Live. At most one per slot.
    Production,
    /// Was live, or was stopped.
    Inactive,
    /// Ended with a reason.
    Failed,
}

/// A kind of change; its data is in [`super::Event`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Transition {
    StartBuilding,
    /// A release is there: built, or an earlier one that is made live again.
    StartProvisioning,
    Promote,
    /// Another deployment of the slot went live, or the slot was stopped.
    Deactivate,
    Fail,
}

/// The state does not allow this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a deployment that is {from} cannot {transition}")]
pub struct IllegalTransition {
    pub from: State,
    pub transition: Transition,
}

impl State {
    /// The state after a transition; the one table of the lifecycle.
    pub fn after(self, transition: Transition) -> Result<Self, IllegalTransition> {
        use State::{Building, Failed, Inactive, Production, Provisioning, Queued};
        use Transition::{Deactivate, Fail, Promote, StartBuilding, StartProvisioning};
        match (self, transition) {
            (Queued, StartBuilding) => Ok(Building),
            (Queued | Building, StartProvisioning) => Ok(Provisioning),
            (Provisioning, Promote) => Ok(Production),
            (Production, Deactivate) => Ok(Inactive),
            (Queued | Building | Provisioning, Fail) => Ok(Failed),
            (from, transition) => Err(IllegalTransition { from, transition }),
        }
    }

    /// On its way: has a deadline, can be cancelled.
    pub const fn is_in_progress(self) -> bool {
        matches!(self, Self::Queued | Self::Building | Self::Provisioning)
    }

    /// Ended: can be deleted and redeployed.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Inactive | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    /// The lifecycle as PRODUCT words it, written a second time on purpose.
    const LEGAL: [(State, Transition, State); 8] = [
        (State::Queued, Transition::StartBuilding, State::Building),
        (State::Queued, Transition::StartProvisioning, State::Provisioning),
        (State::Building, Transition::StartProvisioning, State::Provisioning),
        (State::Provisioning, Transition::Promote, State::Production),
        (State::Production, Transition::Deactivate, State::Inactive),
        (State::Queued, Transition::Fail, State::Failed),
        (State::Building, Transition::Fail, State::Failed),
        (State::Provisioning, Transition::Fail, State::Failed),
    ];

    #[test]
    fn the_table_is_exactly_the_lifecycle() {
        for from in State::iter() {
            for transition in Transition::iter() {
                let expected = LEGAL.iter().find(|row| (row.0, row.1) == (from, transition)).map(|row| row.2);
                assert_eq!(from.after(transition).ok(), expected, "{from} {transition}");
            }
        }
    }

    #[test]
    fn a_state_never_goes_back() {
        for (from, _, to) in LEGAL {
            assert!(from < to, "{from} → {to}");
        }
    }
}
