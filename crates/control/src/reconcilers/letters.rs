//! Every letter of the outbox is sent, or given up when three days of trying did not help.
//!
//! One letter at each look, so that stopping never waits for more than one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;

use super::Reconciler;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::{self, MailError};

const PERIOD: Duration = Duration::from_secs(60);
/// How long sending one may take; nobody else tries for longer than that.
const LIMIT: Duration = Duration::from_secs(20);
const CLAIMED: SignedDuration = SignedDuration::from_secs(60);
/// Most links are worthless then.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);
/// How long administrators see what was given up.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Debug)]
pub(crate) struct Letters(pub(crate) Arc<Core>);

#[async_trait]
impl Reconciler for Letters {
    fn name(&self) -> &'static str {
        "letters"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let (core, now) = (&*self.0, self.0.outside.now());
        let Some(mailer) = &core.access.mailer else { return Ok(None) };
        let Some(letter) = core.store.letter_next().await.stored()? else {
            core.store.letters_forget(now - KEPT).await.stored()?;
            return Ok(None);
        };
        if letter.next_at > now {
            return Ok(Duration::try_from(letter.next_at.duration_since(now)).ok());
        }
        if !core.store.letter_claim(&letter, now + CLAIMED).await.stored()? {
            return Ok(Some(Duration::ZERO));
        }
        let id = letter.id.to_string();
        let sent = match mail::open(core, &letter) {
            Ok(opened) => match tokio::time::timeout(LIMIT, mailer.send(&id, &opened)).await {
                Ok(sent) => sent,
                Err(_) => Err(MailError::Passing(format!("no answer within {} s", LIMIT.as_secs()))),
            },
            // Another master key: it will never open again.
            Err(error) => Err(MailError::Refused(error.to_string())),
        };
        let Err(error) = sent else {
            core.store.letter_delete(&letter.id).await.stored()?;
            return Ok(Some(Duration::ZERO));
        };
        let over = now.duration_since(letter.created_at) >= GIVEN_UP_AFTER;
        let given_up = (over || matches!(error, MailError::Refused(_))).then_some(now);
        tracing::warn!(letter = id, %error, given_up = given_up.is_some(), "a letter was not sent");
        let error: String = error.to_string().chars().take(500).collect();
        core.store.letter_failed(&letter.id, &error, now + pause(letter.tries), given_up).await.stored()?;
        Ok(Some(Duration::ZERO))
    }
}

/// How long to wait after so many tries: from five seconds, twice as long each time, up to an hour.
fn pause(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((5_i64 << tries.min(10)).min(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let seconds: Vec<i64> = [0, 1, 2, 8, 9, 10, u32::MAX].map(|tries| pause(tries).as_secs()).into();
        assert_eq!(seconds, [5, 10, 20, 1280, 2560, 3600, 3600]);
    }
}
