//! A branch's head becomes a deployment, unless there is a reason to skip it.
//!
//! The move of the branch and the deployment are one transaction: whoever dies between two webhooks, a head is dealt with
//! once. What is on its way for an older head of the slot is superseded.

use pierhead_model::assignment::Source;
use pierhead_model::deployment::{Event, Failure, Reason, State};
use pierhead_model::git_access::GitAccess;
use pierhead_model::id::DeploymentId;
use pierhead_model::pull::Trust;
use pierhead_model::release::Release;
use pierhead_model::source::Commit;
use pierhead_model::variable::Variable;
use pierhead_store::{
    AcceptedHead, Asked, DeploymentFilter, DeploymentRecord, Environment, Followed, Project,
};

use super::{Repositories, access};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::lifecycle::advance;
use crate::services::accepting::{Origin, Planned, accept};
use crate::services::deployments::{Deployments, NewDeployment, Prepared};
use crate::services::projects;
use crate::work::WorkRecord;

/// How far back a release of the same commit is looked for.
const HISTORY: u64 = 50;
/// Deployments that nobody asked for in person: a newer one of the kind takes their place.
const AUTOMATIC: [&str; 3] = ["push", "poll", "sync"];
const SKIPS: [&str; 2] = ["[skip deploy]", "[deploy skip]"];

/// What became of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Deployed(DeploymentId),
    /// Why not.
    Skipped(String),
}

/// Deals with a head that is not what was dealt with last.
pub(crate) async fn deal_with(
    core: &std::sync::Arc<Core>,
    repositories: &dyn Repositories,
    project: &Project,
    followed: &Followed,
    head: &str,
) -> Result<Outcome, Error> {
    let access = access::of_project(core, &project.id, true).await?;
    let commit = describe(repositories, &access, project, followed, head).await;
    let accepted = AcceptedHead {
        reference: followed.reference.clone(),
        before: followed.accepted.clone(),
        commit: head.to_owned(),
    };
    if let Some(why) = commit.skip {
        core.store.followed_accept(&project.id, &accepted).await.stored()?;
        return Ok(Outcome::Skipped(why));
    }
    let new = NewDeployment {
        slot: Some(followed.slot.to_string()),
        reference: Some(head.to_owned()),
        ..NewDeployment::default()
    };
    let environment = environment_of(core, project).await?;
    let prepared = Deployments(std::sync::Arc::clone(core)).prepare(project, &environment, new).await?;
    let Prepared { slot, mut planned, mut variables } = prepared;
    if followed.pull.as_ref().is_some_and(|pull| pull.trust(head) != Trust::Full) {
        variables.retain(|variable| !variable.secret);
        planned.by_stranger = true;
    }
    planned.commit = Some(commit.commit);
    let history = history(core, project).await?;
    let same = |record: &&DeploymentRecord| is_same(core, record, &planned, &variables, head);
    if let Some(there) = history.iter().filter(same).find(|record| record.deployment.slot == slot.id)
        && (there.deployment.state == State::Production || there.deployment.state.is_in_progress())
    {
        core.store.followed_accept(&project.id, &accepted).await.stored()?;
        let state = if there.deployment.state == State::Production { "live" } else { "on its way" };
        return Ok(Outcome::Skipped(format!("this commit is {state} already, as {}", there.deployment.id)));
    }
    if let Some(release) = history.iter().filter(same).find_map(reusable) {
        planned.source = Source::Release { release };
    }
    let asked = followed.asked.as_ref();
    let by = asked.and_then(|asked| asked.by.clone()).unwrap_or_else(|| "Pierhead".to_owned());
    let origin = Origin {
        trigger: asked.map_or("poll", |asked: &Asked| asked.trigger.as_str()),
        created_by: &by,
        received_at: asked.map(|asked| asked.at),
        head: Some(accepted),
        // A push is told by its delivery.
        asked_by: None,
    };
    let id = accept(core, origin, (&project.id, &slot.id), planned, &variables).await?;
    supersede(core, &slot.id, &id).await?;
    Ok(Outcome::Deployed(id))
}

/// Where a project deploys by itself. Nobody is asking, so nobody's rights can be asked for: it is open to all, or somebody
/// who may has deployed the project there before.
async fn environment_of(core: &Core, project: &Project) -> Result<Environment, Error> {
    let local = projects::local(core).await?;
    let slots = core.store.slots_of_project(&project.id).await.stored()?;
    if local.open || slots.iter().any(|slot| slot.environment == local.id) {
        return Ok(local);
    }
    let required = format!(
        "somebody who may use the environment {} to deploy {} there once: pushes follow then",
        local.name, project.name
    );
    Err(Error::Forbidden { required: required.into() })
}

struct Described {
    commit: Commit,
    skip: Option<String>,
}

