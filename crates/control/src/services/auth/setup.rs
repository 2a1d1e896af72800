//! The first administrator of an empty installation: by a one-time link, or by who started the program.

use pierhead_model::id::UserId;
use pierhead_store::{InstanceRole, User};
use secrecy::SecretString;

use super::{Auth, BrowserSession, Client, Principal, Tokens, Via};
use crate::access::password;
use crate::access::secret_token::{self, TokenKind};
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

const SETUP_SETTING: &str = "setup_link";

impl Auth {
    /// Makes the first admin by the one-time link, and signs in a program.
    pub async fn set_up(
        &self,
        link_token: &str,
        email: &str,
        password: SecretString,
        client: Client,
    ) -> Result<Tokens, Error> {
        let user = self.first_by_link(link_token, email, password).await?;
        self.open_session(&user, client).await
    }

    /// The same for a browser.
    pub async fn set_up_browser(
        &self,
        link_token: &str,
        email: &str,
        password: SecretString,
        client: Client,
    ) -> Result<BrowserSession, Error> {
        let user = self.first_by_link(link_token, email, password).await?;
        self.open_browser_session(&user, client).await
    }

    async fn first_by_link(
        &self,
        link_token: &str,
        email: &str,
        password: SecretString,
    ) -> Result<User, Error> {
        let stored = self.core.store.setting_get(SETUP_SETTING).await.stored()?;
        let fits =
            secret_token::is(TokenKind::Setup, link_token) && stored == Some(secret_token::hash(link_token));
        if !fits {
            return Err(Error::Unauthenticated { detail: "The set-up link is not valid any more." });
        }
        let user = self.create_first(email, password).await?;
        self.core.store.setting_delete(SETUP_SETTING).await.stored()?;
        let taken = || Error::Conflict { detail: "There is an administrator already.".into() };
        self.core.store.user_get(&user.ok_or_else(taken)?).await.stored()?.ok_or_else(taken)
    }

    /// Makes the first admin of an empty installation; `None` when it is not empty.
    pub async fn create_first(&self, email: &str, password: SecretString) -> Result<Option<UserId>, Error> {
        let email = email.trim().to_lowercase();
        if !email.contains('@') || email.len() > 320 {
            return Err(Error::invalid("/email", "is not an e-mail address"));
        }
        password::check(&password)?;
        if self.core.store.user_count().await.stored()? > 0 {
            return Ok(None);
        }
        let now = self.core.outside.now();
        let user = User {
            id: UserId::new(now, random_bits(&*self.core.outside)),
            name: email.split('@').next().unwrap_or_default().to_owned(),
            email,
            password_hash: self.passwords.hash(password).await?,
            role: InstanceRole::Admin,
            created_at: now,
            disabled_at: None,
            verified_at: Some(now),
        };
        let unit = self.core.store.begin().await.stored()?;
        if !unit.user_create_first(&user).await.stored()? {
            return Ok(None);
        }
        let principal = Principal::new(&user, Via::Setup, None);
        let deed = principal.does(&self.core, "account.create", (&user.id, &user.email));
        deed.after(serde_json::json!({ "email": user.email, "role": "admin" })).commit(unit).await?;
        Ok(Some(user.id))
    }

    /// A one-time token for [`Self::set_up`], when nobody has an account yet. An earlier one is void.
    pub async fn setup_token(&self) -> Result<Option<String>, Error> {
        if self.core.store.user_count().await.stored()? > 0 {
            return Ok(None);
        }
        let (token, hash) = secret_token::generate(TokenKind::Setup, &*self.core.outside);
        self.core.store.setting_delete(SETUP_SETTING).await.stored()?;
        self.core.store.setting_ensure(SETUP_SETTING, &hash).await.stored()?;
        Ok(Some(token))
    }
}
