//! Setting a password anew: by a letter to who forgot it, or by a link that an administrator hands over.

use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_store::{Unit, User};
use secrecy::{ExposeSecret as _, SecretString};

use super::auth::{Auth, Client, Principal, Via};
use crate::access::attempts::Attempts;
use crate::access::policy::shortened;
use crate::access::secret_token::{self, TokenKind};
use crate::access::{address, password};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::{self, Letter};

/// How long the link of a letter is good.
const BY_LETTER: SignedDuration = SignedDuration::from_hours(1);
/// How long an administrator's is: it has to reach somebody first.
const BY_HAND: SignedDuration = SignedDuration::from_hours(24);
const INVALID: Error = Error::Unauthenticated {
    detail: "The link is not good any more: it was used, replaced by a newer one, or has expired. Ask for another.",
};

#[derive(Debug)]
pub struct Resets {
    core: Arc<Core>,
    attempts: Attempts,
}

/// A link that is shown once.
#[derive(Debug, Clone)]
pub struct ResetLink {
    pub link: String,
    pub expires_at: Timestamp,
}

impl Resets {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, attempts: Attempts::default() }
    }

    /// Sends a letter to who forgot their password. Nobody learns whether the address has an account.
    pub async fn ask(&self, email: &str, client: Client) -> Result<(), Error> {
        if self.core.access.mailer.is_none() {
            let required = "an administrator: no letters can be sent here, they can make a link for you";
            return Err(Error::Forbidden { required: required.into() });
        }
        let email = address::parse(email).map_err(|detail| Error::invalid("/email", detail))?;
        self.attempts.count_visit(&email, client.ip, self.core.outside.now())?;
        // Afterwards: how long the answer takes does not tell whether there is an account.
        let core = Arc::clone(&self.core);
        tokio::spawn(async move {
            if let Err(error) = send_link(&core, email).await {
                tracing::warn!(%error, "a letter to set a password anew was not written");
            }
        });
        Ok(())
    }

    /// A link that an administrator hands over.
    pub async fn link_for(&self, principal: &Principal, who: &str) -> Result<ResetLink, Error> {
        principal.require_admin()?;
        let unit = self.core.store.begin().await.stored()?;
        let found = match who.parse() {
            Ok(id) => unit.user_get(&id).await.stored()?,
            Err(_) => unit.user_by_email(&who.to_lowercase()).await.stored()?,
        };
        let user = found.ok_or_else(|| Error::not_found("account", shortened(who)))?;
        let (token, expires_at) = token(&self.core, &unit, &user, BY_HAND).await?;
        let deed = principal.does(&self.core, "account.reset_link", (&user.id, &user.email));
        deed.commit(unit).await?;
        Ok(ResetLink { link: link(&self.core, &token), expires_at })
    }

    /// Sets the password of whose link it is, and signs them out everywhere: whoever had the old one is gone.
    pub async fn set(
        &self,
        auth: &Auth,
        token: &SecretString,
        new: SecretString,
        client: Client,
    ) -> Result<(), Error> {
        // Before the link is used up.
        password::check(&new)?;
        if !secret_token::is(TokenKind::Reset, token.expose_secret()) {
            return Err(INVALID);
        }
        let hash = auth.hash(new).await?;
        let now = self.core.outside.now();
        let unit = self.core.store.begin().await.stored()?;
        let token_hash = secret_token::hash(token.expose_secret());
        let id = unit.password_reset_take(&token_hash, now).await.stored()?.ok_or(INVALID)?;
        let user = unit.user_get(&id).await.stored()?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(INVALID)?;
        unit.user_password(&user.id, &hash).await.stored()?;
        unit.sessions_revoke_all(&user.id, now).await.stored()?;
        let principal = Principal::new(&user, Via::Reset, client.ip);
        principal.does(&self.core, "account.password", (&user.id, &user.email)).commit(unit).await
    }
}

async fn send_link(core: &Core, email: String) -> Result<(), Error> {
    let unit = core.store.begin().await.stored()?;
    let user = unit.user_by_email(&email).await.stored()?.filter(|user| user.disabled_at.is_none());
    let Some(user) = user else { return Ok(()) };
    let (token, _) = token(core, &unit, &user, BY_LETTER).await?;
    let text = format!(
        "Somebody, hopefully you, wants to set another password for this address.\n\
         Do so within an hour: {}\nIf it was not you, do nothing: nothing has changed.\n",
        link(core, &token)
    );
    let letter = Letter { to: email, subject: "Set another Pierhead password".to_owned(), text };
    mail::post(core, &unit, letter).await?;
    unit.commit().await.stored()?;
    core.signals.letters.raise();
    Ok(())
}

async fn token(
    core: &Core,
    unit: &Unit,
    user: &User,
    lifetime: SignedDuration,
) -> Result<(String, Timestamp), Error> {
    let now = core.outside.now();
    let (token, hash) = secret_token::generate(TokenKind::Reset, &*core.outside);
    let expires_at = now + lifetime;
    unit.password_reset_put(&user.id, &hash, now, expires_at).await.stored()?;
    Ok((token, expires_at))
}

fn link(core: &Core, token: &str) -> String {
    // Behind the `#`, so that no server and no log on the way sees it.
    format!("{}/console/reset#{token}", core.access.console_url)
}
