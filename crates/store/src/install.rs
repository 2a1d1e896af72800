//! The installation's identity, its epoch, and small settings.

use pierhead_model::id::InstallId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QuerySelect, Set};

use crate::{Store, StoreError, document};

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "install")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub install_id: String,
        pub epoch: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod setting {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub value: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const DOING: &str = "reading the installation's identity";

impl Store {
    /// Begins a new epoch. The installation gets `fresh` as its id if it has none yet. Every write of the lifecycle carries
    /// the epoch, and one that carries an older one is refused.
    pub async fn epoch_begin(&self, fresh: InstallId) -> Result<(InstallId, u64), StoreError> {
        let error = |error| StoreError::from_db(DOING, error);
        let transaction = self.db.begin().await.map_err(error)?;
        let first = row::ActiveModel { id: Set(1), install_id: Set(fresh.to_string()), epoch: Set(0) };
        row::Entity::insert(first)
            .on_conflict(OnConflict::column(row::Column::Id).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(error)?;
        let current = row::Entity::find_by_id(1)
            .lock_exclusive()
            .one(&transaction)
            .await
            .map_err(error)?
            .ok_or(StoreError::NotFound { what: "installation" })?;
        let epoch = current.epoch + 1;
        row::Entity::update_many()
            .col_expr(row::Column::Epoch, Expr::value(epoch))
            .exec(&transaction)
            .await
            .map_err(error)?;
        transaction.commit().await.map_err(error)?;
        Ok((document::parse("install id", &current.install_id)?, u64::try_from(epoch).unwrap_or_default()))
    }

    /// A small value that the control plane keeps for itself.
    pub async fn setting_get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let found = setting::Entity::find_by_id(key.to_owned()).one(&self.db).await;
        Ok(found.map_err(|error| StoreError::from_db("reading a setting", error))?.map(|row| row.value))
    }

    /// Stores a value unless there is one; returns the one that is there then.
    pub async fn setting_ensure(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let error = |error| StoreError::from_db("storing a setting", error);
        let row = setting::ActiveModel { key: Set(key.to_owned()), value: Set(value.to_owned()) };
        setting::Entity::insert(row)
            .on_conflict(OnConflict::column(setting::Column::Key).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        self.setting_get(key).await?.ok_or(StoreError::NotFound { what: "setting" })
    }

    /// Stores a value in the place of `old`; `false` when another one is there.
    pub async fn setting_replace(&self, key: &str, old: &str, value: &str) -> Result<bool, StoreError> {
        let done = setting::Entity::update_many()
            .col_expr(setting::Column::Value, Expr::value(value))
            .filter(setting::Column::Key.eq(key))
            .filter(setting::Column::Value.eq(old))
            .exec(&self.db)
            .await;
        Ok(done.map_err(|error| StoreError::from_db("storing a setting", error))?.rows_affected == 1)
    }

    pub async fn setting_delete(&self, key: &str) -> Result<bool, StoreError> {
        let deleted = setting::Entity::delete_by_id(key.to_owned()).exec(&self.db).await;
        Ok(deleted.map_err(|error| StoreError::from_db("deleting a setting", error))?.rows_affected > 0)
    }
}
