//! Accepting a deployment: what it is to do becomes durable.

use pierhead_model::Timestamp;
use pierhead_model::assignment::Source;
use pierhead_model::id::{DeploymentId, ProjectId, SlotId};
use pierhead_model::limit::Limits;
use pierhead_model::plan::BuildSettings;
use pierhead_model::source::Commit;
use pierhead_model::variable::Variable;
use pierhead_store::{self as store, AcceptedHead, Project};
use serde_json::json;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_half;
use crate::work::WorkRecord;

/// Who or what asked for a deployment.
#[derive(Debug)]
pub(crate) struct Origin<'o> {
    pub(crate) trigger: &'o str,
    pub(crate) created_by: &'o str,
    /// When the push that asks for it was received.
    pub(crate) received_at: Option<Timestamp>,
    /// The move of a branch that is dealt with by it.
    pub(crate) head: Option<AcceptedHead>,
    /// Who asked, for the audit log; `None` when the platform did by itself.
    pub(crate) asked_by: Option<(&'o Principal, &'o Project)>,
}

impl<'o> Origin<'o> {
    /// A person, or a program in their name.
    pub(crate) const fn of(trigger: &'o str, created_by: &'o str) -> Self {
        Self { trigger, created_by, received_at: None, head: None, asked_by: None }
    }

    /// It is told in the audit log.
    pub(crate) const fn asked_by(mut self, principal: &'o Principal, project: &'o Project) -> Self {
        self.asked_by = Some((principal, project));
        self
    }
}

impl Planned {
    /// The same as before.
    pub(crate) fn again(work: WorkRecord) -> Self {
        Self {
            settings: work.settings,
            limits: work.limits,
            room: None,
            health: work.health,
            no_cache: false,
            by_stranger: work.by_stranger,
            commit: match work.source {
                Source::Git { .. } | Source::Pipeline { .. } => None,
                Source::Files { .. } | Source::Image { .. } | Source::Release { .. } => work.commit,
            },
            source: work.source,
        }
    }
}

/// Accepts a deployment: durable when it returns.
pub(crate) async fn accept(
    core: &Core,
    origin: Origin<'_>,
    (project, slot): (&ProjectId, &SlotId),
    planned: Planned,
    variables: &[Variable],
) -> Result<DeploymentId, Error> {
    let id = DeploymentId::from_random(random_half(&*core.outside));
    let work = WorkRecord {
        source: planned.source,
        settings: planned.settings,
        limits: planned.limits.clone(),
        health: planned.health,
        variables: WorkRecord::seal(core, &id, variables)?,
        no_cache: planned.no_cache,
        by_stranger: planned.by_stranger,
        commit: planned.commit,
    };
    let new = store::NewDeployment {
        id: id.clone(),
        project: project.clone(),
        slot: slot.clone(),
        limits: planned.room.unwrap_or(planned.limits),
        trigger: origin.trigger.to_owned(),
        created_by: origin.created_by.to_owned(),
        work: work.to_text()?,
        received_at: origin.received_at,
        head: origin.head,
        audit: origin.asked_by.map(|(principal, of)| {
            let deed = principal.does(core, "deployment.create", (&id, &of.name)).of_project(project);
            deed.after(json!({ "trigger": origin.trigger })).into_entry()
        }),
    };
    core.store.deployment_create(&new, core.outside.now()).await.stored()?;
    core.signals.deployments.raise();
    core.signals.routes.raise();
    Ok(id)
}

/// What a new deployment is to do, before it has an id.
pub(crate) struct Planned {
    pub(crate) source: Source,
    pub(crate) settings: BuildSettings,
    pub(crate) limits: Limits,
    /// What all parts need together, where there are several.
    pub(crate) room: Option<Limits>,
    pub(crate) health: pierhead_model::health::HealthCheck,
    pub(crate) no_cache: bool,
    /// As in [`WorkRecord::by_stranger`].
    pub(crate) by_stranger: bool,
    /// Known before anything is cloned: of a release that was built before.
    pub(crate) commit: Option<Commit>,
}
