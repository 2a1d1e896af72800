//! What is to be told is told: at least once, each receiver at its own pace, for a day, and then it is given up.
//!
//! What is being sent is known in memory only: after a restart it is simply due, and its id tells the receiver that it may have
//! it already.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::notice::{Circumstances, NoticeFormat, pause_after};
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_store::{NoticeEndpoint, NoticeState, StoredNotice};
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;
use url::Url;

use super::{Reconciler, Signal};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::{Letter, MailError};
use crate::outgoing::Answered;
use crate::services::{deployments, notices};
use crate::sources::signature;

/// Requests at a time, one for each receiver.
const AT_ONCE: usize = 16;
/// How long a letter may take.
const LETTER: Duration = Duration::from_secs(20);
/// How long it is remembered what was told.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

type Key = (ProjectId, CatalogueName);

/// Tells what happened.
#[derive(Debug)]
pub(crate) struct Notices {
    core: Arc<Core>,
    running: Mutex<JoinSet<()>>,
    busy: Arc<Mutex<HashSet<Key>>>,
    pruned_at: Mutex<Option<Timestamp>>,
}

/// A receiver that is being told something. However that ends, it may be told the next.
struct Busy {
    key: Key,
    all: Arc<Mutex<HashSet<Key>>>,
    ended: Signal,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
        self.ended.raise();
    }
}

impl Notices {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, running: Mutex::default(), busy: Arc::default(), pruned_at: Mutex::default() }
    }

    async fn prune(&self, now: Timestamp) -> Result<(), Error> {
        {
            let mut pruned_at = self.pruned_at.lock();
            if pruned_at.is_some_and(|at| now.duration_since(at) < jiff::SignedDuration::from_hours(1)) {
                return Ok(());
            }
            *pruned_at = Some(now);
        }
        self.core.store.notices_prune(now - REMEMBERED).await.stored().map(drop)
    }

    fn begin(&self, notice: StoredNotice) {
        let mut running = self.running.lock();
        while running.try_join_next().is_some() {}
        let key = (notice.project.clone(), notice.endpoint.clone());
        {
            let mut busy = self.busy.lock();
            if busy.len() >= AT_ONCE || !busy.insert(key.clone()) {
                return;
            }
        }
        let busy = Busy { key, all: Arc::clone(&self.busy), ended: self.core.signals.notices.clone() };
        let core = Arc::clone(&self.core);
        running.spawn(async move {
            if let Err(error) = tell(&core, notice).await {
                let error = super::driver::Chain(&error).to_string();
                tracing::warn!(error, "what came of a notification could not be written down");
            }
            drop(busy);
        });
    }
}

#[async_trait]
impl Reconciler for Notices {
    fn name(&self) -> &'static str {
        "notices"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let now = self.core.outside.now();
        self.prune(now).await?;
        // Those that are being told something are due as well, so more are read than can begin.
        for notice in self.core.store.notices_due(now, 2 * AT_ONCE as u64).await.stored()? {
            self.begin(notice);
        }
        let next = self.core.store.notices_next().await.stored()?;
        Ok(next.filter(|next| *next > now).map(|next| next.duration_since(now).unsigned_abs()))
    }
}

/// One attempt.
async fn tell(core: &Core, notice: StoredNotice) -> Result<(), Error> {
    let endpoint = core.store.notice_endpoint(&notice.project, &notice.endpoint).await.stored()?;
    let Some(endpoint) = endpoint else { return Ok(()) };
    let outcome = attempt(core, &endpoint, &notice).await?;
    let now = core.outside.now();
    let attempts = notice.attempts.saturating_add(1);
    let (state, answer, next) = judge(outcome, attempts);
    let next = next.map(|pause| now.checked_add(pause).unwrap_or(Timestamp::MAX));
    core.store.notice_tried(&notice, (state, &answer), (now, next)).await.stored()
}

/// What follows from an attempt: what it came to, the same for people, and when the next one is.
fn judge(outcome: Result<Answered, String>, attempts: u32) -> (NoticeState, String, Option<Duration>) {
    let (said, asked) = match outcome {
        Ok(Answered { status, .. }) if (200..300).contains(&status) => {
            return (NoticeState::Delivered, format!("it answered {status}"), None);
        }
        Ok(Answered { status: 410, .. }) => {
            let said = "it answered 410: it is gone, and nothing is sent again".to_owned();
            return (NoticeState::Failed, said, None);
        }
        Ok(Answered { status: 550, .. }) => {
            let said = "the address was refused: nothing is sent again".to_owned();
            return (NoticeState::Failed, said, None);
        }
        Ok(Answered { status, retry_after }) => (format!("it answered {status}"), retry_after),
        Err(why) => (why, None),
    };
    match pause_after(attempts) {
        Some(pause) => (NoticeState::Pending, said, Some(asked.map_or(pause, |asked| asked.max(pause)))),
        None => (NoticeState::Failed, format!("{said}; given up after {attempts} attempts"), None),
    }
}

