//! Signing a command line in by a browser (as RFC 8628): it shows a short code, a person who is signed in confirms it, and the
//! command line fetches a token of its own.
//!
//! The short code proves nothing: only who holds the long one, which is told to the command line alone, gets the token. It is good
//! for ten minutes, is answered once and fetched once. What the page shows of who asks (a name, an address) is theirs to claim;
//! so a person is asked to compare the code with the one in front of them.

use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::access::Scope;
use pierhead_store::{DeviceLogin, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::auth::{Auth, Client, NewToken, Principal, TokenView, Via};
use crate::access::attempts::Attempts;
use crate::access::secret_token::{self, TokenKind};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Between two questions of a command line.
const INTERVAL_S: u32 = 3;
/// Of the token that it gets.
const TOKEN_LIFETIME_S: u64 = 90 * 24 * 3600;
/// No vowels, so that it is no word; nothing that looks like something else.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// A code that is somebody's at this moment is drawn again; there are 25 thousand millions.
const DRAWS: usize = 5;

const OVER: Error = Error::Unauthenticated {
    detail: "This sign-in is over: it was used, took longer than ten minutes, or never was. Begin again.",
};

#[derive(Debug)]
pub struct Devices {
    core: Arc<Core>,
    attempts: Attempts,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct DeviceBegun {
    /// For the command line alone.
    pub device_code: String,
    pub user_code: String,
    /// Where it is confirmed.
    pub url: String,
    pub expires_in_s: u32,
    pub interval_s: u32,
}

/// What a person is asked to confirm.
#[derive(Debug, Clone)]
pub struct DeviceView {
    pub user_code: String,
    /// What it says it is.
    pub name: String,
    pub ip: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a command line is told when it asks.
#[derive(Debug)]
pub enum DeviceAnswer {
    /// Nobody has answered yet.
    Pending,
    Denied,
    Approved {
        token: String,
        view: TokenView,
        email: String,
    },
}

impl Devices {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, attempts: Attempts::default() }
    }

    /// Anybody may begin one; from one place only so many.
    pub async fn begin(&self, name: &str, client: Client) -> Result<DeviceBegun, Error> {
        let name: String = name.trim().chars().filter(|letter| !letter.is_control()).take(60).collect();
        if name.is_empty() {
            return Err(Error::invalid("/name", "say which machine it is, in up to 60 letters"));
        }
        let now = self.core.outside.now();
        let place = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
        self.attempts.count_visit(&format!("device {place}"), client.ip, now)?;
        let (device_code, device_hash) = secret_token::generate(TokenKind::Device, &*self.core.outside);
        let mut login = DeviceLogin {
            device_hash,
            user_code: String::new(),
            name,
            ip: client.ip.map(|ip| ip.to_string()),
            created_at: now,
            expires_at: now + LIFETIME,
            polled_at: None,
            answer: None,
        };
        for _ in 0..DRAWS {
            login.user_code = self.draw();
            let unit = self.core.store.begin().await.stored()?;
            match unit.device_login_create(&login).await {
                Err(StoreError::Taken { .. }) => continue,
                created => created.stored()?,
            }
            unit.commit().await.stored()?;
            let user_code = shown(&login.user_code);
            let url = format!("{}/console/device?code={user_code}", self.core.access.console_url);
            let expires_in_s = u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX);
            return Ok(DeviceBegun { device_code, user_code, url, expires_in_s, interval_s: INTERVAL_S });
        }
        Err(Error::Unavailable { detail: "There are too many sign-ins at this moment: try again.".into() })
    }

    /// What is behind a code that somebody typed.
    pub async fn show(&self, principal: &Principal, code: &str) -> Result<DeviceView, Error> {
        let login = self.find(principal, code).await?;
        let DeviceLogin { user_code, name, ip, created_at, expires_at, .. } = login;
        Ok(DeviceView { user_code: shown(&user_code), name, ip, created_at, expires_at })
    }

    /// A person's answer, which is their only one.
    pub async fn answer(&self, principal: &Principal, code: &str, approved: bool) -> Result<(), Error> {
        principal.require(Scope::Write)?;
        let login = self.find(principal, code).await?;
        // A token must not make another one that outlives it.
        if !matches!(principal.via, Via::Session(_)) {
            return Err(Error::Forbidden { required: "being signed in: a token cannot do this".into() });
        }
        let unit = self.core.store.begin().await.stored()?;
        if !unit.device_login_answer(&login.user_code, &principal.user, approved).await.stored()? {
            return Err(Error::Conflict { detail: "This sign-in was answered already.".into() });
        }
        let action = if approved { "device.approve" } else { "device.deny" };
        let deed = principal.does(&self.core, action, (&shown(&login.user_code), &login.name));
        deed.after(json!({ "ip": login.ip })).commit(unit).await
    }

    /// Whether there is an answer. A yes comes with a token, once.
    pub async fn poll(
        &self,
        auth: &Auth,
        device_code: &SecretString,
        client: Client,
    ) -> Result<DeviceAnswer, Error> {
        if !secret_token::is(TokenKind::Device, device_code.expose_secret()) {
            return Err(OVER);
        }
        let (now, hash) = (self.core.outside.now(), secret_token::hash(device_code.expose_secret()));
        let unit = self.core.store.begin().await.stored()?;
        let login = unit.device_login_by_device(&hash, now).await.stored()?.ok_or(OVER)?;
        let Some((user, approved)) = login.answer else {
            // A second of grace, for what happens on the way.
            let soonest = SignedDuration::from_secs(i64::from(INTERVAL_S) - 1);
            if login.polled_at.is_some_and(|polled_at| now.duration_since(polled_at) < soonest) {
                return Err(Error::RateLimited { retry_after_s: INTERVAL_S.into() });
            }
            unit.device_login_polled(&hash, now).await.stored()?;
            unit.commit().await.stored()?;
            return Ok(DeviceAnswer::Pending);
        };
        if !unit.device_login_take(&hash).await.stored()? {
            return Err(OVER);
        }
        if !approved {
            unit.commit().await.stored()?;
            return Ok(DeviceAnswer::Denied);
        }
        let user = unit.user_get(&user).await.stored()?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(OVER)?;
        let principal = Principal::new(&user, Via::Device, client.ip);
        let new = NewToken {
            name: format!("pierhead on {}", login.name),
            scopes: vec![Scope::Read, Scope::Write, Scope::Delete],
            expires_in_s: Some(TOKEN_LIFETIME_S),
        };
        let (token, view) = auth.token_create_in(unit, &principal, new).await?;
        Ok(DeviceAnswer::Approved { token, view, email: user.email })
    }

    /// The sign-in with this code. Guessing is limited, whoever does it.
    async fn find(&self, principal: &Principal, code: &str) -> Result<DeviceLogin, Error> {
        let (now, who) = (self.core.outside.now(), principal.user.to_string());
        match self.attempts.wait_s(&who, now) {
            0 => {}
            retry_after_s => return Err(Error::RateLimited { retry_after_s }),
        }
        let typed = |letter: &char| letter.is_ascii_alphanumeric();
        let code: String =
            code.chars().filter(typed).map(|letter| letter.to_ascii_uppercase()).take(64).collect();
        let found = self.core.store.device_login_by_code(&code, now).await.stored()?;
        match found.filter(|login| login.answer.is_none()) {
            Some(login) => Ok(login),
            None => {
                self.attempts.failed(&who, now);
                Err(Error::not_found("sign-in with the code", shown(&code)))
            }
        }
    }

    fn draw(&self) -> String {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let mut bytes = [0; LENGTH];
            self.core.outside.fill(&mut bytes);
            // 240 is the largest multiple of 20 in a byte: every letter is as likely as another.
            let fair = bytes.iter().filter(|byte| **byte < 240);
            let letters = fair.filter_map(|byte| LETTERS.get(usize::from(byte % 20)));
            code.extend(letters.map(|letter| char::from(*letter)).take(LENGTH - code.len()));
        }
        code
    }
}

/// `BCDF-GHJK`
fn shown(code: &str) -> String {
    match code.split_at_checked(LENGTH / 2) {
        Some((first, rest)) if !rest.is_empty() => format!("{first}-{rest}"),
        _ => code.to_owned(),
    }
}
