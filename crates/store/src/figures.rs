//! Figures over time: written in batches, read by range, rolled up as they grow old.
//!
//! A row holds the points of one owner in one stretch of time. New rows hold one point each; rolling up makes rows of an hour of
//! minutes, and of a day of quarters of an hour, and takes away what went into them in the same transaction. So every count is
//! in exactly one row, and a range is the sum of all rows in it, whatever their tiers.

use std::collections::HashMap;

use pierhead_model::figures::Figures;
use pierhead_model::figures::keeping::{Due, FINEST, TIERS, due, floor, roll_up};
use pierhead_model::id::{NodeId, SlotId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

/// Rows in one statement: databases take so many values in one, and no more.
const AT_ONCE: usize = 1000;

/// Whose figures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FiguresOf {
    Slot(SlotId),
    Node(NodeId),
}

impl FiguresOf {
    fn as_str(&self) -> &str {
        match self {
            Self::Slot(slot) => slot.as_ref(),
            Self::Node(node) => node.as_ref(),
        }
    }
}

/// What is written at once.
#[derive(Debug)]
pub struct FiguresBatch<'a> {
    /// Greater than that of every batch before.
    pub part: u64,
    /// Whose, and when: each pair once, the time a multiple of the finest step in Unix seconds.
    pub points: &'a HashMap<(FiguresOf, u64), Figures>,
    /// By their numbers: how far processes that count have been heard with this batch.
    pub heard: &'a HashMap<u64, u64>,
    /// In Unix seconds.
    pub now: u64,
}

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "figures")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub owner: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tier: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub starts_at: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub part: i64,
        pub points: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        /// A row that could not be read would hide all others: what is not understood is left out, and said.
        pub(super) fn into_points(self) -> Vec<(u64, Figures)> {
            let read: Result<Vec<(u64, Figures)>, _> = document::read("figures", &self.points);
            read.unwrap_or_else(|error| {
                let Self { owner, tier, starts_at, part, .. } = self;
                tracing::error!(%error, owner, tier, starts_at, part, "figures cannot be read; they are left out");
                Vec::new()
            })
        }
    }
}

mod source {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "figure_sources")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub run: i64,
        pub sequence: i64,
        pub heard_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading figures";
const WRITING: &str = "writing figures";
const ROLLING: &str = "rolling up figures";

/// Databases have signed numbers only; none of ours is that large.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn new_row(
    owner: &str,
    tier: u64,
    (starts_at, part): (u64, i64),
    points: &[(u64, &Figures)],
) -> Result<row::ActiveModel, StoreError> {
    Ok(row::ActiveModel {
        owner: Set(owner.to_owned()),
        tier: Set(signed(tier)),
        starts_at: Set(signed(starts_at)),
        part: Set(part),
        points: Set(document::write("figures", &points)?),
    })
}

