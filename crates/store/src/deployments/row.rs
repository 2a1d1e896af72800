//! The row of a deployment, and how it becomes the model's type.

use pierhead_model::deployment::{Deployment, Reservation, State};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::SimpleExpr;

use crate::{StoreError, document};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deployments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project_id: String,
    pub slot_id: String,
    pub number: i64,
    pub state: String,
    pub failure: Option<String>,
    pub generation: i64,
    pub node_id: Option<String>,
    pub on_node: bool,
    pub reserved_memory_mb: i64,
    pub reserved_cpu_milli: i64,
    pub release_digest: Option<String>,
    pub limits: String,
    pub cancel_requested_at: Option<i64>,
    pub deadline: Option<i64>,
    pub timings: String,
    pub trigger_kind: String,
    pub created_by: String,
    pub work: String,
    pub report: Option<String>,
    pub report_sequence: i64,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(super) fn deployment(&self) -> Result<Deployment, StoreError> {
        Ok(Deployment {
            id: document::parse("deployment", &self.id)?,
            project: document::parse("project", &self.project_id)?,
            slot: document::parse("slot", &self.slot_id)?,
            number: u64::try_from(self.number).unwrap_or_default(),
            state: self.state.parse::<State>().map_err(|error| StoreError::corrupt("state", error))?,
            failure: self.failure.as_deref().map(|text| document::read("failure", text)).transpose()?,
            generation: u64::try_from(self.generation).unwrap_or_default(),
            node: self.node_id.as_deref().map(|id| document::parse("node", id)).transpose()?,
            reserved: Reservation {
                memory_mb: u32::try_from(self.reserved_memory_mb).unwrap_or_default(),
                cpu_milli: u32::try_from(self.reserved_cpu_milli).unwrap_or_default(),
            },
            release: self
                .release_digest
                .as_deref()
                .map(|text| text.parse().map_err(|error| StoreError::corrupt("release", error)))
                .transpose()?,
            limits: document::read("limits", &self.limits)?,
            cancel_requested_at: self.cancel_requested_at.map(document::time).transpose()?,
            deadline: self.deadline.map(document::time).transpose()?,
            timings: document::read("timings", &self.timings)?,
        })
    }
}

/// The columns that a transition writes.
pub(super) fn moved(after: &Deployment) -> Result<Vec<(Column, SimpleExpr)>, StoreError> {
    let milliseconds = |time: Option<pierhead_model::Timestamp>| time.map(|time| time.as_millisecond());
    let failure = after.failure.as_ref().map(|failure| document::write("failure", failure)).transpose()?;
    Ok(vec![
        (Column::State, Expr::value(after.state.to_string())),
        (Column::Failure, Expr::value(failure)),
        (Column::Generation, Expr::value(i64::try_from(after.generation).unwrap_or(i64::MAX))),
        (Column::NodeId, Expr::value(after.node.as_ref().map(ToString::to_string))),
        (Column::ReservedMemoryMb, Expr::value(i64::from(after.reserved.memory_mb))),
        (Column::ReservedCpuMilli, Expr::value(i64::from(after.reserved.cpu_milli))),
        (Column::ReleaseDigest, Expr::value(after.release.map(|digest| digest.to_hex()))),
        (Column::CancelRequestedAt, Expr::value(milliseconds(after.cancel_requested_at))),
        (Column::Deadline, Expr::value(milliseconds(after.deadline))),
        (Column::Timings, Expr::value(document::write("timings", &after.timings)?)),
    ])
}
