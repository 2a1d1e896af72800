//! Who somebody is: signing in, tokens, and what a token may do.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
pub use pierhead_model::access::{Scope, Scopes};
use pierhead_model::id::{IdentityId, InvitationId, TokenId, UserId};
pub use pierhead_store::InstanceRole;
use pierhead_store::{Session, Token, User};
use secrecy::{ExposeSecret, SecretString};

use crate::access::access_token::{self, AccessTokens, Subject, Verified};
use crate::access::attempts::Attempts;
use crate::access::password::{self, Passwords};
use crate::access::policy::shortened;
use crate::access::secret_token::{self, TokenKind};
use crate::access::token_keys::{self, TokenKey};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

/// 6 days.
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(6 * 24);
/// A refresh token that was just exchanged is answered once more: the first answer may have been lost.
const REFRESH_GRACE_S: i64 = 10;
const SETUP_SETTING: &str = "setup_link";
const WRONG: Error = Error::Unauthenticated { detail: "The address or the password is wrong." };
const INVALID: Error = Error::Unauthenticated { detail: "The token is not valid: sign in again." };

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
}

impl Principal {
    /// Refuses everybody but an administrator of this installation.
    pub fn require_admin(&self) -> Result<(), Error> {
        match self.role {
            InstanceRole::Admin => Ok(()),
            InstanceRole::User => Err(Error::Forbidden { required: "the role `admin`".into() }),
        }
    }
}

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

/// What a sign-in gives; shown once.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    pub expires_in_s: i64,
}

/// What a browser's sign-in gives.
#[derive(Debug)]
pub struct BrowserSession {
    /// For a cookie that no page can read.
    pub cookie: String,
    /// For the page, to send along with every change.
    pub csrf_token: String,
    pub lifetime_s: i64,
}

/// A token somebody wants.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// `None` is 90 days.
    pub expires_in_s: Option<u64>,
}

/// A sign-in on one device.
#[derive(Debug, Clone)]
pub struct SessionView {
    pub id: TokenId,
    /// Whether it is the one that asks.
    pub current: bool,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
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

    /// Signs in for a program: tokens that it keeps.
    pub async fn login(&self, email: &str, password: SecretString, client: Client) -> Result<Tokens, Error> {
        let user = self.proven(email, password, &client).await?;
        self.open_session(&user, client).await
    }

    /// Signs in for a browser: a cookie that no page can read.
    pub async fn login_browser(
        &self,
        email: &str,
        password: SecretString,
        client: Client,
    ) -> Result<BrowserSession, Error> {
        let user = self.proven(email, password, &client).await?;
        self.open_browser_session(&user, client).await
    }

    /// Makes the session of a browser: always a new one, whatever the browser had before.
    pub(crate) async fn open_browser_session(
        &self,
        user: &User,
        client: Client,
    ) -> Result<BrowserSession, Error> {
        let (cookie, hash) = secret_token::generate(TokenKind::Cookie, &*self.core.outside);
        let session = self.store_session(user, hash, client).await?;
        Ok(BrowserSession {
            cookie,
            csrf_token: self.csrf_token(&session),
            lifetime_s: REFRESH_LIFETIME.as_secs(),
        })
    }

    /// What a page proves with that a change comes from it: bound to its session.
    pub fn csrf_token(&self, session: &TokenId) -> String {
        self.core.key.derive(&format!("csrf/{session}"))
    }

    /// Whether what was sent along with a change is the token of this session.
    pub fn csrf_fits(&self, session: &TokenId, sent: &str) -> bool {
        secret_token::hash(&self.csrf_token(session)) == secret_token::hash(sent)
    }

    /// Whose password it is. Who does not exist takes as long.
    async fn proven(&self, email: &str, password: SecretString, client: &Client) -> Result<User, Error> {
        if password.expose_secret().len() > password::MAXIMUM || email.len() > 320 {
            return Err(Error::invalid("/password", "at most 1024 bytes"));
        }
        let (email, now) = (email.trim().to_lowercase(), self.core.outside.now());
        let who = format!("{email} {}", client.ip.map(|ip| ip.to_string()).unwrap_or_default());
        match self.attempts.wait_s(&who, now) {
            0 => {}
            retry_after_s => return Err(Error::RateLimited { retry_after_s }),
        }
        let user = self.core.store.user_by_email(&email).await.stored()?;
        // Who may not sign in any more is told the same as who never could.
        let user = user.filter(|user| user.disabled_at.is_none());
        // Who has no password is told the same, after the same time.
        let stored = user.as_ref().and_then(User::password);
        if !self.passwords.verify(password, stored).await? {
            self.attempts.failed(&who, now);
            return Err(WRONG);
        }
        self.attempts.succeeded(&who);
        user.ok_or(WRONG)
    }

