//! Services that have repositories are told what became of deployments: each project in order, at each service's own pace, for a
//! day, and then it is given up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::deployment::{Reason, State};
use pierhead_model::id::ProjectId;
use pierhead_model::notice::pause_after;
use pierhead_store::{DeploymentRecord, Feedback as Row, FeedbackTried, Followed, Project};
use tokio::task::JoinSet;

use super::{Reconciler, Signal};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::call::Trouble;
use crate::forge::link::{self, Usable};
use crate::forge::tell::{self, Telling};
use crate::forge::tokens;
use crate::forge::words::Context;
use crate::services::deployments;

/// Projects at a time.
const AT_ONCE: usize = 8;
/// How long it is remembered what was told.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Who counts our questions: a service's API, in the name of one installation or one project.
type Counted = (String, Option<u64>, Option<ProjectId>);

/// Tells services.
#[derive(Debug)]
pub(crate) struct Feedback {
    core: Arc<Core>,
    running: Mutex<JoinSet<()>>,
    busy: Arc<Mutex<HashSet<ProjectId>>>,
    /// Who wants to be left alone, until when.
    quiet: Arc<Mutex<HashMap<Counted, Timestamp>>>,
    pruned_at: Mutex<Option<Timestamp>>,
}

/// A project that something is being told of.
struct Busy {
    project: ProjectId,
    all: Arc<Mutex<HashSet<ProjectId>>>,
    ended: Signal,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().remove(&self.project);
        self.ended.raise();
    }
}

impl Feedback {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            running: Mutex::default(),
            busy: Arc::default(),
            quiet: Arc::default(),
            pruned_at: Mutex::default(),
        }
    }

    async fn prune(&self, now: Timestamp) -> Result<(), Error> {
        {
            let mut pruned_at = self.pruned_at.lock();
            if pruned_at.is_some_and(|at| now.duration_since(at) < jiff::SignedDuration::from_hours(1)) {
                return Ok(());
            }
            *pruned_at = Some(now);
        }
        self.quiet.lock().retain(|_, until| *until > now);
        self.core.store.feedback_prune(now - REMEMBERED).await.stored().map(drop)
    }

    fn begin(&self, row: Row) {
        let mut running = self.running.lock();
        while running.try_join_next().is_some() {}
        {
            let mut busy = self.busy.lock();
            if busy.len() >= AT_ONCE || !busy.insert(row.project.clone()) {
                return;
            }
        }
        let ended = self.core.signals.feedback.clone();
        let busy = Busy { project: row.project.clone(), all: Arc::clone(&self.busy), ended };
        let (core, quiet) = (Arc::clone(&self.core), Arc::clone(&self.quiet));
        running.spawn(async move {
            if let Err(error) = attempt(&core, &quiet, &row).await {
                let error = super::driver::Chain(&error).to_string();
                tracing::warn!(error, "what came of telling a service could not be written down");
            }
            drop(busy);
        });
    }
}

#[async_trait]
impl Reconciler for Feedback {
    fn name(&self) -> &'static str {
        "feedback"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let now = self.core.outside.now();
        self.prune(now).await?;
        // Several may be of one project: only its first begins.
        for row in self.core.store.feedback_due(now, 16 * AT_ONCE as u64).await.stored()? {
            self.begin(row);
        }
        let next = self.core.store.feedback_next().await.stored()?;
        Ok(next.filter(|next| *next > now).map(|next| next.duration_since(now).unsigned_abs()))
    }
}

/// One attempt, and what it came to.
async fn attempt(core: &Core, quiet: &Mutex<HashMap<Counted, Timestamp>>, row: &Row) -> Result<(), Error> {
    let now = core.outside.now();
    let outcome = told(core, quiet, row).await;
    let attempts = row.attempts.saturating_add(1);
    let later = |wait: Duration| now.checked_add(wait).ok();
    let (told, attempts, next_at, answer) = match outcome {
        Ok(()) => (Some(row.state), 0, None, None),
        Err(Untold::Nobody(why)) => (row.told, attempts, None, Some(why)),
        // It was not refused for what it is: nothing is counted.
        Err(Untold::Quiet(until)) => (row.told, row.attempts, Some(until), row.answer.clone()),
        Err(Untold::Failed(tell::Failed::Here(error))) => return Err(error),
        Err(Untold::Failed(tell::Failed::Forge(trouble))) => {
            let said = trouble.to_string();
            match trouble {
                Trouble::Limited(wait) => (row.told, row.attempts, later(wait), Some(said)),
                trouble if trouble.may_pass() => {
                    (row.told, attempts, pause_after(attempts).and_then(later), Some(said))
                }
                Trouble::Unreachable(_) | Trouble::Refused { .. } | Trouble::Unreadable(_) => {
                    (row.told, attempts, None, Some(said))
                }
            }
        }
    };
    let tried = FeedbackTried { told, attempts, next_at, answer };
    core.store.feedback_tried(row, &tried).await.stored()
}

/// What came after a deployment.
#[derive(Debug, Clone, Copy, Default)]
struct Newer {
    /// Another one in its slot.
    in_slot: bool,
    /// Another one in its slot, of the same commit.
    of_commit: bool,
}

/// Why it was not told.
enum Untold {
    /// There is nobody to be told, or nothing to be said.
    Nobody(String),
    Quiet(Timestamp),
    Failed(tell::Failed),
}

