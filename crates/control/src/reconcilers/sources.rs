//! Every branch that is followed is looked at when somebody asks and every few minutes: its head is deployed, once.
//!
//! Looks run beside each other, so that a server that does not answer holds up nobody's push but its own. What is being
//! looked at is known in memory only: after a restart it is simply due.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::project::GitSource;
use pierhead_model::pull::{PullRequest, Trust};
use pierhead_store::{Followed, Looked, Project};
use tokio::task::JoinSet;

use super::{Reconciler, Signal};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::{link, tokens};
use crate::sources::heads::{self, Outcome};
use crate::sources::judge::{Known, Verdict, judge};
use crate::sources::{Repositories, access, following};

/// Looks at a time.
const AT_ONCE: usize = 16;
/// A webhook that was lost costs this much, and a little for the look itself: less than ten minutes.
const POLL_S: i64 = 8 * 60;
/// Spreads the looks of many projects.
const JITTER_S: u64 = 60;
/// Between looks for something that was promised.
const FIRST_PAUSE_MS: i64 = 1_000;
const LONGEST_PAUSE_S: i64 = 60 * 60;
/// How long webhooks are remembered. No provider delivers again after that.
const REMEMBERED_S: i64 = 30 * 24 * 3600;

type Key = (ProjectId, String);

/// Looks at branches.
#[derive(Debug)]
pub(crate) struct Sources {
    core: Arc<Core>,
    repositories: Arc<dyn Repositories>,
    looks: Mutex<Looks>,
}

#[derive(Debug, Default)]
struct Looks {
    running: JoinSet<()>,
    keys: Arc<Mutex<HashSet<Key>>>,
    pruned_at: Option<Timestamp>,
}

/// A look that is running. When it ends, however it ends, its branch may be looked at again.
struct Running {
    key: Key,
    keys: Arc<Mutex<HashSet<Key>>>,
    ended: Signal,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
        self.ended.raise();
    }
}

impl Sources {
    pub(crate) fn new(core: Arc<Core>, repositories: Arc<dyn Repositories>) -> Self {
        Self { core, repositories, looks: Mutex::default() }
    }

    /// Old webhooks are forgotten now and then.
    async fn prune(&self, now: Timestamp) -> Result<(), Error> {
        let before = |seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
        {
            let mut looks = self.looks.lock();
            if looks.pruned_at.is_some_and(|at| at > before(3600)) {
                return Ok(());
            }
            looks.pruned_at = Some(now);
        }
        self.core.store.deliveries_prune(before(REMEMBERED_S)).await.stored().map(drop)
    }

    /// Begins to look at a branch, unless that is going on, or too much else is. False when there is no room.
    fn begin(&self, followed: Followed) -> bool {
        let mut looks = self.looks.lock();
        while looks.running.try_join_next().is_some() {}
        let key = (followed.project.clone(), followed.reference.clone());
        {
            let mut keys = looks.keys.lock();
            if keys.len() >= AT_ONCE {
                return false;
            }
            if !keys.insert(key.clone()) {
                return true;
            }
        }
        let (core, repositories) = (Arc::clone(&self.core), Arc::clone(&self.repositories));
        let running = Running { key, keys: Arc::clone(&looks.keys), ended: core.signals.sources.clone() };
        looks.running.spawn(async move {
            if let Err(error) = look(&core, &*repositories, &followed).await {
                let error = super::driver::Chain(&error).to_string();
                tracing::warn!(project = %followed.project, reference = followed.reference, error, "a look failed");
            }
            drop(running);
        });
        true
    }
}

#[async_trait]
impl Reconciler for Sources {
    fn name(&self) -> &'static str {
        "sources"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let now = self.core.outside.now();
        self.prune(now).await?;
        // Those that are being looked at are due as well, so more are read than can begin.
        for followed in self.core.store.followed_due(now, 2 * AT_ONCE as u64).await.stored()? {
            if !self.begin(followed) {
                break;
            }
        }
        let next = self.core.store.followed_next().await.stored()?;
        let wait = next.map(|next| next.duration_since(now).unsigned_abs());
        Ok(next.filter(|next| *next > now).and(wait))
    }
}

/// Looks where a reference is, and deals with it. What cannot be dealt with is looked at again later.
async fn look(core: &Arc<Core>, repositories: &dyn Repositories, followed: &Followed) -> Result<(), Error> {
    let project = core.store.project_get(&followed.project).await.stored()?;
    let project = project.filter(|project| project.deleting_at.is_none());
    let followed_by = |project: &Project| following::is_followed(&project.settings, &followed.reference);
    let Some(project) = project.filter(followed_by) else {
        return core.store.followed_forget(&followed.project, &followed.reference).await.stored();
    };
    if let Some(pull) = followed.pull.as_ref().filter(|pull| !pull.open) {
        return closed(core, &project, followed, pull).await;
    }
    let Some(source) = &project.settings.source else { return Ok(()) };
    let came_to = match came_to(core, repositories, &project, source, followed).await {
        Ok(came_to) => came_to,
        Err(error) => CameTo::problem(&error),
    };
    let looked = came_to.into_looked(followed, core.outside.now());
    core.store.followed_looked(followed, &looked).await.stored()
}