    /// Makes the session of a sign-in: always a new one, whatever the browser had before.
    pub(crate) async fn open_session(&self, user: &User, client: Client) -> Result<Tokens, Error> {
        let (refresh_token, hash) = secret_token::generate(TokenKind::Refresh, &*self.core.outside);
        let session = self.store_session(user, hash, client).await?;
        self.tokens(&user.id, &session, refresh_token)
    }

    async fn store_session(&self, user: &User, token_hash: String, client: Client) -> Result<TokenId, Error> {
        let (core, now) = (&*self.core, self.core.outside.now());
        let session = Session {
            id: TokenId::new(now, random_bits(&*core.outside)),
            user: user.id.clone(),
            token_hash,
            previous: None,
            expires_at: now + REFRESH_LIFETIME,
            revoked_at: None,
            ip: client.ip.map(|ip| ip.to_string()),
            user_agent: client.user_agent.map(|agent| agent.chars().take(200).collect()),
            created_at: now,
        };
        let principal = Principal::new(user, Via::Session(session.id.clone()), client.ip);
        let unit = core.store.begin().await.stored()?;
        unit.session_create(&session).await.stored()?;
        principal.does(core, "session.create", (&session.id, &user.email)).commit(unit).await?;
        Ok(session.id)
    }

    fn tokens(&self, user: &UserId, session: &TokenId, refresh_token: String) -> Result<Tokens, Error> {
        let subject = Subject { user: user.clone(), session: session.clone() };
        let access_token = self.access_tokens.issue(subject, self.core.outside.now())?;
        Ok(Tokens { access_token, refresh_token, expires_in_s: access_token::LIFETIME_S })
    }

    /// Exchanges a refresh token. One that was exchanged before ends the whole session: somebody has a copy.
    pub async fn refresh(&self, refresh_token: &str, client: &Client) -> Result<Tokens, Error> {
        let (store, now) = (&self.core.store, self.core.outside.now());
        if !secret_token::is(TokenKind::Refresh, refresh_token) {
            return Err(INVALID);
        }
        let hash = secret_token::hash(refresh_token);
        let session = store.session_by_token(&hash).await.stored()?.ok_or(INVALID)?;
        if session.revoked_at.is_some() {
            return Err(INVALID);
        }
        if session.expires_at <= now {
            return Err(Error::TokenExpired);
        }
        if session.token_hash != hash {
            return self.refresh_again(&session, &hash, now, client).await;
        }
        let (new_token, new_hash) = secret_token::generate(TokenKind::Refresh, &*self.core.outside);
        let rotated = store
            .session_rotate(&session.id, &hash, &new_hash, now, now + REFRESH_LIFETIME)
            .await
            .stored()?;
        if !rotated {
            // Another request with the same token was faster.
            return Err(Error::Conflict {
                detail: "The token was just exchanged by another request.".into(),
            });
        }
        self.tokens(&session.user, &session.id, new_token)
    }

    /// A token that was exchanged before: the one before the newest may come again for a moment, every other one ends it all.
    async fn refresh_again(
        &self,
        session: &Session,
        hash: &str,
        now: Timestamp,
        client: &Client,
    ) -> Result<Tokens, Error> {
        let within_grace = session.previous.as_ref().is_some_and(|(previous, rotated_at)| {
            previous == hash && now.duration_since(*rotated_at).as_secs() <= REFRESH_GRACE_S
        });
        if !within_grace {
            tracing::warn!(session = %session.id, "a refresh token was used twice; its session is ended");
            let user = self.core.store.user_get(&session.user).await.stored()?.ok_or(INVALID)?;
            let principal = Principal::new(&user, Via::Session(session.id.clone()), client.ip);
            let unit = self.core.store.begin().await.stored()?;
            unit.session_revoke(&session.id, now).await.stored()?;
            principal.does(&self.core, "session.reused", (&session.id, &user.email)).commit(unit).await?;
            return Err(INVALID);
        }
        // The newest token is only known as a hash, so the caller gets a new one in its place.
        let (new_token, new_hash) = secret_token::generate(TokenKind::Refresh, &*self.core.outside);
        let newest = &session.token_hash;
        let rotated = self
            .core
            .store
            .session_rotate(&session.id, newest, &new_hash, now, now + REFRESH_LIFETIME)
            .await
            .stored()?;
        if rotated { self.tokens(&session.user, &session.id, new_token) } else { Err(INVALID) }
    }

