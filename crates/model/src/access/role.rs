//! Roles in a team: named bundles of rights, in one table.

use serde::{Deserialize, Serialize};

use super::rights::{Kind, Rights, Scopes};

/// What somebody is in a team, from the mightiest down.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumIter,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Everything, and the only one who gives the team or its projects away.
    Owner,
    /// Everything but that.
    Admin,
    /// Changes and deploys projects; says neither who is in the team nor who else may.
    Developer,
    /// Looks.
    Viewer,
}

impl Role {
    /// What the role may do with what belongs to its team.
    pub fn rights(self) -> Rights {
        use Kind::{Deployment, Environment, Links, Members, Ownership, Project, Repository, Team};
        const NO: Scopes = Scopes::NONE;
        const R: Scopes = Scopes::READ;
        const RW: Scopes = Scopes::WRITE;
        const ALL: Scopes = Scopes::ALL;
        #[rustfmt::skip]
        let bundle = match self {
            Self::Owner     => [(Project, ALL), (Repository, ALL), (Deployment, ALL), (Links, ALL), (Members, ALL), (Team, ALL), (Environment, ALL), (Ownership, ALL)],
            Self::Admin     => [(Project, ALL), (Repository, ALL), (Deployment, ALL), (Links, ALL), (Members, ALL), (Team, RW),  (Environment, ALL), (Ownership, NO)],
            Self::Developer => [(Project, RW),  (Repository, RW),  (Deployment, ALL), (Links, RW),  (Members, R),   (Team, R),   (Environment, RW),  (Ownership, NO)],
            Self::Viewer    => [(Project, R),   (Repository, R),   (Deployment, R),   (Links, R),   (Members, R),   (Team, R),   (Environment, R),   (Ownership, NO)],
        };
        bundle.into_iter().fold(Rights::NONE, |rights, (kind, scopes)| rights.with_scopes(kind, scopes))
    }

    /// Whether this one may give the other role, or take it away: nobody makes somebody mightier than themselves.
    pub fn may_give(self, other: Self) -> bool {
        matches!(self, Self::Owner | Self::Admin) && self.rights().cover(other.rights())
    }
}
