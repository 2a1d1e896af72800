//! Orders at a certificate authority: which names, when, and who is at it; and our account there.

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

/// A name that an authority is asked to vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOrder {
    pub name: String,
    /// `None` for the installation's own names.
    pub project: Option<ProjectId>,
    pub due_at: Timestamp,
    /// One after the other.
    pub failures: u32,
    /// Why the last order failed.
    pub problem: Option<String>,
    /// Until then somebody is at it.
    pub held_until: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "certificate_orders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub project_id: Option<String>,
        pub due_at: i64,
        pub failures: i64,
        pub problem: Option<String>,
        pub holder: Option<String>,
        pub held_until: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_order(self) -> Result<CertificateOrder, StoreError> {
            Ok(CertificateOrder {
                name: self.name,
                project: self.project_id.as_deref().map(|id| document::parse("project", id)).transpose()?,
                due_at: document::time(self.due_at)?,
                failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
                problem: self.problem,
                held_until: document::time(self.held_until)?,
            })
        }
    }
}

mod account {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "acme_accounts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub directory: String,
        pub credentials: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading the orders of certificates";
const WRITING: &str = "writing an order of a certificate";

impl Store {
    /// By name.
    pub async fn orders(&self) -> Result<Vec<CertificateOrder>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_order).collect()
    }

    /// From now on a certificate for this name is wanted. Nothing changes when it was already.
    pub async fn order_ensure(
        &self,
        name: &str,
        project: Option<&ProjectId>,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            name: Set(name.to_owned()),
            project_id: Set(project.map(ToString::to_string)),
            due_at: Set(due_at.as_millisecond()),
            failures: Set(0),
            problem: Set(None),
            holder: Set(None),
            held_until: Set(0),
        };
        let taken_over =
            OnConflict::column(row::Column::Name).update_column(row::Column::ProjectId).to_owned();
        let done = row::Entity::insert(row).on_conflict(taken_over).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// No certificate for this name is wanted any more.
    pub async fn order_delete(&self, name: &str) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(name.to_owned()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Those whose time has come and that nobody is at, the longest waiting first.
    pub async fn orders_due(
        &self,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Vec<CertificateOrder>, StoreError> {
        let due = row::Entity::find()
            .filter(row::Column::DueAt.lte(now.as_millisecond()))
            .filter(row::Column::HeldUntil.lte(now.as_millisecond()));
        let rows = due.order_by_asc(row::Column::DueAt).limit(at_most).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_order).collect()
    }

    /// Takes an order, so that nobody else makes it until then. False when somebody was faster.
    pub async fn order_take(
        &self,
        order: &CertificateOrder,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let taken = row::Entity::update_many()
            .col_expr(row::Column::Holder, Expr::value(holder.to_owned()))
            .col_expr(row::Column::HeldUntil, Expr::value(until.as_millisecond()))
            .filter(row::Column::Name.eq(order.name.clone()))
            .filter(row::Column::DueAt.eq(order.due_at.as_millisecond()))
            .filter(row::Column::HeldUntil.lte(now.as_millisecond()));
        let done = taken.exec(&self.db).await.map_err(|error| StoreError::from_db(WRITING, error))?;
        Ok(done.rows_affected == 1)
    }

    /// Gives an order back: with a failure, or without one; and says when the next one is due. Nothing when it is not `holder`'s.
    pub async fn order_ended(
        &self,
        name: &str,
        holder: &str,
        (failures, problem): (u32, Option<&str>),
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let ended = row::Entity::update_many()
            .col_expr(row::Column::Holder, Expr::value(None::<String>))
            .col_expr(row::Column::HeldUntil, Expr::value(0_i64))
            .col_expr(row::Column::Failures, Expr::value(i64::from(failures)))
            .col_expr(row::Column::Problem, Expr::value(problem.map(ToOwned::to_owned)))
            .col_expr(row::Column::DueAt, Expr::value(due_at.as_millisecond()))
            .filter(row::Column::Name.eq(name))
            .filter(row::Column::Holder.eq(holder));
        ended.exec(&self.db).await.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// The next order for a name is made now, whatever became of the last. False when none is wanted.
    pub async fn order_hasten(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let hastened = row::Entity::update_many()
            .col_expr(row::Column::DueAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Name.eq(name));
        let done = hastened.exec(&self.db).await.map_err(|error| StoreError::from_db(WRITING, error))?;
        Ok(done.rows_affected == 1)
    }

    pub(crate) async fn orders_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let of_it = row::Entity::delete_many().filter(row::Column::ProjectId.eq(project.to_string()));
        of_it.exec(&self.db).await.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Sealed credentials at an authority.
    pub async fn acme_account(&self, directory: &str) -> Result<Option<String>, StoreError> {
        let found = account::Entity::find_by_id(directory.to_owned()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading the account", error))?;
        Ok(found.map(|account| account.credentials))
    }

    /// Keeps them, unless somebody else was faster: then those are the ones.
    pub async fn acme_account_ensure(
        &self,
        directory: &str,
        credentials: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = account::ActiveModel {
            directory: Set(directory.to_owned()),
            credentials: Set(credentials.to_owned()),
            created_at: Set(now.as_millisecond()),
        };
        let first = OnConflict::column(account::Column::Directory).do_nothing().to_owned();
        let done = account::Entity::insert(row).on_conflict(first).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("storing the account", error))
    }
}