impl From<Error> for Untold {
    fn from(error: Error) -> Self {
        Self::Failed(tell::Failed::Here(error))
    }
}

async fn told(core: &Core, quiet: &Mutex<HashMap<Counted, Timestamp>>, row: &Row) -> Result<(), Untold> {
    let nobody = |why: &str| Untold::Nobody(why.to_owned());
    let project = core.store.project_get(&row.project).await.stored()?;
    let project = project.ok_or_else(|| nobody("the project is gone"))?;
    let usable = match link::usable(core, &project).await? {
        Some(Ok(usable)) => usable,
        Some(Err(why)) => return Err(Untold::Nobody(why)),
        None => return Err(nobody("the project is not connected any more")),
    };
    let counted = (
        usable.link.api_url.clone(),
        usable.link.installation,
        usable.link.installation.is_none().then(|| row.project.clone()),
    );
    if let Some(until) = quiet.lock().get(&counted).copied().filter(|until| *until > core.outside.now()) {
        return Err(Untold::Quiet(until));
    }
    let (context, newer) = context(core, &project, row).await?;
    let context = context.ok_or_else(|| nobody("it was not built from a commit"))?;
    let pull = pull_of(core, row, &context).await?;
    let done = say(core, &usable, row, (&context, newer), pull).await;
    if let Err(tell::Failed::Forge(Trouble::Limited(wait))) = &done
        && let Ok(until) = core.outside.now().checked_add(*wait)
    {
        quiet.lock().insert(counted, until);
    }
    done.map_err(Untold::Failed)
}

/// What came after speaks for what both are about.
async fn say(
    core: &Core,
    usable: &Usable,
    row: &Row,
    (context, newer): (&Context, Newer),
    pull: Option<Followed>,
) -> Result<(), tell::Failed> {
    let caller = usable.caller(core).await.map_err(|failed| match failed {
        tokens::Failed::Forge(trouble) => tell::Failed::Forge(trouble),
        tokens::Failed::Here(error) => tell::Failed::Here(error),
    })?;
    let telling = Telling { caller: &caller, usable, context, state: row.state };
    if !newer.of_commit {
        telling.commit().await?;
    }
    telling.deployment(row).await?;
    let open = pull.and_then(|followed| followed.pull).is_some_and(|pull| pull.open);
    // What replaced it was told already, or will be; but nothing replaces what is closed.
    if !newer.in_slot && (row.state != State::Inactive || !open) {
        telling.comment(row, open).await?;
    }
    Ok(())
}

/// The pull request that a deployment is a preview of.
async fn pull_of(core: &Core, row: &Row, context: &Context) -> Result<Option<Followed>, Error> {
    let Some(number) = context.pull else { return Ok(None) };
    let followed = core.store.followed_of(&row.project).await.stored()?;
    Ok(followed.into_iter().find(|it| it.pull.as_ref().is_some_and(|pull| pull.number == number)))
}

/// What is known of the deployment: now, or from when it was there. And whether a newer one is in the same slot.
async fn context(core: &Core, project: &Project, row: &Row) -> Result<(Option<Context>, Newer), Error> {
    let Some(record) = core.store.deployment_get(&row.deployment).await.stored()? else {
        let kept = row.context.as_deref().and_then(|text| serde_json::from_str(text).ok());
        return Ok((kept, Newer::default()));
    };
    let number = record.deployment.number;
    let slot = core.store.deployments_of_slot(&record.deployment.slot).await.stored()?;
    let Some(context) = context_of(core, project, record).await? else { return Ok((None, Newer::default())) };
    let later: Vec<DeploymentRecord> = slot.into_iter().filter(|it| it.deployment.number > number).collect();
    let in_slot = !later.is_empty();
    let of_commit = later
        .into_iter()
        .any(|it| deployments::view(core, it).commit.is_some_and(|commit| commit.hash == context.commit));
    let newer = Newer { in_slot, of_commit };
    let text = serde_json::to_string(&context).map_err(Error::internal)?;
    if row.context.as_deref() != Some(text.as_str()) {
        core.store.feedback_context(&row.deployment, &text).await.stored()?;
    }
    Ok((Some(context), newer))
}

async fn context_of(
    core: &Core,
    project: &Project,
    record: DeploymentRecord,
) -> Result<Option<Context>, Error> {
    let followed = core.store.followed_of(&project.id).await.stored()?;
    let pull = followed.iter().find(|it| it.slot == record.slot_name).and_then(|it| it.pull.as_ref());
    let pull = pull.map(|pull| pull.number);
    let view = deployments::view(core, record);
    let Some(commit) = view.commit else { return Ok(None) };
    let failure = view.failure.as_ref();
    Ok(Some(Context {
        deployment: view.id.to_string(),
        project: view.project.to_string(),
        production: view.slot.is_production(),
        slot: view.slot.to_string(),
        commit: commit.hash,
        number: view.number,
        url: view.url,
        log_url: format!("{}/console/deployments/{}", core.access.console_url, view.id),
        pull,
        called_off: failure.is_some_and(|it| matches!(it.reason, Reason::Cancelled | Reason::Superseded)),
        failure: failure.map(|it| it.detail.chars().filter(|c| !c.is_control()).take(140).collect()),
    }))
}
