//! The outbox: one event per transition, written in its transaction, read in order by whoever listens.
//!
//! There is nothing to publish and so nothing that can be lost between a commit and a publication: the table is the stream,
//! and a signal in this process only says that looking is worth it. A reader remembers the last sequence it handled.

use pierhead_model::Timestamp;
use pierhead_model::deployment::{Failure, State};
use pierhead_model::id::{DeploymentId, ProjectId};
use pierhead_model::name::{ProjectName, SlotName};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};
use tokio::sync::watch;

use crate::{Store, StoreError, Visibility, document, feedback, notices};

/// A transition that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Grows over all events; per deployment it is the order of its transitions.
    pub sequence: u64,
    pub deployment: DeploymentId,
    pub project: ProjectName,
    pub slot: SlotName,
    /// `None` when the deployment was created.
    pub from: Option<State>,
    pub to: State,
    pub failure: Option<Failure>,
    pub at: Timestamp,
}

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub sequence: i64,
        pub deployment_id: String,
        pub project_name: String,
        pub slot_name: String,
        pub from_state: Option<String>,
        pub to_state: String,
        pub failure: Option<String>,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// An event that is about to be written.
pub(crate) struct NewEvent<'a> {
    pub(crate) deployment: &'a DeploymentId,
    pub(crate) project_id: &'a ProjectId,
    pub(crate) project: &'a ProjectName,
    pub(crate) slot: &'a SlotName,
    pub(crate) from: Option<State>,
    pub(crate) to: State,
    pub(crate) failure: Option<&'a Failure>,
    pub(crate) at: Timestamp,
}

/// Writes an event in the transaction of what it tells.
pub(crate) async fn write_in_txn(
    transaction: &impl ConnectionTrait,
    new: NewEvent<'_>,
) -> Result<(), StoreError> {
    notices::enqueue(transaction, &new).await?;
    feedback::enqueue(transaction, &new).await?;
    let row = row::ActiveModel {
        sequence: sea_orm::NotSet,
        deployment_id: Set(new.deployment.to_string()),
        project_name: Set(new.project.to_string()),
        slot_name: Set(new.slot.to_string()),
        from_state: Set(new.from.map(|state| state.to_string())),
        to_state: Set(new.to.to_string()),
        failure: Set(new.failure.map(|failure| document::write("failure", failure)).transpose()?),
        at: Set(new.at.as_millisecond()),
    };
    let done = row::Entity::insert(row).exec_without_returning(transaction).await;
    done.map(drop).map_err(|error| StoreError::from_db("writing an event", error))
}

impl Store {
    /// The events after `sequence` that are visible, in order, at most `limit`.
    pub async fn events_after(
        &self,
        sequence: u64,
        limit: u64,
        visible: &Visibility,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let after = i64::try_from(sequence).unwrap_or(i64::MAX);
        let mut query = row::Entity::find().filter(row::Column::Sequence.gt(after));
        if let Some(deployments) = visible.deployment_ids() {
            query = query.filter(row::Column::DeploymentId.in_subquery(deployments));
        }
        let rows = query
            .order_by_asc(row::Column::Sequence)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the events", error))?;
        rows.into_iter().map(into_event).collect()
    }

    /// The transitions of one deployment, in order.
    pub async fn events_of(&self, deployment: &DeploymentId) -> Result<Vec<EventRecord>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::DeploymentId.eq(deployment.as_str()))
            .order_by_asc(row::Column::Sequence)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the events", error))?;
        rows.into_iter().map(into_event).collect()
    }

    /// The sequence of the newest event, 0 when there is none.
    pub async fn events_last(&self) -> Result<u64, StoreError> {
        let row = row::Entity::find().order_by_desc(row::Column::Sequence).one(&self.db).await;
        let row = row.map_err(|error| StoreError::from_db("reading the events", error))?;
        Ok(row.and_then(|row| u64::try_from(row.sequence).ok()).unwrap_or(0))
    }

    /// Changes whenever this process has written events.
    pub fn events_written(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }
}

fn into_event(row: row::Model) -> Result<EventRecord, StoreError> {
    let state = |text: &str| text.parse().map_err(|error| StoreError::corrupt("state", error));
    Ok(EventRecord {
        sequence: u64::try_from(row.sequence).unwrap_or_default(),
        deployment: document::parse("deployment", &row.deployment_id)?,
        project: document::parse("project", &row.project_name)?,
        slot: document::parse("slot", &row.slot_name)?,
        from: row.from_state.as_deref().map(state).transpose()?,
        to: state(&row.to_state)?,
        failure: row.failure.as_deref().map(|text| document::read("failure", text)).transpose()?,
        at: document::time(row.at)?,
    })
}