/// The commit's own words, and whether it says or shows that nothing is to be done. What cannot be found out is no reason
/// to skip.
async fn describe(
    repositories: &dyn Repositories,
    access: &GitAccess,
    project: &Project,
    followed: &Followed,
    head: &str,
) -> Described {
    let asked = followed.asked.as_ref().filter(|asked| asked.commit.as_deref() == Some(head));
    let told = asked.and_then(|asked| {
        let message = asked.message.clone()?;
        Some(Commit { hash: head.to_owned(), message, author: asked.by.clone().unwrap_or_default() })
    });
    let unknown = || Commit { hash: head.to_owned(), message: String::new(), author: String::new() };
    let Some(source) = &project.settings.source else {
        return Described { commit: told.unwrap_or_else(unknown), skip: None };
    };
    let (commit, changed) = match told {
        Some(told) if source.root_directory.is_root() => (told, None),
        told => {
            let before = followed.accepted.as_deref().or(followed.baseline.as_deref());
            let from = before.filter(|before| *before != head);
            let entered = (&source.repository, access);
            match repositories.compare(entered, from, head, &source.root_directory).await {
                Ok(compared) => (compared.commit, compared.changed),
                Err(error) => {
                    tracing::info!(project = %project.name, head, %error, "a commit could not be looked at");
                    (told.unwrap_or_else(unknown), None)
                }
            }
        }
    };
    let message = commit.message.to_ascii_lowercase();
    let skip = if let Some(word) = SKIPS.iter().find(|word| message.contains(**word)) {
        Some(format!("its message says {word}"))
    } else if changed == Some(false) && !source.root_directory.is_root() {
        Some(format!("nothing below {} changed", source.root_directory))
    } else {
        None
    };
    Described { commit, skip }
}

async fn history(core: &Core, project: &Project) -> Result<Vec<DeploymentRecord>, Error> {
    let filter = DeploymentFilter { project: Some(project.id.clone()), ..DeploymentFilter::default() };
    core.store.deployment_list(&filter, HISTORY).await.stored()
}

/// Whether a deployment was of the same commit, built and run in the same way.
fn is_same(
    core: &Core,
    record: &DeploymentRecord,
    planned: &Planned,
    variables: &[Variable],
    head: &str,
) -> bool {
    let Ok(work) = WorkRecord::from_text(&record.work) else { return false };
    let root = |source: &Source| match source {
        Source::Git { root_directory, repository, .. } => Some((root_directory.clone(), repository.clone())),
        Source::Files { .. } | Source::Image { .. } | Source::Release { .. } | Source::Pipeline { .. } => {
            None
        }
    };
    let built = record.report.as_ref().and_then(|report| report.commit.as_ref());
    let pinned = match &work.source {
        Source::Git { reference: Some(reference), .. } if reference.is_commit() => Some(reference.as_str()),
        _ => None,
    };
    let hash = built.map(|commit| commit.hash.as_str()).or(pinned);
    hash == Some(head)
        && root(&work.source).is_some()
        && root(&work.source) == root(&planned.source)
        && work.settings == planned.settings
        && work.limits == planned.limits
        && work.health == planned.health
        && work.open(core, &record.deployment.id).is_ok_and(|opened| opened == variables)
}

/// The release of a deployment that went live.
fn reusable(record: &DeploymentRecord) -> Option<Release> {
    let was_live = record.deployment.timings.production_at.is_some();
    record.release.clone().filter(|release| was_live && !matches!(release, Release::Run(_)))
}

/// Ends what is on its way in a slot for an older head. Of two builds in a row one is let through, so that a branch that is
/// pushed to faster than it builds goes live all the same.
async fn supersede(
    core: &Core,
    slot: &pierhead_model::id::SlotId,
    newest: &DeploymentId,
) -> Result<(), Error> {
    let mut records = core.store.deployments_of_slot(slot).await.stored()?;
    records.sort_by_key(|record| record.deployment.number);
    let Some(own) = records.iter().find(|record| &record.deployment.id == newest) else { return Ok(()) };
    let number = own.deployment.number;
    for (index, record) in records.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| records.get(index));
        if record.deployment.number >= number || !is_superseded(record, before) {
            continue;
        }
        let detail = format!("v{number}, of a newer commit, was asked for before this one was live.");
        let failed = Event::Failed(Failure::new(Reason::Superseded, detail));
        match advance(core, &record.deployment.id, failed).await {
            // It went live, or ended, in this moment.
            Err(Error::Conflict { .. } | Error::PreconditionFailed { .. }) => {}
            done => drop(done?),
        }
    }
    Ok(())
}

fn is_superseded(record: &DeploymentRecord, before: Option<&DeploymentRecord>) -> bool {
    let deployment = &record.deployment;
    if !AUTOMATIC.contains(&record.trigger.as_str()) {
        return false;
    }
    let cut_before = before.is_some_and(|before| {
        let superseded = before.deployment.failure.as_ref().is_some_and(|it| it.reason == Reason::Superseded);
        superseded && before.deployment.timings.building_at.is_some()
    });
    match deployment.state {
        State::Queued => true,
        State::Building => !cut_before,
        State::Provisioning | State::Production | State::Inactive | State::Failed => false,
    }
}
