//! Who asks, and how they proved who they are.

use std::net::IpAddr;

use pierhead_model::access::{Scope, Scopes};
use pierhead_model::id::{IdentityId, InvitationId, TokenId, UserId};
use pierhead_store::{InstanceRole, User};

use crate::error::Error;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: InstanceRole,
    pub scopes: Scopes,
    pub via: Via,
    /// From where.
    pub ip: Option<IpAddr>,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    Session(TokenId),
    Token(TokenId),
    /// By the token of an invitation: only to make an account.
    Invitation(InvitationId),
    /// By an account elsewhere: only to link it, or to make an account.
    Identity(IdentityId),
    /// By asking for an account, where everybody may have one.
    SignUp,
    /// By a link to set a password anew.
    Reset,
    /// By confirming, in a browser, that a command line may act for them.
    Device,
    /// By the one-time link, or by who started the program.
    Setup,
}

impl Principal {
    /// Somebody who proved who they are otherwise than by a token with scopes.
    pub(crate) fn new(user: &User, via: Via, ip: Option<IpAddr>) -> Self {
        let User { id, email, name, role, .. } = user.clone();
        Self { user: id, email, name, role, scopes: Scopes::ALL, via, ip }
    }

    /// Refuses what the token does not include.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.include(scope) {
            return Ok(());
        }
        Err(Error::Forbidden { required: format!("the scope `{scope}`").into() })
    }

    /// Refuses everybody but an administrator of this installation.
    pub fn require_admin(&self) -> Result<(), Error> {
        match self.role {
            InstanceRole::Admin => Ok(()),
            InstanceRole::User => Err(Error::Forbidden { required: "the role `admin`".into() }),
        }
    }
}
