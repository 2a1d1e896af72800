//! When services slept.

use pierhead_model::Timestamp;
use pierhead_model::id::{DeploymentId, SlotId};
use pierhead_model::sleep::Rest;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

/// One stretch of sleep at one depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nap {
    pub slot: SlotId,
    pub deployment: DeploymentId,
    pub depth: Rest,
    pub began_at: Timestamp,
    /// `None` while it lasts.
    pub ended_at: Option<Timestamp>,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "rests")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub deployment_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub began_at: i64,
        pub slot_id: String,
        pub depth: String,
        pub ended_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_nap(self) -> Result<Nap, StoreError> {
            Ok(Nap {
                slot: document::parse("nap", &self.slot_id)?,
                deployment: document::parse("nap", &self.deployment_id)?,
                depth: if self.depth == Rest::Frozen.to_string() { Rest::Frozen } else { Rest::Stopped },
                began_at: document::time(self.began_at)?,
                ended_at: self.ended_at.map(document::time).transpose()?,
            })
        }
    }
}

const WRITING: &str = "writing when a service slept";

impl Store {
    /// From now on a deployment rests as deeply as this. Saying it twice changes nothing.
    pub async fn rest_changed(
        &self,
        slot: &SlotId,
        deployment: &DeploymentId,
        rest: Rest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(WRITING, error);
        let open = Condition::all()
            .add(row::Column::DeploymentId.eq(deployment.to_string()))
            .add(row::Column::EndedAt.is_null());
        // Only the session of its node writes of a deployment, one thing after the other: reading first is enough.
        let lasting = row::Entity::find().filter(open.clone()).one(&self.db).await.map_err(error)?;
        let depth = rest.to_string();
        let lasts_on = lasting.as_ref().is_some_and(|lasting| lasting.depth == depth);
        if lasts_on || (lasting.is_none() && rest == Rest::Awake) {
            return Ok(());
        }
        let transaction = self.db.begin().await.map_err(error)?;
        row::Entity::update_many()
            .col_expr(row::Column::EndedAt, Expr::value(now.as_millisecond()))
            .filter(open)
            .exec(&transaction)
            .await
            .map_err(error)?;
        if rest != Rest::Awake {
            let new = row::ActiveModel {
                deployment_id: Set(deployment.to_string()),
                // Two in one millisecond are one.
                began_at: Set(lasting
                    .map_or(0, |lasting| lasting.began_at.saturating_add(1))
                    .max(now.as_millisecond())),
                slot_id: Set(slot.to_string()),
                depth: Set(depth),
                ended_at: Set(None),
            };
            // One that began and ended in this millisecond was none.
            let again = OnConflict::columns([row::Column::DeploymentId, row::Column::BeganAt])
                .update_columns([row::Column::Depth, row::Column::EndedAt])
                .to_owned();
            let done = row::Entity::insert(new).on_conflict(again);
            done.exec_without_returning(&transaction).await.map_err(error)?;
        }
        transaction.commit().await.map_err(error)
    }

    /// What of these slots slept between two moments, in the order of their beginning, at most `limit` (the newest).
    pub async fn rests_of(
        &self,
        slots: &[SlotId],
        (from, to): (Timestamp, Timestamp),
        limit: u64,
    ) -> Result<Vec<Nap>, StoreError> {
        let reaches = Condition::any()
            .add(row::Column::EndedAt.is_null())
            .add(row::Column::EndedAt.gt(from.as_millisecond()));
        let rows = row::Entity::find()
            .filter(row::Column::SlotId.is_in(slots.iter().map(AsRef::<str>::as_ref)))
            .filter(row::Column::BeganAt.lt(to.as_millisecond()))
            .filter(reaches)
            .order_by_desc(row::Column::BeganAt)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading when services slept", error))?;
        rows.into_iter().rev().map(row::Model::into_nap).collect()
    }

    /// Forgets what ended before, in one small piece. True when there may be more.
    pub async fn rests_forget(&self, before: Timestamp, most: u64) -> Result<bool, StoreError> {
        let error = |error| StoreError::from_db("forgetting when services slept", error);
        let old = row::Entity::find()
            .filter(row::Column::EndedAt.lt(before.as_millisecond()))
            .limit(most)
            .all(&self.db)
            .await
            .map_err(error)?;
        let more = old.len() as u64 == most;
        for row in old {
            row::Entity::delete_by_id((row.deployment_id, row.began_at))
                .exec(&self.db)
                .await
                .map_err(error)?;
        }
        Ok(more)
    }

    pub(crate) async fn rests_delete(&self, slot: &SlotId) -> Result<(), StoreError> {
        let of_it = row::Column::SlotId.eq(slot.to_string());
        let done = row::Entity::delete_many().filter(of_it).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }
}
