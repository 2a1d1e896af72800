//! Webhooks that were received, and what they are signed with.
//!
//! A delivery and the looks it asks for are one transaction: what was answered happens, and what is delivered twice is
//! answered twice and happens once.

use pierhead_model::Timestamp;
use pierhead_model::crash_point;
use pierhead_model::id::ProjectId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::followed::{Ask, ask_on};
use crate::{Store, StoreError, document};

/// A webhook that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `github`, `gitlab`, `gitea`, `generic`.
    pub provider: String,
    /// The project whose secret signed it; `None` for the installation's own.
    pub scope: Option<ProjectId>,
    /// The provider's id.
    pub id: String,
    /// As the provider calls it.
    pub event: String,
    pub repository: Option<String>,
    /// What followed, for people.
    pub outcome: String,
    pub received_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deliveries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub delivery: String,
        pub event: String,
        pub repository: Option<String>,
        pub outcome: String,
        pub received_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod secret {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hook_secrets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        pub sealed: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading the webhooks";

impl Store {
    /// Writes a delivery down together with the looks it asks for. False when it was delivered before.
    pub async fn delivery_accept(&self, delivery: &Delivery, asks: &[Ask]) -> Result<bool, StoreError> {
        let error = |error| StoreError::from_db("writing a webhook down", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let row = row::ActiveModel {
            provider: Set(delivery.provider.clone()),
            scope: Set(scope(delivery.scope.as_ref())),
            delivery: Set(delivery.id.clone()),
            event: Set(delivery.event.clone()),
            repository: Set(delivery.repository.clone()),
            outcome: Set(delivery.outcome.clone()),
            received_at: Set(delivery.received_at.as_millisecond()),
        };
        let same = [row::Column::Provider, row::Column::Scope, row::Column::Delivery];
        let inserted = row::Entity::insert(row)
            .on_conflict(OnConflict::columns(same).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(error)?;
        if inserted == 0 {
            transaction.rollback().await.map_err(error)?;
            return Ok(false);
        }
        for ask in asks {
            ask_on(&transaction, ask).await?;
        }
        crash_point!("store.delivery.before_commit");
        transaction.commit().await.map_err(error)?;
        crash_point!("store.delivery.after_commit");
        Ok(true)
    }

    /// The newest first: those that one project's secret signed, or the installation's own.
    pub async fn deliveries_of(
        &self,
        project: Option<&ProjectId>,
        repository: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut query = row::Entity::find().filter(row::Column::Scope.eq(scope(project)));
        if let Some(repository) = repository {
            query = query.filter(row::Column::Repository.eq(repository));
        }
        let rows = query
            .order_by_desc(row::Column::ReceivedAt)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        let delivery = |row: row::Model| {
            Ok(Delivery {
                scope: (!row.scope.is_empty()).then(|| document::parse("project", &row.scope)).transpose()?,
                received_at: document::time(row.received_at)?,
                provider: row.provider,
                id: row.delivery,
                event: row.event,
                repository: row.repository,
                outcome: row.outcome,
            })
        };
        rows.into_iter().map(delivery).collect()
    }

    /// Forgets what was received before.
    pub async fn deliveries_prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ReceivedAt.lt(before.as_millisecond()))
            .exec(&self.db)
            .await;
        done.map(|done| done.rows_affected)
            .map_err(|error| StoreError::from_db("forgetting old webhooks", error))
    }

    /// What webhooks of a project are signed with, sealed, and since when.
    pub async fn hook_secret_get(
        &self,
        project: &ProjectId,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let found = secret::Entity::find_by_id(project.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(|row| Ok((row.sealed, document::time(row.created_at)?))).transpose()
    }

    pub async fn hook_secret_put(
        &self,
        project: &ProjectId,
        sealed: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = secret::ActiveModel {
            project_id: Set(project.to_string()),
            sealed: Set(sealed.to_owned()),
            created_at: Set(now.as_millisecond()),
        };
        let replace = OnConflict::column(secret::Column::ProjectId)
            .update_columns([secret::Column::Sealed, secret::Column::CreatedAt])
            .to_owned();
        let done = secret::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a webhook's secret", error))
    }

    /// Removes all of a project's.
    pub(crate) async fn hooks_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("deleting a project's webhooks", error);
        secret::Entity::delete_by_id(project.to_string()).exec(&self.db).await.map_err(error)?;
        let of_project = row::Column::Scope.eq(project.to_string());
        row::Entity::delete_many().filter(of_project).exec(&self.db).await.map(drop).map_err(error)
    }
}

fn scope(project: Option<&ProjectId>) -> String {
    project.map(ToString::to_string).unwrap_or_default()
}
