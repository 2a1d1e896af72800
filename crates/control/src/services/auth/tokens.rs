//! API tokens: made by people, used by machines, never mightier than who made them.

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::access::Scope;
use pierhead_model::id::TokenId;
use pierhead_store::{Token, Unit};

use super::{Auth, INVALID, Principal, Via};
use crate::access::policy::shortened;
use crate::access::secret_token::{self, TokenKind};
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

/// A token somebody wants.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// `None` is 90 days.
    pub expires_in_s: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct TokenView {
    pub id: TokenId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl Auth {
    pub(super) async fn authenticate_token(&self, bearer: &str, now: Timestamp) -> Result<Principal, Error> {
        let found =
            self.core.store.token_by_hash(&secret_token::hash(bearer)).await.stored()?.ok_or(INVALID)?;
        if found.revoked_at.is_some() {
            return Err(INVALID);
        }
        if found.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Error::TokenExpired);
        }
        // Once a minute is precise enough, and does not make every read a write.
        if found.last_used_at.is_none_or(|used| now.duration_since(used).as_secs() > 60) {
            self.core.store.token_used(&found.id, now).await.stored()?;
        }
        let scopes: Vec<Scope> = serde_json::from_str(&found.scopes).map_err(Error::internal)?;
        self.principal(&found.user, scopes.into_iter().collect(), Via::Token(found.id)).await
    }

    /// Makes an API token; the text is shown once.
    pub async fn token_create(
        &self,
        principal: &Principal,
        new: NewToken,
    ) -> Result<(String, TokenView), Error> {
        let unit = self.core.store.begin().await.stored()?;
        self.token_create_in(unit, principal, new).await
    }

    /// The same, together with what was written in `unit`.
    pub(crate) async fn token_create_in(
        &self,
        unit: Unit,
        principal: &Principal,
        new: NewToken,
    ) -> Result<(String, TokenView), Error> {
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.len() > 100 {
            return Err(Error::invalid("/name", "must have between 1 and 100 characters"));
        }
        if new.scopes.is_empty() {
            return Err(Error::invalid("/scopes", "name at least one of read, write, delete"));
        }
        // A token cannot make a mightier one.
        for scope in &new.scopes {
            principal.require(*scope)?;
        }
        let expires_in = new.expires_in_s.unwrap_or(90 * 24 * 3600).min(10 * 366 * 24 * 3600);
        let now = self.core.outside.now();
        let (text, hash) = secret_token::generate(TokenKind::Api, &*self.core.outside);
        let token = Token {
            id: TokenId::new(now, random_bits(&*self.core.outside)),
            user: principal.user.clone(),
            name,
            hash,
            scopes: serde_json::to_string(&new.scopes).map_err(Error::internal)?,
            created_at: now,
            expires_at: Some(now + SignedDuration::from_secs(i64::try_from(expires_in).unwrap_or(i64::MAX))),
            last_used_at: None,
            revoked_at: None,
        };
        let deed = principal.does(&self.core, "token.create", (&token.id, &token.name));
        unit.token_create(&token).await.stored()?;
        let told = serde_json::json!({ "scopes": new.scopes, "expires_at": token.expires_at });
        deed.after(told).commit(unit).await?;
        Ok((text, view(token)?))
    }

    pub async fn token_list(&self, principal: &Principal) -> Result<Vec<TokenView>, Error> {
        let tokens = self.core.store.token_list(&principal.user).await.stored()?;
        tokens.into_iter().map(view).collect()
    }

    pub async fn token_revoke(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        let parsed: TokenId = id.parse().map_err(|_| Error::not_found("token", shortened(id)))?;
        let now = self.core.outside.now();
        let unit = self.core.store.begin().await.stored()?;
        if !unit.token_revoke(&principal.user, &parsed, now).await.stored()? {
            return Err(Error::not_found("token", id));
        }
        principal.does(&self.core, "token.delete", (&parsed, &principal.email)).commit(unit).await
    }
}

fn view(token: Token) -> Result<TokenView, Error> {
    Ok(TokenView {
        id: token.id,
        name: token.name,
        scopes: serde_json::from_str(&token.scopes).map_err(Error::internal)?,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    })
}
