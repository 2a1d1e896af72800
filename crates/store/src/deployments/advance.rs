//! Creating and moving deployments: one transaction each, with the event it tells.

use pierhead_model::Timestamp;
use pierhead_model::crash_point;
use pierhead_model::deployment::{Deployment, Effect, Event, State, step};
use pierhead_model::id::{DeploymentId, NodeId, ProjectId, SlotId};
use pierhead_model::limit::Limits;
use pierhead_model::name::{ProjectName, SlotName};
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseTransaction, DbErr, QuerySelect, Set};

use super::row;
use crate::error::lost_a_race;
use crate::events::{self, NewEvent};
use crate::projects::{project, slot};
use crate::{NewAudit, Store, StoreError, audit, document, followed, install, shares};

/// How often a transaction that lost a race is tried again.
const TRIES: usize = 5;

/// What a new deployment is.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub slot: SlotId,
    pub limits: Limits,
    /// `api`, `rollback`, `redeploy`, `push`, …
    pub trigger: String,
    pub created_by: String,
    /// The control plane's own document of what is to be done.
    pub work: String,
    /// When the push that asks for it was received.
    pub received_at: Option<Timestamp>,
    /// The move of a branch that this deals with, in the same transaction.
    pub head: Option<AcceptedHead>,
    /// Who asked for it; `None` when the platform did.
    pub audit: Option<NewAudit>,
}

/// A followed reference moved, and that is dealt with now.
#[derive(Debug, Clone)]
pub struct AcceptedHead {
    pub reference: String,
    /// Where it was when it was dealt with last. When it is elsewhere by now, somebody else was faster: a conflict.
    pub before: Option<String>,
    pub commit: String,
}

/// A transition that was written.
#[derive(Debug, Clone)]
pub struct Advanced {
    pub before: Deployment,
    pub after: Deployment,
    pub effects: Vec<Effect>,
    /// The deployment that gave up being live in the same transaction.
    pub replaced: Option<Box<Self>>,
}

impl Store {
    /// Accepts a deployment: its row, its number in the slot and its first event.
    pub async fn deployment_create(
        &self,
        new: &NewDeployment,
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        let mut tries = Tries::default();
        let created = loop {
            match self.create_once(new, now).await {
                Ok(created) => break created,
                Err(error) => tries.again(error)?,
            }
        };
        crash_point!("store.deployment_create.after_commit");
        self.events.send_modify(|count| *count += 1);
        Ok(created)
    }

    /// Applies `event` and writes what follows. A promotion takes the slot from the deployment that has it, in the same
    /// transaction.
    pub async fn deployment_advance(
        &self,
        epoch: u64,
        id: &DeploymentId,
        event: Event,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        self.deployment_advance_by(epoch, id, event, now, None).await
    }

    /// The same because somebody asked for it, which is told in the same transaction.
    pub async fn deployment_advance_by(
        &self,
        epoch: u64,
        id: &DeploymentId,
        event: Event,
        now: Timestamp,
        audit: Option<&NewAudit>,
    ) -> Result<Advanced, StoreError> {
        let mut tries = Tries::default();
        let advanced = loop {
            match self.advance_once(epoch, id, event.clone(), now, audit).await {
                Ok(advanced) => break advanced,
                Err(error) => tries.again(error)?,
            }
        };
        crash_point!("store.advance.after_commit");
        self.events.send_modify(|count| *count += 1);
        Ok(advanced)
    }