async fn attempt(
    core: &Core,
    endpoint: &NoticeEndpoint,
    notice: &StoredNotice,
) -> Result<Result<Answered, String>, Error> {
    let body = match &notice.body {
        Some(body) => body.clone(),
        None => {
            let known = circumstances(core, notice).await?;
            let body = notice.notice.body(endpoint.format, &known).to_string();
            core.store.notice_compose(notice, &body).await.stored()?;
            body
        }
    };
    let (url, secret) = notices::opened(core, endpoint)?;
    if endpoint.format == NoticeFormat::Email {
        return posted(core, notice, url.expose_secret(), &body).await;
    }
    let Ok(url) = Url::parse(url.expose_secret()) else { return Ok(Err("its address is none".to_owned())) };
    let mut headers = Vec::new();
    if let (NoticeFormat::Standard, Some(secret)) = (endpoint.format, secret) {
        let timestamp = core.outside.now().as_second().to_string();
        let id = format!("{}.{}", notice.id, endpoint.name);
        let signed = signature::sign(secret.expose_secret(), body.as_bytes(), &id, &timestamp);
        headers.push(("webhook-signature", format!("v1,{}", BASE64.encode(signed))));
        headers.push(("webhook-id", id));
        headers.push(("webhook-timestamp", timestamp));
    }
    Ok(core.outgoing.post(&url, &headers, body).await)
}

/// A letter. Its id is the same each time, so that whoever gets it twice sees one.
async fn posted(
    core: &Core,
    notice: &StoredNotice,
    to: &str,
    body: &str,
) -> Result<Result<Answered, String>, Error> {
    #[derive(serde::Deserialize)]
    struct Words {
        subject: String,
        text: String,
    }
    let Words { subject, text } = serde_json::from_str(body).map_err(Error::internal)?;
    let Some(mailer) = &core.access.mailer else { return Ok(Err("no letters can be sent here".to_owned())) };
    let id = format!("{}.{}.{}", notice.project, notice.endpoint, notice.id);
    let letter = Letter { to: to.to_owned(), subject, text };
    let sent = tokio::time::timeout(LETTER, mailer.send(&id, &letter)).await;
    let answered = |status| Ok(Answered { status, retry_after: None });
    Ok(match sent {
        // In the words of SMTP.
        Ok(Ok(())) => answered(250),
        Ok(Err(MailError::Refused(_))) => answered(550),
        Ok(Err(MailError::Passing(why))) => Err(why),
        Err(_) => Err(format!("no answer within {} s", LETTER.as_secs())),
    })
}

/// What is known of the deployment now; nothing when it was deleted meanwhile.
async fn circumstances(core: &Core, notice: &StoredNotice) -> Result<Circumstances, Error> {
    let Some(id) = &notice.notice.deployment else { return Ok(Circumstances::default()) };
    let Some(record) = core.store.deployment_get(id).await.stored()? else {
        return Ok(Circumstances::default());
    };
    let view = deployments::view(core, record);
    Ok(Circumstances {
        url: Some(view.url),
        commit: view.commit.map(|commit| (commit.hash, commit.message)),
        trigger: Some(view.trigger),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_decides_what_follows() {
        let answered =
            |status, after: Option<u64>| Ok(Answered { status, retry_after: after.map(Duration::from_secs) });
        for (outcome, attempts, state, next_s) in [
            (answered(204, None), 1, NoticeState::Delivered, None),
            (answered(410, None), 1, NoticeState::Failed, None),
            (answered(250, None), 1, NoticeState::Delivered, None),
            (answered(550, None), 1, NoticeState::Failed, None),
            (answered(302, None), 1, NoticeState::Pending, Some(5)),
            (answered(500, None), 2, NoticeState::Pending, Some(60)),
            (answered(429, Some(600)), 1, NoticeState::Pending, Some(600)),
            (answered(503, Some(1)), 2, NoticeState::Pending, Some(60)),
            (Err("down".to_owned()), 1, NoticeState::Pending, Some(5)),
            (Err("down".to_owned()), 10, NoticeState::Failed, None),
        ] {
            let (found, answer, next) = judge(outcome.clone(), attempts);
            assert_eq!((found, next.map(|it| it.as_secs())), (state, next_s), "{outcome:?}: {answer}");
        }
    }
}
