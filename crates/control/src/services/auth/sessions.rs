//! Sign-ins, one per device: opened with a password, kept by a cookie or by refresh tokens, ended.

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::access::Scopes;
use pierhead_model::id::{TokenId, UserId};
use pierhead_store::{Session, User};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Auth, Client, INVALID, Principal, Via};
use crate::access::access_token::{self, Subject};
use crate::access::password;
use crate::access::policy::shortened;
use crate::access::secret_token::{self, TokenKind};
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

/// How long a session lives without use: 6 days.
pub const SESSION_LIFETIME_S: i64 = 6 * 24 * 3600;
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_secs(SESSION_LIFETIME_S);
/// A refresh token that was just exchanged is answered once more: the first answer may have been lost.
const REFRESH_GRACE_S: i64 = 10;
const WRONG: Error = Error::Unauthenticated { detail: "The address or the password is wrong." };

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

impl Auth {
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
        Ok(BrowserSession { cookie, csrf_token: self.csrf_token(&session), lifetime_s: SESSION_LIFETIME_S })
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
            Via::Invitation(_) | Via::Identity(_) | Via::SignUp | Via::Reset | Via::Device | Via::Setup => {
                return Ok(());
            }
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

    pub(super) async fn authenticate_cookie(&self, cookie: &str, now: Timestamp) -> Result<Principal, Error> {
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
}
