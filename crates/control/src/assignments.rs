//! What a node should do, derived from what is stored: there is no second list that could disagree.

use pierhead_model::assignment::{Assignment, Goal, Known, Phase, Report, Source};
use pierhead_model::deployment::State;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::NodeId;
use pierhead_model::run;
use pierhead_model::sleep::{Rest, RestOrder};
use pierhead_model::spread::left_for_leader;
use pierhead_store::{DeploymentRecord, Share};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::Forge;
use crate::forge::link::{self, Usable};
use crate::forge::tokens;
use crate::services::runs;
use crate::shares;
use crate::sources::access;
use crate::work::WorkRecord;

/// How long a deployment waits for a token that its repository is entered with.
const TOKEN_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// How long after its end a deployment that was live keeps running although no ingress said that it has drained.
const DRAIN_LIMIT_S: i64 = 90;

/// One thing that a node should do.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) assignment: Assignment,
    /// What the node said of it last.
    pub(crate) report: Option<Report>,
}

/// Everything the node should do. A deployment that ended and was removed from the node is not among it: not to be listed
/// is to be forgotten.
pub(crate) async fn of_node(core: &Core, node: &NodeId) -> Result<Vec<Wanted>, Error> {
    let records = core.store.deployments_on_node(node).await.stored()?;
    let mut assignments = Vec::with_capacity(records.len());
    let mut logins = None;
    for record in records {
        if is_gone(&record) {
            core.store.deployment_leave_node(&record.deployment.id).await.stored()?;
        } else {
            if Box::pin(waits_for_token(core, &record)).await? {
                core.signals.tokens.raise();
                continue;
            }
            let mut assignment = assignment(core, &record)?;
            if let Source::Pipeline { work } = &mut assignment.work.source {
                work.here = left_for_leader(&work.pipeline, record.shares.iter().map(|it| &it.replicas));
            }
            if matches!(assignment.work.source, Source::Pipeline { .. } | Source::Image { .. }) {
                if logins.is_none() {
                    logins = Some(runs::logins(core).await?);
                }
                let logins = logins.as_deref().unwrap_or_default();
                assignment.work.keys = Some(runs::keys(core, &assignment.deployment, logins));
            }
            let from_git = matches!(assignment.work.source, Source::Git { .. } | Source::Pipeline { .. });
            if from_git && is_fetched(&record) {
                let trusted = !WorkRecord::from_text(&record.work)?.by_stranger;
                let access = Box::pin(access::of_project(core, &assignment.project_id, trusted)).await?;
                let anything = access.credential.is_some() || !access.host_keys.is_empty();
                assignment.work.access = anything.then_some(access);
            }
            assignments.push(Wanted { assignment, report: record.report });
        }
    }
    for share in core.store.shares_on_node(node).await.stored()? {
        let id = share.id.clone();
        match of_share(core, share).await? {
            Part::Wanted(wanted) => assignments.push(*wanted),
            Part::Waits => {}
            Part::Gone => core.store.share_leave_node(&id).await.stored()?,
        }
    }
    Ok(assignments)
}

/// What is to be done about a share of a deployment that another node leads.
enum Part {
    /// The leader is not ready.
    Waits,
    Wanted(Box<Wanted>),
    /// Nothing is left of it, or was ever made.
    Gone,
}

async fn of_share(core: &Core, share: Share) -> Result<Part, Error> {
    let Some(record) = core.store.deployment_get(&share.deployment).await.stored()? else {
        return Ok(Part::Gone);
    };
    let phase = share.report.as_ref().map(|report| report.phase);
    let handed = record.report.as_ref().and_then(|report| report.handed.clone());
    let mut assignment = assignment(core, &record)?;
    if shares::is_over(core, &share) {
        assignment.goal = Goal::Stop;
        assignment.generation |= 1;
    }
    match (assignment.goal, phase, &handed) {
        (Goal::Stop, None | Some(Phase::Failed | Phase::Stopped), _) => return Ok(Part::Gone),
        (Goal::Run, _, None) => return Ok(Part::Waits),
        (Goal::Run, ..) | (Goal::Stop, Some(_), _) => {}
    }
    let Source::Pipeline { work } = &mut assignment.work.source else { return Ok(Part::Gone) };
    work.here = share.replicas;
    work.share = Some(run::Share { of: share.deployment, handed: handed.unwrap_or_default() });
    let logins = runs::logins(core).await?;
    assignment.work.keys = Some(runs::keys(core, &assignment.deployment, &logins));
    assignment.deployment = share.id;
    Ok(Part::Wanted(Box::new(Wanted { assignment, report: share.report })))
}

