//! Keys that secrets are sealed with, wrapped by a master key that is not here.

use pierhead_model::Timestamp;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// One data key under one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Counts data keys, newest last.
    pub id: u32,
    /// The name of the master key that wrapped it.
    pub master: String,
    pub wrapped: String,
    pub created_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "data_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub master: String,
        pub wrapped: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    /// All of them, oldest first.
    pub async fn data_keys(&self) -> Result<Vec<WrappedKey>, StoreError> {
        let rows = row::Entity::find()
            .order_by_asc(row::Column::Id)
            .order_by_asc(row::Column::Master)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the data keys", error))?;
        let read = |row: row::Model| {
            Ok(WrappedKey {
                id: u32::try_from(row.id).map_err(|error| StoreError::corrupt("data key", error))?,
                master: row.master,
                wrapped: row.wrapped,
                created_at: document::time(row.created_at)?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Adds one, or stores it as it is wrapped now.
    pub async fn data_key_put(&self, key: &WrappedKey) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            id: Set(key.id.into()),
            master: Set(key.master.clone()),
            wrapped: Set(key.wrapped.clone()),
            created_at: Set(key.created_at.as_millisecond()),
        };
        let same = [row::Column::Id, row::Column::Master];
        row::Entity::insert(row)
            .on_conflict(OnConflict::columns(same).update_column(row::Column::Wrapped).to_owned())
            .exec_without_returning(&self.db)
            .await
            .map(drop)
            .map_err(|error| StoreError::from_db("storing a data key", error))
    }

    /// Forgets what other master keys wrapped.
    pub async fn data_keys_keep_only(&self, master: &str) -> Result<(), StoreError> {
        let done = row::Entity::delete_many().filter(row::Column::Master.ne(master)).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("forgetting an old master key", error))
    }
}
