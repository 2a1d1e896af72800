//! The post, as administrators see it: whether letters can be sent, and which were not.

use std::sync::Arc;
use std::time::Duration;

use pierhead_model::Timestamp;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::Letter;

/// How long an administrator waits for a letter to be taken.
const LIMIT: Duration = Duration::from_secs(20);
/// Letters in trouble that are shown.
const SHOWN: u64 = 20;

#[derive(Debug)]
pub struct Mailing(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct MailView {
    /// Where letters come from, and by which server they go; `None` when none can be sent.
    pub way: Option<(String, String)>,
    pub waiting: u64,
    pub given_up: u64,
    /// Those that were refused at least once, the newest first.
    pub troubles: Vec<LetterView>,
}

#[derive(Debug, Clone)]
pub struct LetterView {
    pub to: String,
    pub error: String,
    pub tries: u32,
    pub created_at: Timestamp,
    /// `None` when nobody tries any more.
    pub next_at: Option<Timestamp>,
}

impl Mailing {
    pub async fn show(&self, principal: &Principal) -> Result<MailView, Error> {
        principal.require_admin()?;
        let counts = self.0.store.letter_counts().await.stored()?;
        let troubles = self.0.store.letters_in_trouble(SHOWN).await.stored()?;
        let view = |it: pierhead_store::StoredLetter| LetterView {
            to: it.recipient,
            error: it.last_error.unwrap_or_default(),
            tries: it.tries,
            created_at: it.created_at,
            next_at: it.given_up_at.is_none().then_some(it.next_at),
        };
        Ok(MailView {
            way: self.0.access.mailer.as_ref().map(|mailer| mailer.describe()),
            waiting: counts.waiting,
            given_up: counts.given_up,
            troubles: troubles.into_iter().map(view).collect(),
        })
    }

    /// Sends a letter to who asks, at once and past the outbox, so that a mistake in the settings is told.
    pub async fn test(&self, principal: &Principal) -> Result<(), Error> {
        principal.require_admin()?;
        let Some(mailer) = &self.0.access.mailer else {
            let detail = "No letters can be sent here: set `mail.server` and `mail.from`.";
            return Err(Error::Conflict { detail: detail.into() });
        };
        let letter = Letter {
            to: principal.email.clone(),
            subject: "Pierhead can send letters".to_owned(),
            text: format!("This one was asked for at {}.\n", self.0.access.console_url),
        };
        let id = format!("test-{}", self.0.outside.now().as_millisecond());
        let sent = tokio::time::timeout(LIMIT, mailer.send(&id, &letter)).await;
        let failed = match sent {
            Ok(Ok(())) => {
                let unit = self.0.store.begin().await.stored()?;
                let deed = principal.does(&self.0, "mail.test", (&principal.user, &principal.email));
                return deed.commit(unit).await;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
        };
        let (_, server) = mailer.describe();
        Err(Error::Unavailable { detail: format!("The letter was not taken by {server}: {failed}.") })
    }
}