impl Store {
    /// Writes a batch: all of it, or nothing.
    pub async fn figures_write(&self, batch: &FiguresBatch<'_>) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(WRITING, error);
        let mut rows = Vec::with_capacity(batch.points.len());
        for ((owner, at), figures) in batch.points {
            let place = (floor(*at, FINEST.row), signed(batch.part));
            rows.push(new_row(owner.as_str(), FINEST.step, place, &[(*at, figures)])?);
        }
        let transaction = self.db.begin().await.map_err(error)?;
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(AT_ONCE));
            row::Entity::insert_many(rows).exec_without_returning(&transaction).await.map_err(error)?;
            rows = rest;
        }
        for (run, sequence) in batch.heard {
            let heard = source::ActiveModel {
                run: Set(signed(*run)),
                sequence: Set(signed(*sequence)),
                heard_at: Set(signed(batch.now)),
            };
            let again = OnConflict::column(source::Column::Run)
                .update_columns([source::Column::Sequence, source::Column::HeardAt])
                .to_owned();
            let done = source::Entity::insert(heard).on_conflict(again);
            done.exec_without_returning(&transaction).await.map_err(error)?;
        }
        pierhead_model::crash_point!("store.figures.before_commit");
        transaction.commit().await.map_err(error)
    }

    /// How far each process that counts was heard.
    pub async fn figures_heard(&self) -> Result<HashMap<u64, u64>, StoreError> {
        let rows = source::Entity::find().all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        Ok(rows.into_iter().map(|row| (unsigned(row.run), unsigned(row.sequence))).collect())
    }

    /// Forgets processes that were not heard since then, in Unix seconds.
    pub async fn figures_heard_forget(&self, before: u64) -> Result<(), StoreError> {
        let old = source::Column::HeardAt.lt(signed(before));
        let done = source::Entity::delete_many().filter(old).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(ROLLING, error))
    }

    /// The points of all these owners from `from` until before `to`, in Unix seconds, in no order.
    pub async fn figures_read(
        &self,
        owners: &[FiguresOf],
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, Figures)>, StoreError> {
        let mut points = Vec::new();
        for owners in owners.chunks(AT_ONCE) {
            for tier in TIERS {
                let rows = row::Entity::find()
                    .filter(row::Column::Owner.is_in(owners.iter().map(FiguresOf::as_str)))
                    .filter(row::Column::Tier.eq(signed(tier.step)))
                    .filter(row::Column::StartsAt.gte(signed(floor(from, tier.row))))
                    .filter(row::Column::StartsAt.lt(signed(to)))
                    .all(&self.db)
                    .await
                    .map_err(|error| StoreError::from_db(READING, error))?;
                let inside = |(at, _): &(u64, Figures)| (from..to).contains(at);
                points.extend(rows.into_iter().flat_map(row::Model::into_points).filter(inside));
            }
        }
        Ok(points)
    }

    /// Rolls up what is old enough at `now` (Unix seconds), and forgets what is older than anything is kept: for at most `most`
    /// owners after `after`, in their order. Returns the last of them; `None` when there are no more.
    pub async fn figures_roll_up(
        &self,
        after: Option<&str>,
        now: u64,
        most: usize,
    ) -> Result<Option<String>, StoreError> {
        let mut last = after.map(str::to_owned);
        for _ in 0..most {
            let mut next = row::Entity::find().select_only().column(row::Column::Owner);
            if let Some(last) = &last {
                next = next.filter(row::Column::Owner.gt(last));
            }
            let next: Option<String> = next
                .order_by_asc(row::Column::Owner)
                .limit(1)
                .into_tuple()
                .one(&self.db)
                .await
                .map_err(|error| StoreError::from_db(ROLLING, error))?;
            let Some(owner) = next else { return Ok(None) };
            for due in due(now) {
                self.figures_roll_up_of(&owner, due).await?;
            }
            last = Some(owner);
        }
        Ok(last)
    }

    async fn figures_roll_up_of(&self, owner: &str, due: Due) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(ROLLING, error);
        let of_it = |tier: u64| {
            Condition::all().add(row::Column::Owner.eq(owner)).add(row::Column::Tier.eq(signed(tier)))
        };
        let old = of_it(due.from.step).add(row::Column::StartsAt.lt(signed(due.before)));
        let Some(into) = due.into else {
            return row::Entity::delete_many().filter(old).exec(&self.db).await.map(drop).map_err(error);
        };
        loop {
            let first = row::Entity::find()
                .filter(old.clone())
                .order_by_asc(row::Column::StartsAt)
                .limit(1)
                .one(&self.db)
                .await
                .map_err(error)?;
            let Some(first) = first else { return Ok(()) };
            let start = floor(unsigned(first.starts_at), into.row);
            let fine = of_it(due.from.step)
                .add(row::Column::StartsAt.gte(signed(start)))
                .add(row::Column::StartsAt.lt(signed(start + into.row)));
            let coarse = of_it(into.step).add(row::Column::StartsAt.eq(signed(start)));
            // Read before the transaction, which holds everybody else up: what is written meanwhile has a greater part, and stays.
            let either = Condition::any().add(fine.clone()).add(coarse.clone());
            let rows = row::Entity::find().filter(either).all(&self.db).await.map_err(error)?;
            let Some(part) = rows.iter().map(|row| row.part).max() else { return Ok(()) };
            let points: Vec<(u64, Figures)> = rows.into_iter().flat_map(row::Model::into_points).collect();
            let rolled = roll_up(points.iter().map(|(at, figures)| (*at, figures)), into);
            let transaction = self.db.begin().await.map_err(error)?;
            for gone in [fine, coarse] {
                let gone = gone.add(row::Column::Part.lte(part));
                row::Entity::delete_many().filter(gone).exec(&transaction).await.map_err(error)?;
            }
            for (starts_at, points) in &rolled {
                let points: Vec<_> = points.iter().map(|(at, figures)| (*at, figures)).collect();
                let rolled = new_row(owner, into.step, (*starts_at, part), &points)?;
                row::Entity::insert(rolled).exec_without_returning(&transaction).await.map_err(error)?;
            }
            transaction.commit().await.map_err(error)?;
        }
    }

    /// Forgets everything of an owner.
    pub async fn figures_delete(&self, owner: &FiguresOf) -> Result<(), StoreError> {
        let of_it = row::Column::Owner.eq(owner.as_str());
        let done = row::Entity::delete_many().filter(of_it).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting figures", error))
    }
}