    /// Notes that nothing of a deployment is left on its node.
    pub async fn deployment_leave_node(&self, id: &DeploymentId) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::OnNode, Expr::value(false))
            .filter(row::Column::Id.eq(id.as_str()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a deployment", error))
    }

    /// Stores what the deployment's node says of it, unless something newer is stored.
    pub async fn deployment_report_store(
        &self,
        id: &DeploymentId,
        node: &NodeId,
        report: &pierhead_model::assignment::Report,
    ) -> Result<(), StoreError> {
        let sequence = i64::try_from(report.sequence).unwrap_or(i64::MAX);
        let done = row::Entity::update_many()
            .col_expr(row::Column::Report, Expr::value(document::write("report", report)?))
            .col_expr(row::Column::ReportSequence, Expr::value(sequence))
            .filter(row::Column::Id.eq(id.as_str()))
            .filter(row::Column::NodeId.eq(node.to_string()))
            .filter(row::Column::ReportSequence.lt(sequence))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a report", error))
    }

    /// Removes an ended deployment that is on no node any more, with its events and its log.
    pub async fn deployment_delete(&self, id: &DeploymentId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("deleting a deployment", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let of_it = shares::row::Column::DeploymentId.eq(id.as_str());
        let shares =
            shares::row::Entity::find().filter(of_it.clone()).all(&transaction).await.map_err(error)?;
        if shares.iter().any(|share| share.on_node) {
            return Err(StoreError::Conflict { what: "deployment" });
        }
        shares::row::Entity::delete_many().filter(of_it).exec(&transaction).await.map_err(error)?;
        let done = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.as_str()))
            .filter(row::Column::State.is_in([State::Inactive.to_string(), State::Failed.to_string()]))
            .filter(row::Column::OnNode.eq(false))
            .exec(&transaction)
            .await
            .map_err(error)?;
        if done.rows_affected == 0 {
            return Err(StoreError::Conflict { what: "deployment" });
        }
        let of_it = events::row::Column::DeploymentId.eq(id.as_str());
        events::row::Entity::delete_many().filter(of_it).exec(&transaction).await.map_err(error)?;
        transaction.commit().await.map_err(error)?;
        for share in shares {
            self.logs.delete(&document::parse("share", &share.id)?).await?;
        }
        self.logs.delete(id).await
    }

    async fn create_once(&self, new: &NewDeployment, now: Timestamp) -> Result<Deployment, TxnError> {
        let transaction = self.db.begin().await?;
        let created = create_in_txn(&transaction, new, now).await?;
        if let Some(audit) = &new.audit {
            audit::write_in_txn(&transaction, audit).await?;
        }
        crash_point!("store.deployment_create.before_commit");
        transaction.commit().await?;
        Ok(created)
    }

    async fn advance_once(
        &self,
        epoch: u64,
        id: &DeploymentId,
        event: Event,
        now: Timestamp,
        audit: Option<&NewAudit>,
    ) -> Result<Advanced, TxnError> {
        let transaction = self.db.begin().await?;
        let advanced = advance_in_txn(&transaction, epoch, id, event, now).await?;
        if let Some(audit) = audit {
            audit::write_in_txn(&transaction, audit).await?;
        }
        crash_point!("store.advance.before_commit");
        transaction.commit().await?;
        Ok(advanced)
    }
}

/// A transaction that lost a race which the database noticed is tried again, a few times.
#[derive(Debug, Default)]
struct Tries(usize);

impl Tries {
    fn again(&mut self, error: TxnError) -> Result<(), StoreError> {
        self.0 += 1;
        match error {
            TxnError::Database(error) if self.0 < TRIES && lost_a_race(&error) => Ok(()),
            TxnError::Database(error) => Err(StoreError::from_db("deployment", error)),
            TxnError::Store(error) => Err(error),
        }
    }
}

/// A database's own error is kept apart until it is clear whether to try again.
enum TxnError {
    Database(DbErr),
    Store(StoreError),
}

impl From<DbErr> for TxnError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for TxnError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn create_in_txn(
    transaction: &DatabaseTransaction,
    new: &NewDeployment,
    now: Timestamp,
) -> Result<Deployment, TxnError> {
    let slot = locked_slot(transaction, new.slot.as_ref()).await?;
    let project = project_of(transaction, new.project.as_ref()).await?;
    if slot.deleting_at.is_some() || project.deleting_at.is_some() {
        return Err(StoreError::Conflict { what: "slot" }.into());
    }
    slot::Entity::update_many()
        .col_expr(slot::Column::NextNumber, Expr::value(slot.next_number + 1))
        .filter(slot::Column::Id.eq(&slot.id))
        .exec(transaction)
        .await?;
    if let Some(head) = &new.head {
        followed::accept_in_txn(transaction, &new.project, head).await?;
    }
    let number = u64::try_from(slot.next_number).unwrap_or_default();
    let mut deployment = Deployment::queued(
        new.id.clone(),
        new.project.clone(),
        new.slot.clone(),
        number,
        new.limits.clone(),
        now,
    );
    deployment.timings.received_at = new.received_at;
    let row = row::ActiveModel {
        id: Set(deployment.id.to_string()),
        project_id: Set(deployment.project.to_string()),
        slot_id: Set(deployment.slot.to_string()),
        number: Set(slot.next_number),
        state: Set(deployment.state.to_string()),
        failure: Set(None),
        generation: Set(i64::try_from(deployment.generation).unwrap_or(i64::MAX)),
        node_id: Set(None),
        on_node: Set(false),
        reserved_memory_mb: Set(0),
        reserved_cpu_milli: Set(0),
        release_digest: Set(None),
        limits: Set(document::write("limits", &deployment.limits)?),
        cancel_requested_at: Set(None),
        deadline: Set(deployment.deadline.map(Timestamp::as_millisecond)),
        timings: Set(document::write("timings", &deployment.timings)?),
        trigger_kind: Set(new.trigger.clone()),
        created_by: Set(new.created_by.clone()),
        work: Set(new.work.clone()),
        report: Set(None),
        report_sequence: Set(0),
        created_at: Set(now.as_millisecond()),
    };
    row::Entity::insert(row).exec_without_returning(transaction).await?;
    let event = NewEvent {
        deployment: &deployment.id,
        project_id: &deployment.project,
        project: &document::parse::<ProjectName>("project", &project.name)?,
        slot: &document::parse::<SlotName>("slot", &slot.name)?,
        from: None,
        to: State::Queued,
        failure: None,
        at: now,
    };
    events::write_in_txn(transaction, event).await?;
    Ok(deployment)
}

