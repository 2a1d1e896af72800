//! The one decision: rights from ties, and a verdict from rights.

use strum::IntoEnumIterator as _;

use super::rights::{Kind, Permission, Rights, Scope, Scopes};
use super::role::Role;

/// Why somebody has rights on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It is theirs.
    Owner,
    /// It belongs to a team in which they have this role, or is that team.
    Member(Role),
    /// Their team, in which they have this role, was granted these scopes on it.
    Granted { role: Role, scopes: Scopes },
    /// It is open to everybody who is signed in: an environment without an owner.
    Open,
}

impl Tie {
    fn rights(self) -> Rights {
        match self {
            Self::Owner => Role::Owner.rights(),
            Self::Member(role) => role.rights(),
            Self::Granted { role, scopes } => role.rights().intersection(granted(scopes)),
            Self::Open => Rights::NONE.with_scopes(Kind::Environment, Scopes::WRITE),
        }
    }
}

/// What a grant can give at most: never who else may, and never the thing itself.
fn granted(scopes: Scopes) -> Rights {
    let scopes = scopes.granted();
    let work = [Kind::Project, Kind::Repository, Kind::Deployment, Kind::Links, Kind::Environment];
    let rights = work.into_iter().fold(Rights::NONE, |rights, kind| rights.with_scopes(kind, scopes));
    if scopes.include(Scope::Read) { rights.with(Permission(Kind::Members, Scope::Read)) } else { rights }
}

/// The rights of all ties together.
pub fn rights_of(ties: &[Tie]) -> Rights {
    ties.iter().fold(Rights::NONE, |rights, tie| rights.union(tie.rights()))
}

/// Who asks, as far as it matters for what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// An administrator of the installation has all rights on everything.
    pub admin: bool,
    /// What the token includes.
    pub token: Scopes,
}

/// What comes of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// They may see it, but this they may not do.
    Forbidden(Permission),
    /// For them it does not exist.
    Hidden,
}

impl Standing {
    /// What may be done with a kind of thing by somebody with these rights on it.
    pub fn scopes(self, rights: Rights, kind: Kind) -> Scopes {
        let may = |scope: &Scope| self.judge(rights, Permission(kind, *scope)) == Verdict::Allowed;
        Scope::iter().filter(may).collect()
    }

    /// Whether `needed` may be done by somebody with these rights on the thing.
    pub fn judge(self, rights: Rights, needed: Permission) -> Verdict {
        let rights = if self.admin { Rights::all() } else { rights };
        let Permission(kind, scope) = needed;
        // Who may look at none of it must not learn that it is there.
        let seen = [kind, Kind::Project, Kind::Team, Kind::Environment];
        if !seen.iter().any(|kind| rights.include(Permission(*kind, Scope::Read))) {
            return Verdict::Hidden;
        }
        if rights.include(needed) && self.token.include(scope) {
            Verdict::Allowed
        } else {
            Verdict::Forbidden(needed)
        }
    }
}
