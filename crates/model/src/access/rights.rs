//! Permissions and sets of them.

use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;

/// What somebody wants to do with a thing.
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
    strum::EnumIter,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    Read,
    Write,
    Delete,
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A project: its settings, variables and pipeline.
    Project,
    /// Where a project's files come from: its repository, its webhooks and keys.
    Repository,
    /// Deployments of a project, its slots and logs.
    Deployment,
    /// Hostnames of a project and their certificates.
    Links,
    /// Who else may: members, invitations, grants.
    Members,
    /// A team itself.
    Team,
    /// An environment: to write is to deploy there.
    Environment,
    /// Giving the whole away.
    Ownership,
}

/// A kind of thing, and what somebody wants to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission(pub Kind, pub Scope);

impl Permission {
    const fn bit(self) -> u32 {
        1 << (self.0 as u32 * 3 + self.1 as u32)
    }

    /// Every one there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::iter().flat_map(|kind| Scope::iter().map(move |scope| Self(kind, scope)))
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u32);

impl Rights {
    pub const NONE: Self = Self(0);

    /// Everything.
    pub fn all() -> Self {
        Permission::all().fold(Self::NONE, Self::with)
    }

    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | permission.bit())
    }

    /// With these scopes of one kind.
    #[must_use]
    pub const fn with_scopes(self, kind: Kind, scopes: Scopes) -> Self {
        Self(self.0 | (scopes.0 as u32) << (kind as u32 * 3))
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub const fn include(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether all of `other` is included.
    pub const fn cover(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A set of scopes: what a grant or a token includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    pub const NONE: Self = Self(0);
    /// The bundle `read-only`.
    pub const READ: Self = Self(1);
    pub const WRITE: Self = Self(0b011);
    /// The bundle `full-access`.
    pub const ALL: Self = Self(0b111);

    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// What a grant of these includes: who may change or delete a thing may also look at it.
    #[must_use]
    pub const fn granted(self) -> Self {
        if self.0 == 0 { self } else { self.with(Scope::Read) }
    }

    pub const fn include(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::iter().filter(move |scope| self.include(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}