    pub async fn logout(&self, principal: &Principal, everywhere: bool) -> Result<(), Error> {
        let now = self.core.outside.now();
        let unit = self.core.store.begin().await.stored()?;
        let deed = match &principal.via {
            _ if everywhere => {
                unit.sessions_revoke_all(&principal.user, now).await.stored()?;
                principal.does(&self.core, "session.delete_all", (&principal.user, &principal.email))
            }
            Via::Session(session) => {
                unit.session_revoke(session, now).await.stored()?;
                principal.does(&self.core, "session.delete", (session, &principal.email))
            }
            Via::Token(token) => {
                unit.token_revoke(&principal.user, token, now).await.stored()?;
                principal.does(&self.core, "token.delete", (token, &principal.email))
            }
            Via::Invitation(_) | Via::Identity(_) | Via::SignUp | Via::Reset | Via::Setup => return Ok(()),
        };
        deed.commit(unit).await
    }

    /// One's sign-ins that are still good, newest first.
    pub async fn session_list(&self, principal: &Principal) -> Result<Vec<SessionView>, Error> {
        let sessions =
            self.core.store.session_list(&principal.user, self.core.outside.now()).await.stored()?;
        let view = |session: Session| SessionView {
            current: principal.via == Via::Session(session.id.clone()),
            last_used_at: session.previous.map_or(session.created_at, |(_, rotated_at)| rotated_at),
            id: session.id,
            ip: session.ip,
            user_agent: session.user_agent,
            created_at: session.created_at,
            expires_at: session.expires_at,
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Ends one of one's sign-ins.
    pub async fn session_revoke(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        let not_found = || Error::not_found("session", shortened(id));
        let parsed: TokenId = id.parse().map_err(|_| not_found())?;
        let now = self.core.outside.now();
        let sessions = self.core.store.session_list(&principal.user, now).await.stored()?;
        let found = sessions.into_iter().find(|session| session.id == parsed).ok_or_else(not_found)?;
        let unit = self.core.store.begin().await.stored()?;
        unit.session_revoke(&found.id, now).await.stored()?;
        principal.does(&self.core, "session.delete", (&found.id, &principal.email)).commit(unit).await
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

    async fn authenticate_cookie(&self, cookie: &str, now: Timestamp) -> Result<Principal, Error> {
        let found = self.core.store.session_by_token(&secret_token::hash(cookie)).await.stored()?;
        let session = found.filter(|session| session.revoked_at.is_none()).ok_or(INVALID)?;
        if session.expires_at <= now {
            return Err(Error::TokenExpired);
        }
        // Once a day is precise enough, and does not make every read a write.
        if session.expires_at.duration_since(now) < REFRESH_LIFETIME - SignedDuration::from_hours(24) {
            self.core.store.session_extend(&session.id, now + REFRESH_LIFETIME).await.stored()?;
        }
        self.principal(&session.user, Scopes::ALL, Via::Session(session.id)).await
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

    async fn authenticate_token(&self, bearer: &str, now: Timestamp) -> Result<Principal, Error> {
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

    async fn principal(&self, user: &UserId, scopes: Scopes, via: Via) -> Result<Principal, Error> {
        let User { id, email, name, role, disabled_at, .. } =
            self.core.store.user_get(user).await.stored()?.ok_or(INVALID)?;
        if disabled_at.is_some() {
            return Err(INVALID);
        }
        Ok(Principal { user: id, email, name, role, scopes, via, ip: None })
    }

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

    /// Makes an API token; the text is shown once.
    pub async fn token_create(
        &self,
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
        let unit = self.core.store.begin().await.stored()?;
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