/// Whether its repository cannot be entered yet: then the node, which does not know of it, is not told of it before it can. A
/// token that does not come holds it up for a while only, so that it fails with what the repository's server says.
pub(crate) async fn waits_for_token(core: &Core, record: &DeploymentRecord) -> Result<bool, Error> {
    let waited = core.outside.now().duration_since(record.created_at);
    let cancelled = record.deployment.cancel_requested_at.is_some();
    if record.report.is_some() || cancelled || !is_fetched(record) || waited > TOKEN_PATIENCE {
        return Ok(false);
    }
    let Some(usable) = link::usable_of(core, &record.deployment.project).await? else { return Ok(false) };
    if usable.forge != Forge::GithubApp || !is_from_git(record)? {
        return Ok(false);
    }
    Ok(tokens::readable(core, &usable).await?.is_none())
}

fn is_from_git(record: &DeploymentRecord) -> Result<bool, Error> {
    let source = WorkRecord::from_text(&record.work)?.source;
    Ok(matches!(source, Source::Git { .. } | Source::Pipeline { .. }))
}

/// Those on nodes or on their way there whose repositories are entered through the app and cannot be yet.
pub(crate) async fn waiting_for_tokens(core: &Core) -> Result<Vec<(DeploymentRecord, Usable)>, Error> {
    let mut waiting = Vec::new();
    for record in core.store.deployments_in_progress().await.stored()? {
        if !is_fetched(&record) {
            continue;
        }
        let Some(usable) = link::usable_of(core, &record.deployment.project).await? else { continue };
        if usable.forge == Forge::GithubApp
            && is_from_git(&record)?
            && tokens::readable(core, &usable).await?.is_none()
        {
            waiting.push((record, usable));
        }
    }
    Ok(waiting)
}

/// Adds what the node said so far, should it have lost that.
pub(crate) async fn remind(core: &Core, wanted: &mut Wanted) -> Result<(), Error> {
    let Some(report) = wanted.report.take() else { return Ok(()) };
    let lines = core.store.logs().last(&wanted.assignment.deployment).await.stored()?;
    wanted.assignment.known = Some(Known { report, lines });
    Ok(())
}

/// Its source may still be wanted.
fn is_fetched(record: &DeploymentRecord) -> bool {
    matches!(record.deployment.state, State::Queued | State::Building) && record.release.is_none()
}

/// Ended, and its node has proved that nothing of it is left.
fn is_gone(record: &DeploymentRecord) -> bool {
    let phase = record.report.as_ref().map(|report| report.phase);
    record.deployment.state.is_ended() && matches!(phase, Some(Phase::Failed | Phase::Stopped))
}

fn assignment(core: &Core, record: &DeploymentRecord) -> Result<Assignment, Error> {
    let deployment = &record.deployment;
    let goal = goal(core, record);
    let hostname = Hostname::of_slot(&record.slot_name, &record.project_name, &record.base_domain);
    let own_hostname = Hostname::of_deployment(&deployment.id, &record.base_domain);
    let work = WorkRecord::from_text(&record.work)?.to_work(core, &deployment.id, hostname, own_hostname)?;
    Ok(Assignment {
        deployment: deployment.id.clone(),
        // Stopping comes after running, within one generation of the deployment too.
        generation: deployment.generation * 2 + u64::from(goal == Goal::Stop),
        goal,
        project_id: deployment.project.clone(),
        project: record.project_name.clone(),
        environment: record.environment_name.clone(),
        slot: record.slot_name.clone(),
        work,
        rest: rest(core, record),
        known: None,
    })
}

/// How deeply a live service should sleep. One that is not live was never told to, or does not care any more.
fn rest(core: &Core, record: &DeploymentRecord) -> RestOrder {
    let instance = record.report.as_ref().and_then(|report| report.instance.as_ref());
    let reported = instance.map(|instance| instance.rest).unwrap_or_default();
    if record.deployment.state != State::Production {
        // What leaves finishes what it has begun.
        let thawed = RestOrder { rest: Rest::Awake, number: reported.number + 1 };
        return if reported.rest == Rest::Frozen { thawed } else { reported };
    }
    let id = &record.deployment.id;
    core.sleepers.told(id, reported, core.ingresses.hold(id))
}

fn goal(core: &Core, record: &DeploymentRecord) -> Goal {
    let deployment = &record.deployment;
    match deployment.state {
        State::Queued | State::Building | State::Provisioning if deployment.cancel_requested_at.is_some() => {
            Goal::Stop
        }
        State::Queued | State::Building | State::Provisioning | State::Production => Goal::Run,
        State::Failed => Goal::Stop,
        State::Inactive => {
            let overdue = deployment
                .timings
                .ended_at
                .is_some_and(|ended| core.outside.now().duration_since(ended).as_secs() > DRAIN_LIMIT_S);
            if overdue || core.ingresses.has_drained(&deployment.id) { Goal::Stop } else { Goal::Run }
        }
    }
}
