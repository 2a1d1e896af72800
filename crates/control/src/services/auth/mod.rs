//! Who somebody is.
//!
//! | module | holds |
//! | --- | --- |
//! | [`principal`] | who asks, and how they proved it |
//! | [`sessions`] | signing in, refreshing, signing out |
//! | [`tokens`] | API tokens, for machines |
//! | [`setup`] | the first administrator |

mod principal;
mod sessions;
mod setup;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use pierhead_model::id::UserId;
use pierhead_store::User;
use secrecy::SecretString;

pub use self::principal::{Principal, Via};
pub use self::sessions::{BrowserSession, SESSION_LIFETIME_S, SessionView, Tokens};
pub use self::tokens::{NewToken, TokenView};
use crate::access::access_token::{AccessTokens, Verified};
use crate::access::attempts::Attempts;
use crate::access::password::{self, Passwords};
use crate::access::secret_token::{self, TokenKind};
use crate::access::token_keys::{self, TokenKey};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
pub use pierhead_model::access::{Scope, Scopes};
pub use pierhead_store::InstanceRole;

const INVALID: Error = Error::Unauthenticated { detail: "The token is not valid: sign in again." };

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

#[derive(Debug)]
pub struct Auth {
    core: Arc<Core>,
    passwords: Passwords,
    access_tokens: AccessTokens,
    attempts: Attempts,
}

impl Auth {
    pub(crate) fn new(core: Arc<Core>, keys: Vec<TokenKey>) -> Result<Self, Error> {
        let (passwords, access_tokens) = (Passwords::new()?, AccessTokens::new(keys));
        Ok(Self { core, passwords, access_tokens, attempts: Attempts::default() })
    }

    /// Hashes a password that was checked.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Error> {
        self.passwords.hash(password).await
    }

    /// Another password; every other sign-in of the account ends.
    pub async fn change_password(
        &self,
        principal: &Principal,
        old: SecretString,
        new: SecretString,
    ) -> Result<(), Error> {
        let now = self.core.outside.now();
        let who =
            format!("{} {}", principal.email, principal.ip.map(|ip| ip.to_string()).unwrap_or_default());
        match self.attempts.wait_s(&who, now) {
            0 => {}
            retry_after_s => return Err(Error::RateLimited { retry_after_s }),
        }
        let user = self.core.store.user_get(&principal.user).await.stored()?.ok_or(INVALID)?;
        if !self.passwords.verify(old, user.password()).await? {
            self.attempts.failed(&who, now);
            return Err(Error::invalid("/old_password", "is not the password of this account"));
        }
        password::check(&new)?;
        let hash = self.passwords.hash(new).await?;
        let unit = self.core.store.begin().await.stored()?;
        unit.user_password(&user.id, &hash).await.stored()?;
        unit.password_resets_forget(&user.id).await.stored()?;
        for session in unit.session_list(&user.id, now).await.stored()? {
            if principal.via != Via::Session(session.id.clone()) {
                unit.session_revoke(&session.id, now).await.stored()?;
            }
        }
        principal.does(&self.core, "account.password", (&user.id, &user.email)).commit(unit).await
    }

    /// Who a bearer token stands for: an access token or an API token.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal, Error> {
        let now = self.core.outside.now();
        if secret_token::is(TokenKind::Cookie, bearer) {
            return self.authenticate_cookie(bearer, now).await;
        }
        if secret_token::is(TokenKind::Api, bearer) {
            return self.authenticate_token(bearer, now).await;
        }
        let subject = match self.access_tokens.verify(bearer, now)? {
            Verified::Good(subject) => subject,
            Verified::UnknownKey => {
                self.access_tokens.replace(token_keys::load(&self.core).await?);
                match self.access_tokens.verify(bearer, now)? {
                    Verified::Good(subject) => subject,
                    Verified::UnknownKey => return Err(INVALID),
                }
            }
        };
        let session = self.core.store.session_get(&subject.session).await.stored()?.ok_or(INVALID)?;
        if session.revoked_at.is_some() || session.user != subject.user {
            return Err(INVALID);
        }
        self.principal(&subject.user, Scopes::ALL, Via::Session(subject.session)).await
    }

    /// Another key signs access tokens from now on; those that were signed before stay good until their time is over.
    pub async fn rotate_keys(&self, principal: &Principal) -> Result<(), Error> {
        principal.require_admin()?;
        let keys = token_keys::rotate(&self.core).await?;
        let unit = self.core.store.begin().await.stored()?;
        let id = keys.first().map(|key| key.id.clone()).unwrap_or_default();
        principal.does(&self.core, "token_keys.rotate", (&id, &id)).commit(unit).await?;
        self.access_tokens.replace(keys);
        Ok(())
    }

    pub(super) async fn principal(
        &self,
        user: &UserId,
        scopes: Scopes,
        via: Via,
    ) -> Result<Principal, Error> {
        let User { id, email, name, role, disabled_at, .. } =
            self.core.store.user_get(user).await.stored()?.ok_or(INVALID)?;
        if disabled_at.is_some() {
            return Err(INVALID);
        }
        Ok(Principal { user: id, email, name, role, scopes, via, ip: None })
    }
}