async fn advance_in_txn(
    transaction: &DatabaseTransaction,
    epoch: u64,
    id: &DeploymentId,
    event: Event,
    now: Timestamp,
) -> Result<Advanced, TxnError> {
    let found = row::Entity::find_by_id(id.to_string()).one(transaction).await?;
    let found = found.ok_or(StoreError::NotFound { what: "deployment" })?;
    // All that moves in a slot waits here for its turn, so two promotions cannot pass each other.
    let slot = locked_slot(transaction, &found.slot_id).await?;
    check_epoch(transaction, epoch).await?;
    let project = project_of(transaction, &found.project_id).await?;
    let names = (
        document::parse::<ProjectName>("project", &project.name)?,
        document::parse::<SlotName>("slot", &slot.name)?,
    );
    let replaced = if event == Event::Promoted {
        let live = row::Entity::find()
            .filter(row::Column::SlotId.eq(&found.slot_id))
            .filter(row::Column::State.eq(State::Production.to_string()))
            .filter(row::Column::Id.ne(id.as_str()))
            .one(transaction)
            .await?;
        match live {
            Some(live) => {
                Some(Box::new(write_step(transaction, live, Event::Deactivated, now, &names).await?))
            }
            None => None,
        }
    } else {
        None
    };
    // Read again: waiting for the slot may have taken a while.
    let current = row::Entity::find_by_id(id.to_string()).one(transaction).await?;
    let current = current.ok_or(StoreError::NotFound { what: "deployment" })?;
    let advanced = write_step(transaction, current, event, now, &names).await?;
    Ok(Advanced { replaced, ..advanced })
}

async fn write_step(
    transaction: &DatabaseTransaction,
    found: row::Model,
    event: Event,
    now: Timestamp,
    (project, slot): &(ProjectName, SlotName),
) -> Result<Advanced, TxnError> {
    let before = found.deployment()?;
    let placed = matches!(event, Event::Placed { .. });
    let (after, effects) = step(&before, event, now).map_err(StoreError::Illegal)?;
    let mut update = row::Entity::update_many();
    for (column, value) in row::moved(&after)? {
        update = update.col_expr(column, value);
    }
    if placed {
        update = update.col_expr(row::Column::OnNode, Expr::value(true));
    }
    let done = update
        .filter(row::Column::Id.eq(&found.id))
        .filter(row::Column::Generation.eq(found.generation))
        .exec(transaction)
        .await?;
    if done.rows_affected != 1 {
        return Err(StoreError::Conflict { what: "deployment" }.into());
    }
    for effect in &effects {
        if let Effect::Emit { from, to } = effect {
            let failure = after.failure.as_ref();
            let event = NewEvent {
                deployment: &after.id,
                project_id: &after.project,
                project,
                slot,
                from: Some(*from),
                to: *to,
                failure,
                at: now,
            };
            events::write_in_txn(transaction, event).await?;
        }
    }
    Ok(Advanced { before, after, effects, replaced: None })
}

async fn locked_slot(transaction: &DatabaseTransaction, id: &str) -> Result<slot::Model, TxnError> {
    let found = slot::Entity::find_by_id(id.to_owned()).lock_exclusive().one(transaction).await?;
    Ok(found.ok_or(StoreError::NotFound { what: "slot" })?)
}

async fn project_of(transaction: &DatabaseTransaction, id: &str) -> Result<project::Model, TxnError> {
    let found = project::Entity::find_by_id(id.to_owned()).one(transaction).await?;
    Ok(found.ok_or(StoreError::NotFound { what: "project" })?)
}

/// Holds the epoch until the commit, so that a newer control plane cannot begin between the check and the write.
async fn check_epoch(transaction: &DatabaseTransaction, mine: u64) -> Result<(), TxnError> {
    let found = install::row::Entity::find_by_id(1).lock_shared().one(transaction).await?;
    let newest = found.and_then(|row| u64::try_from(row.epoch).ok()).unwrap_or_default();
    if newest > mine { Err(StoreError::Fenced { mine, newest }.into()) } else { Ok(()) }
}