/// A pull request that is closed or merged leaves nothing behind. It is remembered for a while, so that an event that comes
/// late does not bring it back.
async fn closed(
    core: &Arc<Core>,
    project: &Project,
    followed: &Followed,
    pull: &PullRequest,
) -> Result<(), Error> {
    let now = core.outside.now();
    if followed.asked.is_none() && followed.problem.is_none() {
        return core.store.followed_forget(&followed.project, &followed.reference).await.stored();
    }
    let slots = core.store.slots_of_project(&project.id).await.stored()?;
    if let Some(slot) = slots.into_iter().find(|slot| slot.name == followed.slot) {
        tracing::info!(project = %project.name, slot = %slot.name, pull = pull.number, "closed: deleting its slot");
        core.store.slot_mark_deleting(&slot.id, now).await.stored()?;
        core.signals.removals.raise();
    }
    let remembered = jiff::SignedDuration::from_secs(REMEMBERED_S);
    let looked = Looked {
        at: now,
        next: now.checked_add(remembered).unwrap_or(Timestamp::MAX),
        again: false,
        tries: 0,
        outcome: format!("the pull request {} is closed: its slot is deleted", pull.number),
        problem: None,
    };
    core.store.followed_looked(followed, &looked).await.stored()
}

/// What a look came to, before it is known when the next one is.
struct CameTo {
    outcome: String,
    problem: Option<String>,
    /// What was asked for is not there yet.
    again: bool,
}

impl CameTo {
    fn good(outcome: impl Into<String>) -> Self {
        Self { outcome: outcome.into(), problem: None, again: false }
    }

    fn problem(error: &Error) -> Self {
        Self {
            outcome: "it could not be looked at".to_owned(),
            problem: Some(error.to_string()),
            again: true,
        }
    }

    fn into_looked(self, followed: &Followed, at: Timestamp) -> Looked {
        let again = self.again && followed.asked.is_some();
        let tries = if self.again { followed.tries.saturating_add(1) } else { 0 };
        let doubled = 1_i64.checked_shl(followed.tries.min(20)).unwrap_or(i64::MAX);
        let pause_ms = match (again, self.problem.is_some()) {
            (true, _) => FIRST_PAUSE_MS.saturating_mul(doubled).min(POLL_S * 1000),
            (false, true) => (POLL_S * 1000).saturating_mul(doubled).min(LONGEST_PAUSE_S * 1000),
            (false, false) => POLL_S * 1000,
        };
        let jitter_ms = if again { 0 } else { jitter_ms(followed) };
        let pause = jiff::SignedDuration::from_millis(pause_ms.saturating_add(jitter_ms));
        Looked {
            at,
            next: at.checked_add(pause).unwrap_or(Timestamp::MAX),
            again,
            tries,
            outcome: self.outcome,
            problem: self.problem,
        }
    }
}

/// The same for a reference each time, so that a test and a person can count on it.
fn jitter_ms(followed: &Followed) -> i64 {
    let text = format!("{} {}", followed.project, followed.reference);
    let digest = pierhead_model::digest::Digest::of(text.as_bytes()).to_hex();
    let number = digest.get(..8).and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
    i64::try_from(number % (JITTER_S * 1000)).unwrap_or(0)
}

async fn came_to(
    core: &Arc<Core>,
    repositories: &dyn Repositories,
    project: &Project,
    source: &GitSource,
    followed: &Followed,
) -> Result<CameTo, Error> {
    let wanted = [followed.reference.clone()];
    if let Some(Ok(usable)) = link::usable(core, project).await? {
        tokens::ready_to_read(core, &usable).await.map_err(|failed| failed.into_error(usable.forge))?;
    }
    let access = access::of_project(core, &project.id, true).await?;
    let references = repositories.references(&source.repository, &access, &wanted).await?;
    let head = references.commits.get(&followed.reference).map(String::as_str);
    let deployed = if followed.accepted.is_none() { newest(core, project, followed).await? } else { None };
    let known = Known {
        accepted: followed.accepted.as_deref(),
        baseline: followed.baseline.as_deref(),
        head,
        asked: followed.asked.as_ref(),
        tries: followed.tries,
        deployed: deployed.as_deref(),
    };
    let promised = followed.asked.as_ref().and_then(|asked| asked.commit.as_deref());
    if let (Some(pull), Some(head)) = (&followed.pull, head)
        && pull.trust(head) == Trust::Waits
    {
        let outcome = format!("{head:.12} of a fork waits for an approval");
        return Ok(CameTo::good(outcome));
    }
    match (judge(known), head) {
        (Verdict::Deploy, Some(head)) => {
            let outcome = heads::deal_with(core, repositories, project, followed, head).await?;
            let outcome = match outcome {
                Outcome::Deployed(id) => format!("{head:.12} is deployed as {id}"),
                Outcome::Skipped(why) => format!("{head:.12} is skipped: {why}"),
            };
            tracing::info!(project = %project.name, reference = followed.reference, outcome, "a branch moved");
            let again = promised.is_some_and(|promised| promised != head);
            Ok(CameTo { again, ..CameTo::good(outcome) })
        }
        (Verdict::Begin, Some(head)) => {
            core.store.followed_begin(&project.id, &followed.reference, head).await.stored()?;
            Ok(CameTo::good(format!("followed from {head:.12} on")))
        }
        (Verdict::Wait, _) => {
            Ok(CameTo { again: true, ..CameTo::good("the server does not show yet what was pushed") })
        }
        (Verdict::Unchanged, _) => Ok(CameTo::good("nothing new")),
        (Verdict::Missing | Verdict::Deploy | Verdict::Begin, _) => {
            Ok(CameTo::good(format!("there is no {} in the repository", followed.reference)))
        }
    }
}

/// The commit of the slot's newest deployment that has one.
async fn newest(core: &Core, project: &Project, followed: &Followed) -> Result<Option<String>, Error> {
    let slots = core.store.slots_of_project(&project.id).await.stored()?;
    let Some(slot) = slots.into_iter().find(|slot| slot.name == followed.slot) else { return Ok(None) };
    let filter = pierhead_store::DeploymentFilter { slot: Some(slot.id), ..Default::default() };
    let newest = core.store.deployment_list(&filter, 1).await.stored()?;
    Ok(newest.into_iter().find_map(|record| Some(record.report?.commit?.hash)))
}
