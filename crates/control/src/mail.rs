//! Letters to people. How they travel is handed in; without a way, links are shown to who asked for them.
//!
//! Nobody waits for the post: a letter is put into the outbox in the transaction of what it tells, sealed, and the reconciler
//! [`letters`](crate::reconcilers::letters) sends it. One that was sent in the moment of a crash is sent again, with the same id.

use async_trait::async_trait;
use pierhead_model::id::LetterId;
use pierhead_store::{StoredLetter, Unit};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

/// A letter, as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// An address.
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// Why a letter was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It will not be taken later either: there is no such address.
    #[error("{0}")]
    Refused(String),
    /// It may be taken later.
    #[error("{0}")]
    Passing(String),
}

/// Carries letters.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Returns when the next server has taken the letter over. `id` is the same each time that it is tried.
    async fn send(&self, id: &str, letter: &Letter) -> Result<(), MailError>;

    /// Where letters come from, and by which server they go: for administrators.
    fn describe(&self) -> (String, String);
}

/// What is sealed of a letter.
#[derive(Serialize, Deserialize)]
struct Inside {
    subject: String,
    text: String,
}

fn place(id: &LetterId) -> String {
    format!("letters/{id}")
}

/// Puts a letter into the outbox, when there is a way to send it; raise the signal `letters` after the commit.
pub(crate) async fn post(core: &Core, unit: &Unit, letter: Letter) -> Result<(), Error> {
    if core.access.mailer.is_none() {
        return Ok(());
    }
    let now = core.outside.now();
    let id = LetterId::new(now, random_bits(&*core.outside));
    let inside = Inside { subject: letter.subject, text: letter.text };
    let text = serde_json::to_string(&inside).map_err(Error::internal)?;
    let sealed = core.key.seal(&place(&id), &text, &*core.outside).map_err(Error::internal)?;
    let stored = StoredLetter {
        id,
        recipient: letter.to,
        sealed,
        created_at: now,
        next_at: now,
        tries: 0,
        last_error: None,
        given_up_at: None,
    };
    unit.letter_create(&stored).await.stored()
}

/// What a stored letter says.
pub(crate) fn open(core: &Core, stored: &StoredLetter) -> Result<Letter, Error> {
    let text = core.key.open(&place(&stored.id), &stored.sealed).map_err(Error::internal)?;
    let Inside { subject, text } = serde_json::from_str(text.expose_secret()).map_err(Error::internal)?;
    Ok(Letter { to: stored.recipient.clone(), subject, text })
}
